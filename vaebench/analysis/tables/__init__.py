"""The statistics of a sweep, each a function of a frame of runs that gives a tidy table."""

from vaebench.analysis.tables.correlations import (
    downstream_correlation,
    downstream_curves,
    metric_correlation,
    unsupervised_correlation,
)
from vaebench.analysis.tables.folds import cross_validation
from vaebench.analysis.tables.record import Needs, Rows, Table, table
from vaebench.analysis.tables.strengths import total_correlation
from vaebench.analysis.tables.variance import variance_components, variance_explained

TABLES: tuple[Table, ...] = (
    metric_correlation,
    unsupervised_correlation,
    downstream_correlation,
    downstream_curves,
    total_correlation,
    variance_components,
    variance_explained,
    cross_validation,
)
"""Every table of the report, in the order to read them."""

__all__ = [
    "TABLES",
    "Needs",
    "Rows",
    "Table",
    "cross_validation",
    "downstream_correlation",
    "downstream_curves",
    "metric_correlation",
    "table",
    "total_correlation",
    "unsupervised_correlation",
    "variance_components",
    "variance_explained",
]
