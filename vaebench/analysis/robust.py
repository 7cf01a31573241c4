"""Interquartile mean, probability of improvement and performance profiles under seed weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vaebench.analysis.resampling import FloatArray
from vaebench.analysis.sample import IntArray

_CHUNK = 100_000
"""Numbers that are held at once: what a processor's cache holds."""


def interquartile_mean(values: FloatArray, seeds: IntArray, weights: FloatArray) -> FloatArray:
    r"""Averages the middle half of some runs, in each of many resamples.

    Of n runs the lowest and the highest :math:`\lfloor n / 4 \rfloor` are left out, as in the
    25 % trimmed mean (`scipy.stats.trim_mean`). A run whose seed is drawn w times counts as w.

    Args:
        values: A metric of n runs [n], finite.
        seeds: Place of each run's seed [n].
        weights: How often each seed was drawn in each resample [B, K], whole numbers.

    Returns:
        The mean of each resample [B]; NaN where it holds no run.

    References:
        Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice,
        NeurIPS 2021, section 4.3, https://arxiv.org/abs/2108.13264
    """
    if not len(values):
        return np.full(len(weights), np.nan)
    order = np.argsort(values)
    ordered, places = values[order], seeds[order]
    result = np.empty(len(weights))
    step = max(16, _CHUNK // len(values))
    for start in range(0, len(weights), step):
        # Runs up to each one [n, B]; clipped to the middle half, its differences are those kept.
        upto = np.cumsum(weights[start : start + step].T[places], axis=0)
        total = upto[-1].copy()
        cut = np.floor(total / 4)
        np.clip(upto, cut, total - cut, out=upto)
        sums = ordered[-1] * (total - cut) - ordered[0] * cut - np.diff(ordered) @ upto[:-1]
        with np.errstate(invalid="ignore"):
            result[start : start + step] = sums / (total - 2 * cut)
    return np.clip(result, ordered[0], ordered[-1])


def beaten(ours: FloatArray, theirs: FloatArray) -> FloatArray:
    """Counts which runs of one model beat those of another, by the seeds of both.

    Args:
        ours: A metric of a model's runs by seed [runs, K]; NaN where there is none.
        theirs: The same of another model [runs', K].

    Returns:
        [K, K] pairs of runs with these seeds that ours win, a tie being half a win.
    """
    one, other = ours[:, None, :, None], theirs[None, :, None, :]
    won = (one > other).sum(axis=(0, 1), dtype=np.int32)
    lost_not = (one >= other).sum(axis=(0, 1), dtype=np.int32)
    return np.asarray((won + lost_not) / 2)


def ratio_over_seeds(
    parts: FloatArray, counts: FloatArray, first: FloatArray, second: FloatArray | None = None
) -> FloatArray:
    """Averages a figure of pairs of seeds, in each of many resamples.

    Args:
        parts: Sum of the figure over what has these two seeds [S, S'].
        counts: What it is the sum of [S, S'].
        first: How often each of the first seeds was drawn [B, S].
        second: How often each of the second seeds was drawn [B, S']; as `first` if not given.

    Returns:
        The average of each resample [B]; NaN where it holds nothing.
    """
    second = first if second is None else second
    total = np.sum((first @ counts) * second, axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sum((first @ parts) * second, axis=1) / total)


def probability_of_improvement(tables: Sequence[FloatArray], weights: FloatArray) -> FloatArray:
    r"""Computes how probably a run of one model beats one of another: P(x > y) + ½ P(x = y).

    It is the Mann–Whitney U statistic over the number of pairs.

    Args:
        tables: A metric of each model's runs by seed [runs, K]; NaN where there is none.
        weights: How often each seed was drawn in each resample [B, K].

    Returns:
        [B, models, models] the probability that the first beats the second, ½ of a model with
        itself; NaN where a resample holds no run of one of them.

    References:
        Agarwal et al. 2021, section 4.3, https://arxiv.org/abs/2108.13264
    """
    models = len(tables)
    runs = np.stack([np.sum(~np.isnan(each), axis=0) for each in tables], axis=1)
    drawn = weights @ runs.astype(np.float64)
    result = np.full((len(weights), models, models), 0.5)
    for a in range(models):
        won = [beaten(tables[a], tables[b]) for b in range(a + 1, models)]
        if won:
            sums = (weights @ np.concatenate(won, axis=1)).reshape(len(weights), -1, len(runs))
            wins = np.einsum("bmk,bk->bm", sums, weights)
            with np.errstate(invalid="ignore", divide="ignore"):
                share = wins / (drawn[:, a, None] * drawn[:, a + 1 :])
            result[:, a, a + 1 :] = share
            result[:, a + 1 :, a] = 1 - share
    return result


def performance_profile(
    values: FloatArray, thresholds: FloatArray, weights: FloatArray
) -> FloatArray:
    """Computes which share of the runs lies above each threshold.

    Args:
        values: A metric of a model's runs [cells, S]; NaN where there is none.
        thresholds: Thresholds [T].
        weights: How often each seed was drawn in each resample [B, S].

    Returns:
        The shares [B, T], falling with the threshold.

    References:
        Agarwal et al. 2021, section 4.2 (score distributions of runs),
        https://arxiv.org/abs/2108.13264
    """
    above = np.stack([np.sum(column[:, None] > thresholds, axis=0) for column in values.T]).astype(
        np.float64
    )
    runs = weights @ np.sum(~np.isnan(values), axis=0).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(weights @ above / runs[:, None])


def once_and(weights: FloatArray) -> FloatArray:
    """Puts the sample itself, each seed once, before its resamples: [1 + B, K]."""
    return np.concatenate([np.ones((1, weights.shape[1])), weights])
