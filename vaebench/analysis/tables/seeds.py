"""A good seed, or good hyperparameters: how often a run of a worse cell beats a better one's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vaebench.analysis.distributions import student_quantile
from vaebench.analysis.resampling import FloatArray
from vaebench.analysis.sample import IntArray, Sample
from vaebench.analysis.tables.record import Needs, Rows, table
from vaebench.measures import SUPERVISED

GROUPS = 10
"""Groups that seeds are left out in, where they are more than twice as many."""

LEAST_SEEDS = 4
"""Seeds that an interval needs: without one of them there must still be three."""


def _caution(sample: Sample) -> str | None:
    seeds = len(sample.seeds)
    if seeds >= 2 * LEAST_SEEDS:
        return None
    none = f"; an interval needs {LEAST_SEEDS} or more" if seeds < LEAST_SEEDS else ""
    return (
        f"has {seeds} seeds: which cell is the better one is told by {seeds - 2}, so it is often "
        f"mistaken and the probability is too near ½{none}"
    )


@table(
    "dataset metric probability low high",
    title="A good seed, or good hyperparameters?",
    needs=Needs(seeds=3, cells=2, metrics=(SUPERVISED,)),
    note=(
        "How often a run of a worse cell beats a run of a better one with another seed; which "
        "cell is the better one is told by the seeds of neither run. 0: hyperparameters decide "
        "all; ½: the seed does."
    ),
    caution=_caution,
    resampled=False,
)
def seed_or_strength(samples: Sequence[Sample]) -> Rows:
    r"""Computes how often a run of a worse cell beats one of a better cell, see `upsets`.

    Intervals leave out seeds, with all their runs, and are Student's: the jackknife. Resamples
    with replacement do not serve here: a seed that is drawn twice would order the cells by what
    it is compared with, and without its copies the order is told by too few seeds.

    References:
        Efron & Stein, The Jackknife Estimate of Variance, The Annals of Statistics 9(3), 1981,
        https://doi.org/10.1214/aos/1176345462
    """
    rows: Rows = []
    for sample in (each.pooled for each in samples):
        seeds = len(sample.seeds)
        groups = np.arange(seeds) % (seeds if seeds <= 2 * GROUPS else GROUPS)
        for name in sample.having(SUPERVISED):
            shares = upsets(sample.grid(name), groups)
            if math.isfinite(shares[0]):
                low, high = _jackknife(shares) if seeds >= LEAST_SEEDS else (math.nan, math.nan)
                rows.append(
                    {
                        "dataset": sample.dataset,
                        "metric": name,
                        "probability": shares[0],
                        "low": low,
                        "high": high,
                        "cells": len(sample.cells),
                        "setting": sample.setting,
                    }
                )
    return rows


def upsets(values: FloatArray, groups: IntArray) -> FloatArray:
    """Computes how often a run of a worse cell beats a run of a better one with another seed.

    Which of two cells is the better is told by their means over the seeds that neither of the
    two runs has, so that no run takes part in its own judgement. Where those means are equal,
    either cell is the worse one with half the weight. A tie between the runs is half a win. Runs
    with the same seed are not compared: they are no two draws of the seed.

    Args:
        values: A metric [cells, K]; NaN where there is no run.
        groups: Group of each seed [K], from 0 to G - 1.

    Returns:
        [1 + G] the share of all pairs of runs, and of those that are left without each group,
        which then does not order the cells either; NaN where there are none.
    """
    cells, seeds = values.shape
    i, j = np.triu_indices(seeds, 1)
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    step = 1e-12 * float(np.max(np.abs(filled), initial=0.0)) or 1.0  # rounding errors are less
    own, number = filled[:, i] + filled[:, j], known[:, i].astype(np.intp) + known[:, j]
    # Of each cell with those after it, for seeds i and j: wins less losses, and how many there are.
    results, numbers = [], []
    for cell in range(cells - 1):
        rest = slice(cell + 1, None)
        result = _sign(values[cell, i], values[rest][:, j])
        result += _sign(values[cell, j], values[rest][:, i])
        results.append(result.astype(np.float32))  # for fast and, up to 2^24, exact products
        there = known[cell, i] & known[rest][:, j], known[cell, j] & known[rest][:, i]
        numbers.append(there[0].astype(np.float32) + there[1])
    shares = np.full(1 + int(groups.max()) + 1, np.nan)
    for place in range(len(shares)):
        kept = groups != place - 1
        counts = known[:, kept].sum(axis=1)[:, None] - number
        counts[:, ~(kept[i] & kept[j])] = 0
        sums = filled[:, kept].sum(axis=1)[:, None] - own
        means = np.rint(sums / np.where(counts > 0, counts * step, np.nan))
        agreed, pairs = 0.0, float(known.all() * (cells - 1) * np.count_nonzero(counts))
        for cell in range(cells - 1):
            order = _sign(means[cell], means[cell + 1 :])
            agreed += float(np.vdot(order.astype(np.float32), results[cell]))
            if not known.all():
                able = (counts[cell] > 0) & (counts[cell + 1 :] > 0)
                pairs += float(np.vdot(able.astype(np.float32), numbers[cell]))
        shares[place] = (1 - agreed / pairs) / 2 if pairs else np.nan
    return shares


def _sign(a: FloatArray, b: FloatArray) -> npt.NDArray[np.int8]:
    """Compares: 1 where a is more than b, -1 where it is less, 0 where neither or NaN."""
    return np.asarray((a > b).view(np.int8) - (a < b).view(np.int8))


def _jackknife(shares: FloatArray) -> tuple[float, float]:
    left = shares[1:]
    number = len(left)
    error = math.sqrt((number - 1) / number * float(np.sum((left - left.mean()) ** 2)))
    half = float(student_quantile(0.975, number - 1)) * error
    return max(float(shares[0]) - half, 0.0), min(float(shares[0]) + half, 1.0)
