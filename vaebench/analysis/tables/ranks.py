"""Rank correlations of metrics over runs, and over runs within cells, in every resample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vaebench.analysis.resampling import FloatArray
from vaebench.analysis.sample import IntArray, Sample

_CHUNK = 16_000_000
"""Numbers that are held at once: 128 MB."""


@dataclass(frozen=True)
class Correlation:
    """Rank correlations of some metrics [A] with others [B].

    Attributes:
        value: Spearman's, of all runs [A, B]; NaN where a metric is constant.
        low: Lower end of its interval [A, B].
        high: Upper end [A, B].
        runs: Runs that have both metrics [A, B].
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    runs: IntArray


def correlate(
    sample: Sample, left: Sequence[str], right: Sequence[str], *, within: bool = False
) -> Correlation:
    r"""Correlates metrics by rank, with intervals from resampling seeds.

    A resample is ranked anew, ties sharing their mean rank: with :math:`w_s` the number of times
    that seed s was drawn, a run's rank is, up to a constant, :math:`\sum_s w_s g_s` of
    :math:`g_s`, the number of runs of s with a smaller value, plus half of those with the same.
    So all resamples' ranks are one product of matrices.

    Args:
        sample: The runs; each pair of metrics is of those that have both.
        left: The metrics of the rows.
        right: The metrics of the columns.
        within: Whether to rank within each cell and to pool the covariances of these ranks over
            cells, instead of ranking all runs: what is then left is the seed's doing.

    References:
        Spearman, The Proof and Measurement of Association between Two Things, 1904.
    """
    names = list(dict.fromkeys([*left, *right]))
    table = np.stack([sample.values(name) for name in names])
    patterns = {name: np.isfinite(row).tobytes() for name, row in zip(names, table, strict=True)}
    shape = (len(left), len(right))
    value, low, high = (np.full(shape, np.nan) for _ in range(3))
    runs = np.zeros(shape, dtype=np.intp)
    weights = np.concatenate([np.ones((1, len(sample.seeds))), sample.weights])
    groups: dict[tuple[bytes, bytes], list[tuple[int, int]]] = {}
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            groups.setdefault((patterns[a], patterns[b]), []).append((i, j))
    for pairs in groups.values():
        rows, columns = (sorted(set(places)) for places in zip(*pairs, strict=True))
        first = [names.index(left[i]) for i in rows]
        second = [names.index(right[j]) for j in columns]
        both = np.isfinite(table[first[0]]) & np.isfinite(table[second[0]])
        place = np.ix_(rows, columns)
        runs[place] = both.sum()
        if both.sum() < 2:
            continue
        blocks = sample.cell_codes[both] if within else np.zeros(both.sum(), dtype=np.intp)
        seeds = sample.seed_codes[both]
        below = {
            n: _below(table[n, both], seeds, blocks, weights.shape[1]) for n in {*first, *second}
        }
        draws = _pearson(
            np.stack([below[n] for n in first]),
            np.stack([below[n] for n in second]),
            seeds,
            blocks,
            weights,
        )
        value[place] = draws[0]
        low[place], high[place] = sample.interval(draws[1:])
    return Correlation(value, low, high, runs)


def _below(values: FloatArray, seeds: IntArray, blocks: IntArray, number: int) -> FloatArray:
    """Counts a seed's runs in a run's block that are below the run, by seed and run [K, n]."""
    found = np.empty((number, len(values)))
    order = np.lexsort((values, blocks))
    _, level = np.unique(np.stack([blocks[order], values[order]]), axis=1, return_inverse=True)
    level = level.ravel()
    first = np.searchsorted(level, level, "left")
    last = np.searchsorted(level, level, "right")
    start = np.searchsorted(blocks[order], blocks[order], "left")
    for seed in range(number):
        count = np.concatenate([[0], np.cumsum(seeds[order] == seed)])
        found[seed, order] = (count[first] + count[last]) / 2 - count[start]
    return found


def _pearson(
    left: FloatArray, right: FloatArray, seeds: IntArray, blocks: IntArray, weights: FloatArray
) -> FloatArray:
    """Correlates ranks in every resample [R, A, B], centred within blocks.

    Args:
        left: Counts as `_below` gives them [A, K, n].
        right: The same of the others [B, K, n].
        seeds: Seed of each run [n].
        blocks: Block of each run [n].
        weights: Number of times each seed was drawn [R, K].
    """
    size = left.shape[2]
    draws = np.empty((len(weights), len(left), len(right)))
    step = max(1, _CHUNK // (size * (len(left) + len(right))))
    for start in range(0, len(weights), step):
        chunk = weights[start : start + step]
        each = chunk[:, seeds]
        a = _centred(_ranks(chunk, left), each, blocks)
        b = a if right is left else _centred(_ranks(chunk, right), each, blocks)
        product = (a * each[:, None]) @ b.transpose(0, 2, 1)
        spread_a = np.einsum("ran,rn->ra", a**2, each)
        spread_b = np.einsum("rbn,rn->rb", b**2, each)
        spread = np.sqrt(spread_a[:, :, None] * spread_b[:, None, :])
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(spread > 1e-9 * size, product / spread, np.nan)
        draws[start : start + step] = np.clip(part, -1, 1)
    return draws


def _ranks(weights: FloatArray, below: FloatArray) -> FloatArray:
    """Multiplies out the ranks of all metrics in all resamples [R, M, n]."""
    metrics, seeds, size = below.shape
    flat = below.transpose(1, 0, 2).reshape(seeds, metrics * size)
    return (weights @ flat).reshape(len(weights), metrics, size)


def _centred(ranks: FloatArray, each: FloatArray, blocks: IntArray) -> FloatArray:
    """Subtracts the weighted mean of each block [R, M, n]."""
    if not blocks.any():
        mean = np.einsum("rmn,rn->rm", ranks, each) / each.sum(axis=1)[:, None]
        return np.asarray(ranks - mean[:, :, None])
    member: npt.NDArray[np.float64] = np.eye(int(blocks.max()) + 1)[:, blocks]
    total = each @ member.T
    sums = (ranks * each[:, None]) @ member.T
    mean = sums / np.where(total > 0, total, 1)[:, None]
    return np.asarray(ranks - mean[:, :, blocks])
