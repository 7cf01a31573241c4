from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from vaebench.analysis.tables.trials import best_chances, expected_best

RNG = np.random.default_rng(20190904)


@pytest.mark.parametrize("digits", [0, 6])
def test_expected_best_is_the_average_over_all_draws(digits: int) -> None:
    values, keys = RNG.normal(size=7), RNG.normal(size=7).round(digits)
    keys[2] = np.nan
    filled = np.where(np.isnan(keys), -np.inf, keys)
    for trials in range(1, 8):
        worth = []
        for draw in combinations(range(7), trials):
            best = max(filled[k] for k in draw)
            worth.append(np.mean([values[k] for k in draw if filled[k] == best]))
        found = expected_best(values, keys, best_chances(7, np.array([trials])))
        assert found == pytest.approx([np.mean(worth)])


def test_expected_best_of_uniform_runs_is_the_order_statistics_mean() -> None:
    # N equally spaced values: E max of n without replacement is n (N + 1) / (n + 1).
    values = np.arange(1.0, 1801)
    trials = np.array([1, 2, 10, 100, 1800])
    expected = trials * 1801 / (trials + 1)
    assert expected_best(values, values, best_chances(1800, trials)) == pytest.approx(expected)


def test_a_key_without_information_is_worth_the_mean() -> None:
    values = RNG.normal(size=9)
    found = expected_best(values, np.full(9, 2.0), best_chances(9, np.arange(1, 10)))
    assert found == pytest.approx(np.full(9, values.mean()))
