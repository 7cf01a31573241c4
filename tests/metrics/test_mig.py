"""MIG on codes whose value can be worked out by hand, and against a slow plain version."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from tests.metrics.representations import drawn, grid, kinds, rotation, spread
from vaebench.metrics import mig, mig_details

SIZES = (3, 6, 8)


def plain_mig(codes, factors, bins=20):
    """The definition, point by point, with no array operation."""

    def information(a, b):
        n = len(a)
        both, left, right = Counter(zip(a, b, strict=True)), Counter(a), Counter(b)
        return sum(c / n * math.log(c * n / (left[x] * right[y])) for (x, y), c in both.items())

    def binned(values):
        low, width = min(values), (max(values) - min(values)) / bins
        if width == 0:
            return [0] * len(values)
        return [min(int((value - low) / width), bins - 1) for value in values]

    columns = [binned(column) for column in codes.T.tolist()]
    gaps = []
    for factor in factors.T.tolist():
        known = sorted((information(column, factor) for column in columns), reverse=True)
        gaps.append((known[0] - known[1]) / information(factor, factor))
    return sum(gaps) / len(gaps)


def test_a_perfect_code_has_one():
    factors = grid(SIZES, repeats=2)
    assert mig(spread(factors, SIZES), factors) == pytest.approx(1.0, abs=1e-12)


def test_a_perfect_code_of_drawn_factors_is_near_one():
    factors = drawn(SIZES, 10_000, np.random.default_rng(0))
    assert 0.99 < mig(spread(factors, SIZES), factors) <= 1.0


def test_a_constant_code_has_zero():
    factors = grid(SIZES)
    assert mig(np.full((len(factors), 4), 0.1), factors) == 0.0


def test_dead_dimensions_change_nothing():
    factors = drawn(SIZES, 2_000, np.random.default_rng(1))
    codes = spread(factors, SIZES) @ rotation(3)
    dead = np.column_stack([np.zeros(2_000), codes, np.full(2_000, 0.1)])
    assert mig(dead, factors) == mig(codes, factors)


def test_a_duplicated_dimension_has_no_lead():
    factors = grid(SIZES)
    twice = np.repeat(spread(factors, SIZES), 2, axis=1)
    assert mig(twice, factors) == pytest.approx(0.0, abs=1e-15)


def test_a_single_dimension_leads_over_nothing():
    factors = grid((4,), repeats=10)
    assert mig(factors.astype(float), factors) == pytest.approx(1.0, abs=1e-12)


def test_by_hand():
    """Factor: a fair bit. First dimension: the bit. Second: the bit, wrong one time in four."""
    bit = np.array([0, 0, 0, 0, 1, 1, 1, 1] * 4)
    wrong = np.array([0, 0, 0, 1, 1, 1, 1, 0] * 4)
    coin = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    result = mig_details(np.column_stack([bit, wrong, np.zeros(32)]), bit[:, None])
    assert result.score == pytest.approx(coin / math.log(2), abs=1e-12)
    expected = [[math.log(2)], [math.log(2) - coin], [0.0]]
    np.testing.assert_allclose(result.mutual_information, expected, atol=1e-12)
    np.testing.assert_allclose(result.entropies, [math.log(2)], atol=1e-12)


def test_more_values_than_bins_by_hand():
    """40 even values in 20 bins, two to a bin: log 20 of log 40 nats are known."""
    factors = grid((40, 2), repeats=5)
    result = mig_details(factors.astype(float), factors)
    np.testing.assert_allclose(result.gaps, [math.log(20) / math.log(40), 1.0], atol=1e-12)


def test_samples_are_rows():
    """The well-known mistake, reading [N, D] as [D, N], makes the score a hundred times smaller."""
    factors = drawn((3, 6), 5_000, np.random.default_rng(2))
    codes = spread(factors, (3, 6)) + 0.05 * np.random.default_rng(3).normal(size=(5_000, 2))
    assert mig(codes, factors) > 0.9


def test_against_the_plain_version():
    rng = np.random.default_rng(4)
    factors = drawn(SIZES, 400, rng)
    for name, codes in kinds(factors, SIZES, rng).items():
        assert mig(codes, factors) == pytest.approx(plain_mig(codes, factors), abs=1e-9), name


def test_invariances():
    rng = np.random.default_rng(5)
    factors = drawn(SIZES, 1_000, rng)
    codes = spread(factors, SIZES) @ rotation(3) + 0.1 * rng.normal(size=(1_000, 3))
    score = mig(codes, factors)
    assert mig(codes[:, [2, 0, 1]], factors) == pytest.approx(score, abs=1e-12)
    assert mig(codes, factors[:, [1, 2, 0]]) == pytest.approx(score, abs=1e-12)
    rows = rng.permutation(1_000)
    assert mig(codes[rows], factors[rows]) == pytest.approx(score, abs=1e-12)
    # Powers of two scale without rounding, so no value changes its bin.
    assert mig(codes * 4.0, factors) == pytest.approx(score, abs=1e-12)
    assert mig(codes, 10 - 3 * factors) == pytest.approx(score, abs=1e-12)


def test_labels():
    labels = np.repeat(np.arange(10), 50)
    codes = np.column_stack([labels, np.random.default_rng(6).normal(size=500)])
    assert mig(codes, labels[:, None]) > 0.8
