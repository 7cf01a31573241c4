"""A good seed, or good hyperparameters: how often a run of a worse cell beats a better one's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vaebench.analysis.measures import SUPERVISED
from vaebench.analysis.resampling import FloatArray
from vaebench.analysis.robust import once_and, ratio_over_seeds
from vaebench.analysis.sample import Sample
from vaebench.analysis.tables.record import Needs, Rows, table


@table(
    "dataset metric probability low high",
    title="A good seed, or good hyperparameters?",
    needs=Needs(seeds=3, cells=2, metrics=(SUPERVISED,)),
    note=(
        "How often a run of a worse cell beats a run of a better one with another seed; which "
        "cell is the better one is told by the seeds of neither run. 0: hyperparameters decide "
        "all; ½: the seed does."
    ),
)
def seed_or_strength(samples: Sequence[Sample]) -> Rows:
    """Computes how often a run of a worse cell beats one of a better cell, see `upsets`.

    Intervals resample the seeds of the two runs; which cell is the better one stays told by all
    other seeds, which matters only for cells that are as good as equal, where it does not.
    """
    rows: Rows = []
    for sample in (each.pooled for each in samples):
        weights = once_and(sample.weights)
        for name in sample.having(SUPERVISED):
            won, pairs = upsets(sample.grid(name))
            if pairs.any():
                draws = ratio_over_seeds(won, pairs, weights)
                low, high = sample.interval(draws[1:], draws[0])
                rows.append(
                    {
                        "dataset": sample.dataset,
                        "metric": name,
                        "probability": draws[0],
                        "low": float(low),
                        "high": float(high),
                        "cells": len(sample.cells),
                        "setting": sample.setting,
                    }
                )
    return rows


def upsets(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Counts how often a run of a worse cell beats a run of a better one, by their seeds.

    Which of two cells is the better is told by their means over the seeds that neither of the
    two runs has, so that no run takes part in its own judgement. Where those means are equal,
    either cell is the worse one with half the weight. A tie between the runs is half a win.

    Args:
        values: A metric [cells, S]; NaN where there is no run.

    Returns:
        [S, S] each, 0 where both seeds are the same, since a run of another cell with the same
        seed is no other draw of the seed: pairs that the worse cell won, and pairs.
    """
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    sums, counts = filled.sum(axis=1), known.sum(axis=1)
    # [cells, S, S]: mean over the seeds other than these two.
    others = sums[:, None, None] - filled[:, :, None] - filled[:, None, :]
    number = counts[:, None, None] - known[:, :, None] - known[:, None, :]
    means = np.divide(others, number, out=np.full(others.shape, np.nan), where=number > 0)
    first = known[:, :, None] & (number > 0)
    second = known[:, None, :] & (number > 0)
    after = np.cumsum(second[::-1], axis=0)[::-1] - second
    pairs: FloatArray = np.einsum("aij,aij->ij", first.astype(np.float64), after)
    equal = 1e-12 * np.max(np.abs(filled), initial=0.0)
    agreed = np.zeros_like(pairs)
    for cell in range(len(values) - 1):
        rest = slice(cell + 1, None)
        lead = means[cell] - means[rest]
        order = (lead > equal).view(np.int8) - (lead < -equal).view(np.int8)
        one, other = values[cell][:, None], values[rest][:, None, :]
        order *= (one > other).view(np.int8) - (one < other).view(np.int8)
        agreed += order.sum(axis=0, dtype=np.int32)
    apart = 1 - np.eye(len(pairs))
    return (pairs - agreed) / 2 * apart, pairs * apart
