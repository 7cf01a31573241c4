"""Rank correlations of metrics over runs, and over runs within cells, in every resample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vaebench.analysis.resampling import FloatArray
from vaebench.analysis.sample import IntArray, Sample

_CHUNK = 2_000_000
"""Numbers that are held at once, of 4 bytes each."""


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

    Every resample is ranked anew, ties sharing their mean rank. With :math:`w_s` the number of
    times that seed s was drawn, a run's rank less the mean rank is :math:`\sum_s w_s g_s`, where
    :math:`g_s` is the number of runs of s with a smaller value, plus half of those with the same,
    less half of all. So the ranks of all resamples are one product of matrices.

    Args:
        sample: The runs; each pair of metrics is of those that have both.
        left: The metrics of the rows.
        right: The metrics of the columns.
        within: Whether to rank within each cell and to pool the covariances of these ranks over
            cells, instead of ranking all runs: what is then left is the seed's doing.
    """
    names = list(dict.fromkeys([*left, *right]))
    table = np.stack([sample.values(name) for name in names])
    known = np.isfinite(table)
    shape = (len(left), len(right))
    value, low, high = (np.full(shape, np.nan) for _ in range(3))
    runs = np.zeros(shape, dtype=np.intp)
    for rows, columns in _patterns([known[names.index(n)] for n in left],
                                   [known[names.index(n)] for n in right]):  # fmt: skip
        first = [names.index(left[i]) for i in rows]
        second = [names.index(right[j]) for j in columns]
        both = known[first[0]] & known[second[0]]
        place = np.ix_(rows, columns)
        runs[place] = both.sum()
        if both.sum() < 2:
            continue
        every = sorted({*first, *second})
        blocks = sample.cell_codes[both] if within else np.zeros(both.sum(), dtype=np.intp)
        seeds = sample.seed_codes[both]
        ranks = np.stack([rank_parts(table[n, both], seeds, blocks, len(sample.seeds))
                          for n in every])  # fmt: skip
        ones = np.ones((1, len(sample.seeds)))
        draws = np.concatenate(
            [
                _pearson(ranks, seeds, ones, np.float64),
                _pearson(ranks, seeds, sample.weights, np.float32),
            ]
        )
        draws = draws[:, [every.index(n) for n in first]][:, :, [every.index(n) for n in second]]
        value[place] = draws[0]
        low[place], high[place] = sample.interval(draws[1:], draws[0])
    return Correlation(value, low, high, runs)


def _patterns(
    left: Sequence[npt.NDArray[np.bool_]], right: Sequence[npt.NDArray[np.bool_]]
) -> list[tuple[list[int], list[int]]]:
    """Groups rows and columns whose metrics the same runs have, as their places."""
    groups: list[dict[bytes, list[int]]] = []
    for side in (left, right):
        found: dict[bytes, list[int]] = {}
        for place, known in enumerate(side):
            found.setdefault(known.tobytes(), []).append(place)
        groups.append(found)
    return [(rows, columns) for rows in groups[0].values() for columns in groups[1].values()]


def rank_parts(values: FloatArray, seeds: IntArray, blocks: IntArray, number: int) -> FloatArray:
    """Computes what each seed adds to the rank of each run, less the mean rank.

    Args:
        values: A metric [n].
        seeds: Seed of each run, from 0 [n].
        blocks: What runs are ranked within [n].
        number: Number of seeds K.

    Returns:
        The seed's runs in the run's block that are below the run, and half of those that are
        level with it, less half of all [K, n].
    """
    order = np.lexsort((values, blocks))
    pairs = np.stack([blocks[order], values[order]])
    starts = np.any(np.diff(pairs, axis=1, prepend=np.nan) != 0, axis=0)
    level = np.cumsum(starts)
    first, last = (np.searchsorted(level, level, side) for side in ("left", "right"))
    group = blocks[order]
    start, end = (np.searchsorted(group, group, side) for side in ("left", "right"))
    mine = (seeds[order] == np.arange(number)[:, None]).astype(np.float64)
    count = np.concatenate([np.zeros((number, 1)), np.cumsum(mine, axis=1)], axis=1)
    found = np.empty((number, len(values)))
    found[:, order] = (count[:, first] + count[:, last] - count[:, start] - count[:, end]) / 2
    return found


def _pearson(parts: FloatArray, seeds: IntArray, weights: FloatArray, kind: Any) -> FloatArray:
    """Correlates the ranks of every two metrics in every resample [R, M, M].

    Args:
        parts: What `rank_parts` gives of each metric [M, K, n].
        seeds: Seed of each run [n].
        weights: Number of times each seed was drawn [R, K].
        kind: Precision of the sums; ranks themselves are exact.
    """
    metrics, number, size = parts.shape
    flat = parts.transpose(1, 0, 2).reshape(number, metrics * size).astype(kind)
    drawn = weights.astype(kind)
    root = np.sqrt(drawn)
    found = np.empty((len(weights), metrics, metrics))
    step = max(1, _CHUNK // (size * metrics))
    for start in range(0, len(weights), step):
        ranks = (drawn[start : start + step] @ flat).reshape(-1, metrics, size)
        ranks *= root[start : start + step, None, seeds]
        product = (ranks @ ranks.transpose(0, 2, 1)).astype(np.float64)
        spread = np.sqrt(np.diagonal(product, axis1=1, axis2=2))
        both = spread[:, :, None] * spread[:, None, :]
        part = np.divide(product, both, out=np.full(product.shape, np.nan), where=both > 1e-6)
        found[start : start + step] = np.clip(part, -1, 1)
    return found
