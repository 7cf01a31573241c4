"""From the store to pandas, and the statistics of a sweep."""

from vaebench.analysis.agreement import latent_kl, udr_scores
from vaebench.analysis.frames import curves, jobs, long_scores, representatives, runs
from vaebench.analysis.measures import MEASURES, Measure, measure
from vaebench.analysis.statistics import (
    Decomposition,
    Interval,
    RSquared,
    decompose,
    mean_interval,
    r_squared,
    summarise,
)

__all__ = [
    "MEASURES",
    "Decomposition",
    "Interval",
    "Measure",
    "RSquared",
    "curves",
    "decompose",
    "jobs",
    "latent_kl",
    "long_scores",
    "mean_interval",
    "measure",
    "r_squared",
    "representatives",
    "runs",
    "summarise",
    "udr_scores",
]
