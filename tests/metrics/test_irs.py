"""IRS by hand, on dead dimensions, and against a slow plain version."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.metrics.representations import drawn, grid, kinds, spread
from vaebench.errors import DataError
from vaebench.metrics import irs, irs_details

SIZES = (3, 6, 25)


def plain_irs(codes, factors, bins=20, quantile=0.99):
    """Loops over dimensions, factors and their bins."""

    def at(values):
        place = quantile * (len(values) - 1)
        low = math.floor(place)
        ranked = sorted(values)
        high = min(low + 1, len(ranked) - 1)
        return ranked[low] + (place - low) * (ranked[high] - ranked[low])

    total = weights = 0.0
    for code in codes.T.tolist():
        if max(code) == min(code):
            continue
        middle = math.fsum(code) / len(code)
        largest = max(abs(value - middle) for value in code)
        best = -math.inf
        for factor in factors.T.tolist():
            low, width = min(factor), (max(factor) - min(factor)) / bins
            groups = {}
            for value, level in zip(code, factor, strict=True):
                name = min(int((level - low) / width), bins - 1)
                groups.setdefault(name, []).append(value)
            strays = []
            for group in groups.values():
                mean = math.fsum(group) / len(group)
                strays.append(at([abs(value - mean) for value in group]))
            best = max(best, 1 - sum(strays) / len(strays) / largest)
        total += best * largest
        weights += largest
    return total / weights if weights else 0.0


def test_against_the_plain_version():
    rng = np.random.default_rng(0)
    factors = drawn(SIZES, 500, rng)
    for name, codes in kinds(factors, SIZES, rng).items():
        assert irs(codes, factors) == pytest.approx(plain_irs(codes, factors), abs=1e-9), name


def test_a_perfect_code_has_one():
    factors = grid((3, 6, 8))
    assert irs(spread(factors, (3, 6, 8)), factors) == pytest.approx(1.0, abs=1e-12)


def test_by_hand():
    """z = a + b / 2 of two bits (-1, 1): with a fixed it strays 1/2 of 3/2, with b fixed 1."""
    bits = grid((2, 2), repeats=10)
    signs = 2.0 * bits - 1
    result = irs_details((signs[:, 0] + signs[:, 1] / 2)[:, None], bits)
    np.testing.assert_allclose(result.matrix, [[2 / 3, 1 / 3]], atol=1e-12)
    assert result.parents.tolist() == [0]
    assert result.score == pytest.approx(2 / 3, abs=1e-12)


def test_dimensions_weigh_as_they_deviate():
    bits = grid((2, 2), repeats=10)
    signs = 2.0 * bits - 1
    mixed = signs[:, 0] + signs[:, 1] / 2
    score = irs(np.column_stack([mixed, 3 * signs[:, 1]]), bits)
    assert score == pytest.approx((1.5 * 2 / 3 + 3 * 1) / 4.5, abs=1e-12)


def test_dead_dimensions():
    factors = drawn((3, 4), 10_000, np.random.default_rng(1))
    codes = spread(factors, (3, 4)) + 0.1 * np.random.default_rng(2).normal(size=(10_000, 2))
    dead = np.full((10_000, 2), 0.1)
    assert irs(dead, factors) == 0.0
    assert irs(np.column_stack([dead, codes]), factors) == irs(codes, factors)
    jitter = np.where(np.arange(10_000) % 2, 0.1, np.nextafter(0.1, 1))[:, None]
    assert irs(jitter, factors) == 0.0
    assert irs_details(dead, factors).parents.tolist() == [-1, -1]


def test_invariances():
    rng = np.random.default_rng(3)
    factors = drawn((3, 4), 400, rng)
    codes = spread(factors, (3, 4)) + 0.2 * rng.normal(size=(400, 2))
    score = irs(codes, factors)
    assert irs(codes[:, ::-1], factors[:, ::-1]) == pytest.approx(score, abs=1e-12)
    # One scale and any place: with a scale each, the weights of the dimensions would change.
    assert irs(7 * codes + [1, -2], factors) == pytest.approx(score, abs=1e-12)


def test_quantile():
    factors = grid((2, 2), repeats=50)
    codes = spread(factors, (2, 2))
    codes[0] += 5.0
    assert irs(codes, factors, quantile=1.0) < irs(codes, factors, quantile=0.9)
    with pytest.raises(DataError, match=r"quantile is 1\.5"):
        irs(codes, factors, quantile=1.5)
