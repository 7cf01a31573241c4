from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from vaebench.analysis.tables.power import (
    paired_effect,
    power_by_resampling,
    seeds_for_power,
)

RNG = np.random.default_rng(20180621)


def test_effect_is_the_t_statistic_over_the_root_of_n() -> None:
    differences = RNG.normal(0.3, 1, (4, 12))
    t = stats.ttest_1samp(differences, 0, axis=1).statistic
    assert paired_effect(differences) == pytest.approx(t / np.sqrt(12))
    differences[0, 3] = np.nan
    t = stats.ttest_1samp(differences[0], 0, nan_policy="omit").statistic
    assert paired_effect(differences)[0] == pytest.approx(t / np.sqrt(11))


def test_effect_without_spread_is_infinite_and_of_nothing_unknown() -> None:
    found = paired_effect(np.array([[2.0, 2.0], [0.0, 0.0], [1.0, np.nan]]))
    assert found[0] == np.inf
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("effect", [0.02, 0.1, 0.5, -0.5, 0.9, 1.5, 3.0])
def test_seeds_are_the_least_that_statsmodels_finds_enough(effect: float) -> None:
    solved = TTestPower().solve_power(abs(effect), power=0.8, alpha=0.05)
    assert seeds_for_power(np.array([effect]))[0] == np.ceil(solved)


def test_seeds_at_the_ends() -> None:
    found = seeds_for_power(np.array([np.inf, 1e9, 8.0, 0.0, 1e-9, np.nan]))
    assert found[0] == found[1] == 2
    assert 2 <= found[2] <= 4
    assert np.isinf(found[3])
    assert np.isinf(found[4])
    assert np.isnan(found[5])


def test_seeds_that_were_found_enough_are_enough_in_simulation() -> None:
    effect = 0.8
    seeds = int(seeds_for_power(np.array([effect]))[0])
    drawn = RNG.normal(effect, 1, (20_000, seeds))
    share = np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05)
    assert share == pytest.approx(0.8, abs=0.03)
    assert share > 0.78


def test_power_by_resampling_is_the_share_of_t_tests() -> None:
    differences = RNG.normal(0.6, 1, (2, 10))
    drawn = RNG.integers(0, 10, (300, 12))
    found = power_by_resampling(differences, np.array([2, 5, 12]), drawn)
    for pair, (place, number) in product(range(2), enumerate([2, 5, 12])):
        samples = differences[pair][drawn[:, :number]]
        with np.errstate(all="ignore"):
            test = stats.ttest_1samp(samples, 0, axis=1)
        same = np.ptp(samples, axis=1) == 0
        sign = np.sign(samples.mean(axis=1)) == np.sign(differences[pair].mean())
        assert found[pair, place] == pytest.approx(np.mean(((test.pvalue < 0.05) | same) & sign))


def test_power_by_resampling_of_many_seeds_is_the_t_tests_power() -> None:
    normal = stats.norm.ppf((np.arange(400) + 0.5) / 400)
    differences = (normal / normal.std() + 0.7)[None]
    numbers = np.array([5, 10, 20])
    drawn = RNG.integers(0, 400, (4000, 20))
    expected = TTestPower().power(0.7, numbers, 0.05)
    assert power_by_resampling(differences, numbers, drawn)[0] == pytest.approx(expected, abs=0.03)
