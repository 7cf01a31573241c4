"""The figures of the report: one record each, drawn from runs and computed tables."""

from vaebench.report.figures.choosing import (
    best_of,
    cross_validation,
    seeds_needed,
    seeds_power,
    selection,
)
from vaebench.report.figures.comparison import improvement, iqm, profiles, ranking
from vaebench.report.figures.correlations import (
    downstream_correlation,
    metric_correlation,
    transfer,
    unsupervised_correlation,
)
from vaebench.report.figures.downstream import downstream_curves
from vaebench.report.figures.fit import rate_distortion, wall_time
from vaebench.report.figures.pairs import paired
from vaebench.report.figures.record import ALL, Drawn, Figure, FigureData, View
from vaebench.report.figures.spread import violin
from vaebench.report.figures.strengths import collapse, strengths, total_correlation
from vaebench.report.figures.training import curves
from vaebench.report.figures.variance import (
    evaluation_noise,
    seed_or_strength,
    variance_components,
)

FIGURES: tuple[Figure, ...] = (
    variance_components,
    violin,
    seed_or_strength,
    strengths,
    total_correlation,
    metric_correlation,
    unsupervised_correlation,
    best_of,
    selection,
    transfer,
    downstream_correlation,
    downstream_curves,
    iqm,
    improvement,
    profiles,
    ranking,
    seeds_needed,
    seeds_power,
    paired,
    cross_validation,
    rate_distortion,
    collapse,
    evaluation_noise,
    wall_time,
    curves,
)
"""Every figure of the report, in the order to read them."""

__all__ = ["ALL", "FIGURES", "Drawn", "Figure", "FigureData", "View"]
