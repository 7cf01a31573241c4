"""From the store to pandas, and the statistics of a sweep."""

from vaebench.analysis.comparison import Comparison, compare
from vaebench.analysis.frames import curves, jobs, long_scores, representatives, runs, wide_runs
from vaebench.analysis.resampling import Resampling
from vaebench.analysis.sample import Sample, Split, prepare, samples
from vaebench.analysis.statistics import (
    MeanInterval,
    RSquared,
    mean_interval,
    r_squared,
    run_interval,
    summarise,
)
from vaebench.analysis.tables import TABLES, Statistic, metric_correlation
from vaebench.analysis.udr import latent_variance, udr_scores
from vaebench.measures import MEASURES, measure

__all__ = [
    "MEASURES",
    "TABLES",
    "Comparison",
    "MeanInterval",
    "RSquared",
    "Resampling",
    "Sample",
    "Split",
    "Statistic",
    "compare",
    "curves",
    "jobs",
    "latent_variance",
    "long_scores",
    "mean_interval",
    "measure",
    "metric_correlation",
    "prepare",
    "r_squared",
    "representatives",
    "run_interval",
    "runs",
    "samples",
    "summarise",
    "udr_scores",
    "wide_runs",
]
