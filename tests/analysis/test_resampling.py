"""Facts about resampled seeds: weights, repeatability, Student's interval, coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from vaebench.analysis import Resampling


def test_weights_are_seeds_drawn_with_replacement() -> None:
    drawn = Resampling(20_000).weights("dsprites", 4)
    assert drawn.shape == (20_000, 4)
    assert (drawn.sum(axis=1) == 4).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(4), abs=0.03)
    assert drawn.var(axis=0) == pytest.approx(np.full(4, 3 / 4), abs=0.03)
    assert np.cov(drawn.T)[0, 1] == pytest.approx(-1 / 4, abs=0.03)


def test_weights_repeat_and_differ_between_strata() -> None:
    how = Resampling(50)
    assert np.array_equal(how.weights("dsprites", 5), Resampling(50).weights("dsprites", 5))
    assert not np.array_equal(how.weights("dsprites", 5), how.weights("cars3d", 5))
    assert not np.array_equal(how.weights("dsprites", 5), Resampling(50, 1).weights("dsprites", 5))


@pytest.mark.parametrize("seeds", [8, 20, 50])
def test_interval_of_a_mean_is_students(seeds: int) -> None:
    values = np.random.default_rng(seeds).standard_normal(seeds)
    how = Resampling(60_000)
    low, high = how.interval(how.weights("x", seeds) @ values / seeds, seeds)
    student = stats.t.interval(0.95, seeds - 1, values.mean(), stats.sem(values))
    assert high - low == pytest.approx(student[1] - student[0], rel=0.06)


def test_tails_are_plain_percentiles_for_many_seeds() -> None:
    assert Resampling().tail(5000) == pytest.approx(0.025, abs=1e-4)
    assert Resampling(confidence=0.5).tail(5000) == pytest.approx(0.25, abs=1e-4)


@pytest.mark.parametrize("seeds", [5, 10, 30])
def test_intervals_of_means_hold_the_truth_in_95_of_100_studies(seeds: int) -> None:
    rng, how = np.random.default_rng(0), Resampling(600)
    weights = how.weights("x", seeds)
    studies = rng.normal(3.0, 2.0, (2000, seeds))
    low, high = how.interval(weights @ studies.T / seeds, seeds)
    held = np.mean((low <= 3.0) & (high >= 3.0))
    # Five seeds have 126 different resamples: their extremes are as far as it goes.
    assert held == pytest.approx(0.95, abs=0.04 if seeds == 5 else 0.02)


def test_two_seeds_have_no_interval() -> None:
    low, high = Resampling(10).interval(np.arange(10.0), 2)
    assert math.isnan(low)
    assert math.isnan(high)


def test_undefined_resamples_are_left_out_until_they_are_the_most() -> None:
    how = Resampling(4)
    draws = np.array([[1.0, 1.0], [2.0, math.nan], [3.0, math.nan], [math.nan, math.nan]])
    low, high = how.interval(draws, 3)
    assert (low[0], high[0]) == pytest.approx((1.0, 3.0), abs=1e-3)
    assert np.isnan([low[1], high[1]]).all()
