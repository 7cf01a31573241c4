"""Modularity of tables by hand and of known codes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.metrics.representations import drawn, grid, kinds, spread
from vaebench.errors import DataError
from vaebench.metrics import modularity, modularity_details
from vaebench.metrics.modularity import modularity_from_information

SIZES = (3, 6, 8)


def test_tables_by_hand():
    # One factor each: 1. Two factors alike of three: 1 - 1/2. All alike: 0. Nothing: 0.
    table = np.array([[2.0, 0, 0], [0, 0.5, 0.5], [0.7, 0.7, 0.7], [0, 0, 0]])
    result = modularity_from_information(table)
    np.testing.assert_allclose(result.per_dimension, [1, 0.5, 0, 0], atol=1e-15)
    assert result.score == pytest.approx(1.5 / 4)
    # Squares: a factor known a third as well counts a ninth.
    assert modularity_from_information(np.array([[0.9, 0.3]])).score == pytest.approx(1 - 1 / 9)


def test_a_perfect_code_has_one_and_dead_dimensions_count_as_zero():
    factors = grid(SIZES)
    codes = spread(factors, SIZES)
    assert modularity(codes, factors) == pytest.approx(1.0, abs=1e-12)
    dead = np.column_stack([codes, np.full(len(codes), 0.1)])
    assert modularity(dead, factors) == pytest.approx(0.75, abs=1e-12)
    assert modularity(dead[:, 3:], factors) == 0.0


def test_duplicates_stay_modular():
    factors = grid(SIZES)
    assert modularity(np.tile(spread(factors, SIZES), 3), factors) == pytest.approx(1.0, abs=1e-12)


def test_the_sum_of_two_bits_is_not_modular():
    factors = grid((2, 2), repeats=10)
    assert modularity(factors.sum(axis=1)[:, None], factors) == pytest.approx(0.0, abs=1e-12)


def test_against_a_plain_version():
    rng = np.random.default_rng(0)
    factors = drawn(SIZES, 500, rng)
    for name, codes in kinds(factors, SIZES, rng).items():
        result = modularity_details(codes, factors)
        scores = []
        for row in result.mutual_information.tolist():
            best = max(row)
            others = [value for i, value in enumerate(row) if i != row.index(best)]
            share = sum(value**2 for value in others) / (best**2 * len(others)) if best else 1.0
            scores.append(1 - share)
        assert result.score == pytest.approx(sum(scores) / len(scores), abs=1e-9), name


def test_one_factor_is_refused():
    labels = np.arange(40)[:, None] % 4
    with pytest.raises(DataError, match="at least 2"):
        modularity(labels.astype(float), labels)
