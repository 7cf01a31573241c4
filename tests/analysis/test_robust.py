from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vaebench.analysis.robust import (
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)

RNG = np.random.default_rng(20211209)


def multinomial(seeds: int, resamples: int) -> np.ndarray:
    drawn = RNG.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    return drawn.astype(np.float64)


@pytest.mark.parametrize("runs", [1, 2, 3, 4, 5, 7, 8, 50, 301])
def test_interquartile_mean_is_rliables(runs: int) -> None:
    # rliable.metrics.aggregate_iqm is scipy.stats.trim_mean(scores, 0.25, axis=None).
    values = RNG.normal(size=runs).round(1)
    found = interquartile_mean(values, np.arange(runs), np.ones((1, runs)))
    assert found == pytest.approx([stats.trim_mean(values, 0.25)])


def test_interquartile_mean_of_a_resample_is_that_of_the_repeated_runs() -> None:
    values, seeds = RNG.normal(size=26).round(1), RNG.integers(0, 9, 26)
    weights = multinomial(9, 40)
    found = interquartile_mean(values, seeds, weights)
    for draw, value in zip(weights[:, seeds].astype(int), found, strict=True):
        assert value == pytest.approx(stats.trim_mean(np.repeat(values, draw), 0.25))


def test_interquartile_mean_of_no_run_is_unknown() -> None:
    values, seeds = np.array([3.0, 5.0]), np.array([0, 0])
    found = interquartile_mean(values, seeds, np.array([[2.0, 0.0], [0.0, 2.0]]))
    assert found[0] == 4
    assert np.isnan(found[1])
    assert np.isnan(interquartile_mean(values[:0], seeds[:0], np.ones((2, 2)))).all()


def test_probability_of_improvement_is_rliables() -> None:
    # rliable.metrics.probability_of_improvement is U / (n m) per task.
    ours, theirs = RNG.normal(0.4, 1, (6, 5)).round(1), RNG.normal(0, 1, (3, 5)).round(1)
    found = probability_of_improvement([ours, theirs], np.ones((1, 5)))[0, 0, 1]
    u = stats.mannwhitneyu(ours.ravel(), theirs.ravel(), alternative="greater").statistic
    assert found == pytest.approx(u / (ours.size * theirs.size))
    back = probability_of_improvement([ours, theirs], np.ones((1, 5)))[0, 1, 0]
    assert found + back == pytest.approx(1)


def test_probability_of_improvement_of_resampled_seeds_is_that_of_the_repeated_columns() -> None:
    ours, theirs = RNG.normal(0.4, 1, (2, 4)).round(1), RNG.normal(0, 1, (3, 4)).round(1)
    ours[1, 2] = np.nan
    weights = multinomial(4, 20)
    found = probability_of_improvement([ours, theirs], weights)[:, 0, 1]
    for draw, value in zip(weights.astype(int), found, strict=True):
        x, y = np.repeat(ours, draw, axis=1).ravel(), np.repeat(theirs, draw, axis=1).ravel()
        x = x[~np.isnan(x)]
        brute = np.mean([(a > b) + (a == b) / 2 for a in x for b in y])
        assert value == pytest.approx(brute)


def test_probability_of_improvement_of_normal_runs_is_the_closed_form() -> None:
    ours, theirs = RNG.normal(1, 1, (10, 100)), RNG.normal(0, 1, (10, 100))
    found = probability_of_improvement([ours, theirs], np.ones((1, 100)))[0, 0, 1]
    assert found == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.04)


def test_profile_is_rliables_share_above_the_threshold() -> None:
    values = RNG.uniform(size=(6, 5)).round(1)
    values[0, 0] = np.nan
    thresholds = np.linspace(0, 1, 11)
    weights = multinomial(5, 10)
    found = performance_profile(values, thresholds, weights)
    for draw, shares in zip(weights.astype(int), found, strict=True):
        runs = np.repeat(values, draw, axis=1).ravel()
        runs = runs[~np.isnan(runs)]
        # rliable.library.run_score_deviation: np.mean(scores > tau).
        assert shares == pytest.approx([np.mean(runs > tau) for tau in thresholds])


def test_rliable_itself_agrees() -> None:
    metrics = pytest.importorskip("rliable.metrics", reason="rliable is not installed")
    ours, theirs = RNG.normal(0.4, 1, (50, 1)).round(1), RNG.normal(0, 1, (50, 1)).round(1)
    ones = np.ones((1, 50))
    assert interquartile_mean(ours[:, 0], np.arange(50), ones)[0] == pytest.approx(
        metrics.aggregate_iqm(ours)
    )
    found = probability_of_improvement([ours.T, theirs.T], ones)[0, 0, 1]
    assert found == pytest.approx(metrics.probability_of_improvement(ours, theirs))
