"""Binned codes and the plug-in mutual information between them and the factors, in nats."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vaebench.metrics.inputs import FloatArray, IntArray

Weights = npt.NDArray[np.float64]
"""How often each point counts, [N]."""


@dataclass(frozen=True)
class Categories:
    """Columns of small whole numbers, the form in which everything here is counted.

    Attributes:
        values: int64 [N, C], column c holding 0 … sizes[c] - 1.
        sizes: Number of values of each column.
    """

    values: IntArray
    sizes: tuple[int, ...]


def discretise(codes: FloatArray, bins: int) -> Categories:
    """Puts every dimension into equal-width bins between its own minimum and maximum.

    The edges are those of `numpy.histogram(codes[:, d], bins)`, in the codes' own floating type;
    a value equal to the maximum falls in the last bin. A constant dimension has one bin.

    Args:
        codes: Finite floating array [N, D].
        bins: Number of bins, 2 or more.

    Returns:
        Bin indices [N, D].
    """
    values = np.empty(codes.shape, dtype=np.int64)
    for column in range(codes.shape[1]):
        code = codes[:, column]
        low, high = code.min(), code.max()
        if low == high:
            values[:, column] = 0
            continue
        edges = np.linspace(low, high, bins + 1, dtype=np.result_type(low, high))
        values[:, column] = np.searchsorted(edges[:-1], code, side="right") - 1
    return Categories(values, (bins,) * codes.shape[1])


def relabel(factors: IntArray) -> Categories:
    """Renumbers each factor's values as 0, 1, … in increasing order.

    Args:
        factors: int64 [N, F].

    Returns:
        The renumbered factors [N, F].
    """
    values = np.empty(factors.shape, dtype=np.int64)
    sizes = []
    for column in range(factors.shape[1]):
        levels, values[:, column] = np.unique(factors[:, column], return_inverse=True)
        sizes.append(len(levels))
    return Categories(values, tuple(sizes))


class Joint:
    """Counts how often the values of two columns meet, for many pairs of columns at once.

    The pairs' cells are numbered once; a resample of the points then costs one count per pair.

    Args:
        first: Categories [N, A].
        second: Categories [N, B].
        pairs: P pairs of a column of `first` and a column of `second`.
    """

    def __init__(
        self, first: Categories, second: Categories, pairs: Sequence[tuple[int, int]]
    ) -> None:
        self._shape = (len(pairs), max(first.sizes), max(second.sizes))
        width = self._shape[2]
        self._cells = [first.values[:, a] * width + second.values[:, b] for a, b in pairs]

    def tables(self, weights: Weights | None = None) -> npt.NDArray[np.float64]:
        """How often each value of the one meets each of the other.

        Args:
            weights: How often each point counts [N]; once each by default.

        Returns:
            Counts [P, rows, columns], padded with zeros to the largest pair.
        """
        size = self._shape[1] * self._shape[2]
        counts = np.empty((self._shape[0], size))
        for row, cells in enumerate(self._cells):
            counts[row] = np.bincount(cells, weights=weights, minlength=size)
        return counts.reshape(self._shape)

    def information(self, weights: Weights | None = None) -> npt.NDArray[np.float64]:
        """Mutual information of every pair, in nats [P]; see `mutual_information_of`."""
        return mutual_information_of(self.tables(weights))


def mutual_information_of(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    r"""Plug-in mutual information of tables of counts, in nats.

    .. math:: I = \sum_{ij} \frac{n_{ij}}{n} \log \frac{n \, n_{ij}}{n_{i\cdot} n_{\cdot j}}

    Whole counts make every ratio exact, so independent columns give exactly 0.

    Args:
        counts: [..., rows, columns].

    Returns:
        [...].
    """
    total = counts.sum(axis=(-2, -1), keepdims=True)
    outer = counts.sum(axis=-1, keepdims=True) * counts.sum(axis=-2, keepdims=True)
    ratio = np.divide(counts * total, outer, out=np.ones_like(counts), where=counts > 0)
    sums = (counts * np.log(ratio)).sum(axis=(-2, -1))
    return np.asarray(np.maximum(sums / total[..., 0, 0], 0.0))


def mutual_information(first: Categories, second: Categories) -> npt.NDArray[np.float64]:
    """Mutual information of every column of `first` with every column of `second`, in nats.

    Args:
        first: Categories [N, A].
        second: Categories [N, B].

    Returns:
        Mutual information [A, B].
    """
    shape = (len(first.sizes), len(second.sizes))
    return Joint(first, second, list(np.ndindex(shape))).information().reshape(shape)


def different_pairs(categories: Categories) -> Joint:
    """Counts of the pairs of different columns; there must be two columns or more.

    Args:
        categories: Categories [N, C].
    """
    columns = range(len(categories.sizes))
    return Joint(categories, categories, list(itertools.combinations(columns, 2)))


def entropies(categories: Categories, weights: Weights | None = None) -> npt.NDArray[np.float64]:
    """Plug-in entropy of every column, in nats.

    Args:
        categories: Categories [N, C].
        weights: How often each point counts [N]; once each by default.

    Returns:
        Entropies [C].
    """
    result = np.zeros(len(categories.sizes))
    for column, size in enumerate(categories.sizes):
        counts = np.bincount(categories.values[:, column], weights=weights, minlength=size)
        share = counts[counts > 0] / counts.sum()
        result[column] = -float(np.sum(share * np.log(share)))
    return result
