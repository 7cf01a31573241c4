"""The figures of the report: one record each, drawn from runs and computed tables."""

from vaebench.report.figures.comparison import iqm
from vaebench.report.figures.correlations import metric_correlation
from vaebench.report.figures.record import ALL, Drawn, Figure, FigureData, View

FIGURES: tuple[Figure, ...] = (
    metric_correlation,
    iqm,
)
"""Every figure of the report, in the order to read them."""

__all__ = ["ALL", "FIGURES", "Drawn", "Figure", "FigureData", "View"]
