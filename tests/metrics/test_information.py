"""Bins and mutual information against numpy.histogram, scikit-learn and tables by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from vaebench.metrics.information import (
    Categories,
    Joint,
    different_pairs,
    discretise,
    entropies,
    mutual_information,
    mutual_information_of,
    relabel,
)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("bins", [2, 7, 20])
def test_bins_are_those_of_numpy_histogram(dtype, bins):
    rng = np.random.default_rng(0)
    codes = np.column_stack(
        [rng.normal(size=999), rng.integers(0, 40, 999), rng.standard_t(1.1, size=999)]
    ).astype(dtype)
    binned = discretise(codes, bins)
    for column in range(3):
        counted = np.bincount(binned.values[:, column], minlength=bins)
        np.testing.assert_array_equal(counted, np.histogram(codes[:, column], bins)[0])


def test_edges_belong_to_the_upper_bin_and_the_maximum_to_the_last():
    codes = np.array([[0.0], [0.999], [1.0], [1.5], [2.0], [3.0], [4.0]])
    assert discretise(codes, 4).values[:, 0].tolist() == [0, 0, 1, 1, 2, 3, 3]


def test_constant_and_nearly_constant_dimensions_have_bins():
    up = np.nextafter(np.float32(0.1), np.float32(1))
    codes = np.array([[5.0, 0.1], [5.0, up], [5.0, 0.1]], dtype=np.float32)
    binned = discretise(codes, 20).values
    assert binned[:, 0].tolist() == [0, 0, 0]
    assert binned[0, 1] == binned[2, 1] != binned[1, 1]
    assert binned.max() < 20
    assert binned.min() >= 0


def test_relabel():
    factors = np.array([[7, -1], [3, 5], [7, -1], [10, 5]])
    renamed = relabel(factors)
    assert renamed.values.tolist() == [[1, 0], [0, 1], [1, 0], [2, 1]]
    assert renamed.sizes == (3, 2)


def test_information_of_tables_by_hand():
    # Independent, however uneven: exactly nothing.
    assert mutual_information_of(np.outer([1.0, 2, 7], [3.0, 5])) == 0.0
    # A copy of a fair bit: log 2. Of a fair choice of four: log 4.
    assert mutual_information_of(np.eye(2) * 5) == pytest.approx(np.log(2), abs=1e-15)
    assert mutual_information_of(np.eye(4)) == pytest.approx(np.log(4), abs=1e-15)
    # A bit read wrongly one time in four: log 2 less the entropy of a 1/4 coin.
    flipped = np.array([[3.0, 1.0], [1.0, 3.0]])
    coin = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert mutual_information_of(flipped) == pytest.approx(np.log(2) - coin, abs=1e-15)


def test_information_against_scikit_learn():
    rng = np.random.default_rng(1)
    first = Categories(rng.integers(0, 6, (500, 3)), (6, 6, 6))
    other = np.column_stack([first.values[:, 0] // 2, rng.integers(0, 4, 500)])
    second = Categories(other, (3, 4))
    table = mutual_information(first, second)
    for row in range(3):
        for column in range(2):
            expected = mutual_info_score(first.values[:, row], other[:, column])
            assert table[row, column] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(np.diag(mutual_information(second, second)), entropies(second))
    pairs = [mutual_info_score(*first.values[:, [a, b]].T) for a, b in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(different_pairs(first).information(), pairs, atol=1e-12)


def test_weights_are_repetitions():
    rng = np.random.default_rng(2)
    values = rng.integers(0, 3, (50, 2))
    times = rng.integers(0, 4, 50)
    once = Categories(values, (3, 3))
    repeated = Categories(np.repeat(values, times, axis=0), (3, 3))
    weights = times.astype(float)
    joint, expected = (Joint(c, c, [(0, 1), (1, 1)]) for c in (once, repeated))
    np.testing.assert_array_equal(joint.tables(weights), expected.tables())
    np.testing.assert_allclose(joint.information(weights), expected.information(), atol=1e-14)
    np.testing.assert_allclose(entropies(once, weights), entropies(repeated), atol=1e-14)
