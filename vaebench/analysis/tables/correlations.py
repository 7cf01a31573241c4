"""Whether metrics agree: rank correlations with each other, with the unsupervised, with tasks."""

from __future__ import annotations

from collections.abc import Sequence

from vaebench.analysis.measures import SUPERVISED
from vaebench.analysis.sample import Sample
from vaebench.analysis.tables.ranks import correlate
from vaebench.analysis.tables.record import Needs, Rows, table

LEAST_RUNS = 5
"""Runs that a rank correlation needs: of three, chance alone gives 1 or -1 in a third of cases."""


@table(
    "dataset metric_a metric_b spearman low high runs",
    title="Do the metrics agree?",
    needs=Needs(runs=LEAST_RUNS, metrics=(SUPERVISED,), of_each=2),
    note=(
        "Spearman’s rank correlation over all runs of a data set, of the mean representation. "
        "Identical runs count once."
    ),
)
def metric_correlation(samples: Sequence[Sample]) -> Rows:
    """Correlates every metric with every metric, over all runs of a data set.

    References:
        Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of
        Disentangled Representations, ICML 2019, section 5.2, https://arxiv.org/abs/1811.12359
    """
    rows: Rows = []
    for sample in (each.pooled for each in samples):
        names = sample.having(SUPERVISED)
        found = correlate(sample, names, names)
        rows += [
            {
                "dataset": sample.dataset,
                "metric_a": a,
                "metric_b": b,
                "spearman": found.value[i, j],
                "low": found.low[i, j],
                "high": found.high[i, j],
                "runs": int(found.runs[i, j]),
                "setting": sample.setting,
            }
            for i, a in enumerate(names)
            for j, b in enumerate(names)
            if found.runs[i, j] >= LEAST_RUNS
        ]
    return rows
