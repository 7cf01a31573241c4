"""What a stronger regulariser does: the total correlation over strengths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vaebench.analysis.resampling import FloatArray
from vaebench.analysis.sample import IntArray, Sample
from vaebench.analysis.tables.record import Needs, Rows, table
from vaebench.metrics import SAMPLED

REPRESENTATIONS = {
    "mean": "gaussian_total_correlation",
    "sampled": f"{SAMPLED}gaussian_total_correlation",
}
"""The representations, with the name of each one's total correlation."""


@dataclass(frozen=True)
class CellMeans:
    """Means of a metric by cell.

    Attributes:
        mean: The mean over the cell's runs [C]; NaN for a cell without a value.
        low: Lower end of its interval [C].
        high: Upper end [C].
        runs: Runs with a value [C].
        draws: The mean in each resample [B, C].
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    runs: IntArray
    draws: FloatArray


def cell_means(sample: Sample, name: str) -> CellMeans:
    """Averages a metric over the seeds of each cell, in the order of `Sample.cells`."""
    grid = sample.grid(name)
    known = np.isfinite(grid)
    weights = np.concatenate([np.ones((1, grid.shape[1])), sample.weights])
    counts = weights @ known.T
    sums = weights @ np.where(known, grid, 0.0).T
    means = np.divide(sums, counts, out=np.full(sums.shape, math.nan), where=counts > 0)
    low, high = sample.interval(means[1:], means[0])
    # A cell that fewer seeds have than others has no more resamples than those of its own.
    few = known.sum(axis=1) < 2
    low, high = np.where(few, math.nan, low), np.where(few, math.nan, high)
    with_value = np.isfinite(sample.values(name))
    runs = np.bincount(sample.cell_codes[with_value], minlength=len(sample.cells))
    return CellMeans(means[0], low, high, runs, means[1:])


@table(
    "dataset model strength representation mean low high runs",
    title="Do stronger regularisers make the latents independent?",
    needs=Needs(strengths=2, metrics=(tuple(REPRESENTATIONS.values()),)),
    note=(
        "Total correlation, in nats, of a Gaussian with the covariance of the mean and of the "
        "sampled representation; mean over seeds, intervals from resampling them. A strength of "
        "one model is not comparable with the same number of another."
    ),
)
def total_correlation(samples: Sequence[Sample]) -> Rows:
    """Averages the total correlation of both representations by cell.

    References:
        Locatello et al. 2019, section 5.1 (from memory), https://arxiv.org/abs/1811.12359
    """
    rows: Rows = []
    for sample in samples:
        for representation, name in REPRESENTATIONS.items():
            if not sample.having([name]):
                continue
            found = cell_means(sample, name)
            for place, cell in enumerate(sample.cells.itertuples()):
                if found.runs[place]:
                    rows.append(
                        {
                            "dataset": sample.dataset,
                            "model": cell.model,
                            "strength": cell.strength,
                            "representation": representation,
                            "mean": found.mean[place],
                            "low": found.low[place],
                            "high": found.high[place],
                            "runs": int(found.runs[place]),
                            "cell": cell.cell,
                            "setting": sample.setting,
                        }
                    )
    return rows
