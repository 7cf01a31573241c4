"""SAP by hand, against scikit-learn's machines, and on dead dimensions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from tests.metrics.representations import drawn, grid, kinds, spread
from vaebench.errors import DataError
from vaebench.metrics import sap, sap_details
from vaebench.metrics.sap import gaps_of, squared_correlation

SIZES = (2, 3, 7)


def test_gaps_by_hand():
    matrix = np.array([[0.9, 0.2], [0.5, 0.7], [0.6, 0.7]])
    np.testing.assert_allclose(gaps_of(matrix), [0.3, 0.0], atol=1e-15)
    np.testing.assert_allclose(gaps_of(matrix[:1]), [0.9, 0.2])


def test_a_perfect_code_of_bits():
    """The bit's own dimension is always right, the other's right half the time."""
    bits = grid((2, 2), repeats=50)
    codes = spread(bits, (2, 2))
    result = sap_details(codes, bits, codes, bits)
    np.testing.assert_allclose(result.matrix, [[1, 0.5], [0.5, 1]])
    assert result.score == 0.5


def test_duplicates_have_no_gap():
    bits = grid((2, 2), repeats=50)
    codes = np.repeat(spread(bits, (2, 2)), 2, axis=1)
    assert sap(codes, bits, codes, bits) == 0.0


@pytest.mark.parametrize("name", ["perfect", "noisy", "rotated", "outliers"])
def test_against_scikit_learn(name):
    rng = np.random.default_rng(0)
    factors = drawn(SIZES, 900, rng)
    codes = kinds(factors, SIZES, rng)[name]
    train, test = slice(0, 600), slice(600, None)
    result = sap_details(codes[train], factors[train], codes[test], factors[test])
    matrix = np.zeros((codes.shape[1], 3))
    for dim in range(codes.shape[1]):
        for column in range(3):
            model = LinearSVC(C=0.01, class_weight="balanced", dual=True, max_iter=200_000)
            model.fit(codes[train][:, [dim]], factors[train, column])
            matrix[dim, column] = model.score(codes[test][:, [dim]], factors[test, column])
    np.testing.assert_allclose(result.matrix, matrix, atol=0.02)
    ranked = np.sort(matrix, axis=0)
    assert result.score == pytest.approx((ranked[-1] - ranked[-2]).mean(), abs=0.02)
    np.testing.assert_allclose(result.hits.mean(axis=0), result.matrix)


def test_continuous_factors_by_hand():
    """Squared correlations of x: with itself 1, with x + y 1/2, with an independent y 0."""
    factors = grid((5, 5))
    first, second = factors.T.astype(float)
    codes = np.column_stack([first, first + second, np.full(25, 0.1)])
    result = sap_details(codes, factors, codes, factors, continuous=True)
    np.testing.assert_allclose(result.matrix, [[1, 0], [0.5, 0.5], [0, 0]], atol=1e-12)
    assert result.score == pytest.approx(0.5)
    assert not result.hits.any()


def test_kinds_of_factors_may_be_mixed():
    factors = grid((2, 5), repeats=10)
    codes = spread(factors, (2, 5)) + 0.1 * np.random.default_rng(1).normal(size=(100, 2))
    data = (codes, factors, codes, factors)
    mixed = sap_details(*data, continuous=[False, True]).matrix
    np.testing.assert_array_equal(mixed[:, 0], sap_details(*data).matrix[:, 0])
    np.testing.assert_array_equal(mixed[:, 1], sap_details(*data, continuous=True).matrix[:, 1])
    with pytest.raises(DataError, match="2 factors"):
        sap(*data, continuous=[True])


def test_squared_correlation():
    rng = np.random.default_rng(2)
    code, factor = rng.normal(size=200), rng.integers(0, 9, 200)
    expected = np.corrcoef(code, factor)[0, 1] ** 2
    assert squared_correlation(code, factor) == pytest.approx(expected, abs=1e-12)
    assert squared_correlation(-3 * code + 5, factor) == pytest.approx(expected, abs=1e-12)
    assert squared_correlation(1e-7 * code, factor) == 0.0


def test_dead_dimensions_guess_the_commonest():
    factors = np.column_stack([np.arange(400) % 5 > 1, np.minimum(np.arange(400) % 5, 2)])
    dead = np.full((400, 3), 0.1)
    result = sap_details(dead, factors.astype(int), dead, factors.astype(int))
    np.testing.assert_allclose(result.matrix, np.full((3, 2), 0.6))
    assert result.score == 0.0
    # Of three labels that is what the machine itself does.
    machine = LinearSVC(C=0.01, class_weight="balanced").fit(dead[:, :1], factors[:, 1])
    assert (machine.predict(dead[:, :1]) == 2).all()


def test_a_single_dimension_leads_over_nothing():
    factors = drawn(SIZES, 300, np.random.default_rng(3))
    one = spread(factors, SIZES)[:, :1]
    assert sap(one, factors[:, :1], one, factors[:, :1]) == 1.0
