from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from vaebench.analysis.tables.ordering import kendall_w, rank_probabilities

RNG = np.random.default_rng(1939)


def test_rank_probabilities_count_the_resamples() -> None:
    figures = RNG.normal(size=(4, 500)) + np.arange(4)[:, None] / 2
    ranks = stats.rankdata(-figures, axis=0)
    expected = np.stack([np.mean(ranks == rank, axis=1) for rank in range(1, 5)], axis=1)
    assert rank_probabilities(figures) == pytest.approx(expected)


def test_ties_share_ranks_and_all_sums_are_one() -> None:
    found = rank_probabilities(RNG.integers(0, 3, (5, 200)).astype(float))
    assert found.sum(axis=0) == pytest.approx(np.ones(5))
    assert found.sum(axis=1) == pytest.approx(np.ones(5))
    assert rank_probabilities(np.ones((4, 3))) == pytest.approx(np.full((4, 4), 0.25))
    assert rank_probabilities(np.array([[1.0], [2.0], [1.0]])).tolist() == [
        [0, 0.5, 0.5],
        [1, 0, 0],
        [0, 0.5, 0.5],
    ]


def test_resamples_without_a_run_of_a_model_are_left_out() -> None:
    figures = np.array([[2.0, np.nan, 2.0], [1.0, 5.0, 3.0]])
    assert rank_probabilities(figures) == pytest.approx(np.full((2, 2), 0.5))
    assert np.isnan(rank_probabilities(np.full((2, 3), np.nan))).all()


@pytest.mark.parametrize("digits", [1, 6])
def test_kendall_w_is_the_mean_rank_correlation(digits: int) -> None:
    # W = (1 + (m - 1) r) / m without ties, with r the mean Spearman correlation over pairs; and
    # Friedman's statistic is m (n - 1) W, ties or not.
    figures = RNG.normal(size=(5, 6)).round(digits)
    found = kendall_w(figures)
    friedman = stats.friedmanchisquare(*figures.T).statistic
    assert found == pytest.approx(friedman / (5 * 5))
    if digits == 6:
        pairs = [(a, b) for a in range(5) for b in range(a)]
        mean = np.mean([stats.spearmanr(figures[a], figures[b]).statistic for a, b in pairs])
        assert found == pytest.approx((1 + 4 * mean) / 5)


def test_kendall_w_of_agreement_opposition_and_nothing() -> None:
    rising = np.arange(5.0)
    assert kendall_w(np.stack([rising, rising**3, np.exp(rising)])) == 1
    assert kendall_w(np.stack([rising, -rising])) == 0
    assert np.isnan(kendall_w(np.ones((3, 4))))
    assert np.isnan(kendall_w(rising[None]))
    values = [kendall_w(np.stack([rising, rising + k * rising[::-1]])) for k in (0.5, 1.5)]
    assert all(before >= after for before, after in pairwise(values))
