"""The statistics of a sweep, each a function of a frame of runs that gives a tidy table."""

from vaebench.analysis.tables.choosing import selection, transfer
from vaebench.analysis.tables.correlations import (
    downstream_correlation,
    downstream_curves,
    metric_correlation,
    unsupervised_correlation,
)
from vaebench.analysis.tables.folds import cross_validation
from vaebench.analysis.tables.ordering import ranking
from vaebench.analysis.tables.power import seeds_needed, seeds_power
from vaebench.analysis.tables.record import Needs, Rows, Statistic, table
from vaebench.analysis.tables.reliability import improvement, iqm, profiles
from vaebench.analysis.tables.seeds import seed_or_strength
from vaebench.analysis.tables.soundness import collapse, evaluation_noise
from vaebench.analysis.tables.strengths import total_correlation
from vaebench.analysis.tables.trials import best_of
from vaebench.analysis.tables.variance import variance_components, variance_explained

TABLES: tuple[Statistic, ...] = (
    metric_correlation,
    unsupervised_correlation,
    downstream_correlation,
    downstream_curves,
    total_correlation,
    variance_components,
    variance_explained,
    cross_validation,
    iqm,
    improvement,
    profiles,
    selection,
    transfer,
    seed_or_strength,
    seeds_needed,
    seeds_power,
    ranking,
    best_of,
    collapse,
    evaluation_noise,
)
"""Every table of the report, in the order to read them."""

__all__ = [
    "TABLES",
    "Needs",
    "Rows",
    "Statistic",
    "best_of",
    "collapse",
    "cross_validation",
    "downstream_correlation",
    "downstream_curves",
    "evaluation_noise",
    "improvement",
    "iqm",
    "metric_correlation",
    "profiles",
    "ranking",
    "seed_or_strength",
    "seeds_needed",
    "seeds_power",
    "selection",
    "table",
    "total_correlation",
    "transfer",
    "unsupervised_correlation",
    "variance_components",
    "variance_explained",
]
