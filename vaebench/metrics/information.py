"""Binned codes and the plug-in mutual information between them and the factors, in nats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vaebench.metrics.inputs import FloatArray, IntArray


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


def contingency(
    first: Categories,
    second: Categories,
    row: int,
    column: int,
    weights: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """Counts how often a value of `first[:, row]` meets a value of `second[:, column]`.

    Args:
        first: Categories [N, A].
        second: Categories [N, B].
        row: Which column of `first`.
        column: Which column of `second`.
        weights: How often each point counts [N]; once each by default.

    Returns:
        Counts [first.sizes[row], second.sizes[column]].
    """
    width = second.sizes[column]
    joint = first.values[:, row] * width + second.values[:, column]
    counts = np.bincount(joint, weights=weights, minlength=first.sizes[row] * width)
    return counts.reshape(first.sizes[row], width).astype(np.float64)


def mutual_information_of(counts: npt.NDArray[np.float64]) -> float:
    r"""Plug-in mutual information of a table of counts, in nats.

    .. math:: I = \sum_{ij} \frac{n_{ij}}{n} \log \frac{n \, n_{ij}}{n_{i\cdot} n_{\cdot j}}

    Whole counts make every ratio exact, so independent columns give exactly 0.
    """
    total = counts.sum()
    outer = counts.sum(axis=1)[:, None] * counts.sum(axis=0)[None, :]
    filled = counts > 0
    ratio = counts[filled] * total / outer[filled]
    return max(0.0, float(np.sum(counts[filled] * np.log(ratio)) / total))


def mutual_information(
    first: Categories, second: Categories, weights: npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.float64]:
    """Mutual information of every column of `first` with every column of `second`, in nats.

    Args:
        first: Categories [N, A].
        second: Categories [N, B].
        weights: How often each point counts [N]; once each by default.

    Returns:
        Mutual information [A, B].
    """
    table = np.zeros((len(first.sizes), len(second.sizes)))
    for row in range(table.shape[0]):
        for column in range(table.shape[1]):
            counts = contingency(first, second, row, column, weights)
            table[row, column] = mutual_information_of(counts)
    return table


def mean_pairwise_information(
    categories: Categories, weights: npt.NDArray[np.float64] | None = None
) -> float:
    """Mean mutual information of the pairs of different columns, in nats.

    Args:
        categories: Categories [N, C], C of 2 or more.
        weights: How often each point counts [N]; once each by default.
    """
    columns = range(len(categories.sizes))
    tables = [
        mutual_information_of(contingency(categories, categories, row, column, weights))
        for row in columns
        for column in columns
        if row < column
    ]
    return float(np.mean(tables))


def entropies(
    categories: Categories, weights: npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.float64]:
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
