"""Intervals: closed forms, repeated rows, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from vaebench.errors import DataError
from vaebench.metrics.information import Joint, different_pairs, discretise, entropies, relabel
from vaebench.metrics.intervals import WeightedAreas, accuracy_interval, bootstrap
from vaebench.metrics.mig import mig_from_information


def test_of_a_mean_it_is_the_textbook_interval():
    values = np.random.default_rng(0).normal(3.0, 2.0, size=2_000)
    (found,) = bootstrap(
        lambda weights: weights @ values / len(values),
        len(values),
        rng=np.random.default_rng(1),
        resamples=2_000,
    )
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert found.level == 0.95
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_weights_are_counts_and_the_generator_decides():
    seen = []

    def statistic(weights):
        seen.append(weights)
        return [weights[0], 1.0]

    first = bootstrap(statistic, 30, rng=np.random.default_rng(2), resamples=20)
    assert len(first) == 2
    assert len(seen) == 21
    assert (seen[0] == 1).all()
    for weights in seen[1:]:
        assert weights.sum() == 30
        assert (weights == np.floor(weights)).all()
    assert (first[1].low, first[1].high) == (1.0, 1.0)
    assert first == bootstrap(statistic, 30, rng=np.random.default_rng(2), resamples=20)
    assert first != bootstrap(statistic, 30, rng=np.random.default_rng(3), resamples=20)


def test_bounds():
    values = np.array([0.0] * 30 + [1.0])
    (found,) = bootstrap(
        lambda weights: weights @ values / 31, 31, rng=np.random.default_rng(4), bounds=(0.02, 1)
    )
    assert found.low == 0.02


def test_mig_intervals_hold_the_truth():
    """A bit read wrongly one time in ten, beside noise; the truth from the channel's formula."""
    wrong = 0.1
    coin = -(wrong * np.log(wrong) + (1 - wrong) * np.log(1 - wrong))
    truth = 1 - coin / np.log(2)
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        bit = rng.integers(0, 2, 400)
        read = np.where(rng.random(400) < wrong, 1 - bit, bit)
        codes = np.column_stack([read, rng.integers(0, 2, 400)]).astype(float)
        binned, factors = discretise(codes, 2), relabel(bit[:, None])

        joint = Joint(binned, factors, [(0, 0), (1, 0)])

        def score(weights, joint=joint, factors=factors):
            table = joint.information(weights)[:, None]
            return mig_from_information(table, entropies(factors, weights)).score

        (found,) = bootstrap(score, 400, rng=rng, resamples=100)
        held += found.low <= truth <= found.high
    # Of 60 intervals at 95 %, fewer than 51 hold the truth less than once in a thousand times.
    assert held >= 51


def test_the_bias_of_resampled_information_does_not_move_the_interval():
    """Repeated points look dependent: plain percentiles would lie beside the score."""
    codes = np.random.default_rng(8).normal(size=(1_000, 3))
    pairs = different_pairs(discretise(codes, 20))
    seen = []

    def score(weights):
        seen.append(pairs.information(weights).mean())
        return seen[-1]

    (found,) = bootstrap(score, 1_000, rng=np.random.default_rng(9), resamples=100)
    value, drawn = seen[0], np.array(seen[1:])
    assert found.low < value < found.high
    assert drawn.min() > found.high
    assert found.high - found.low == pytest.approx(np.ptp(np.quantile(drawn, [0.025, 0.975])))


@pytest.mark.parametrize(("right", "points"), [(50, 50), (0, 50), (37, 50), (1, 3)])
def test_accuracies_against_scipy(right, points):
    hits = np.arange(points) < right
    found = accuracy_interval(hits)
    expected = binomtest(right, points).proportion_ci(method="wilson")
    assert found.low == pytest.approx(expected.low, abs=1e-9)
    assert found.high == pytest.approx(expected.high, abs=1e-9)


def test_accuracies_of_several_factors():
    hits = np.random.default_rng(5).random((4_000, 3)) < [0.2, 0.5, 0.9]
    found = accuracy_interval(hits)
    # Independent factors: the variance of a point's mean is that of three coins over nine.
    half = 1.96 * np.sqrt((0.16 + 0.25 + 0.09) / 9 / 4_000)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)
    assert (found.high + found.low) / 2 == pytest.approx(hits.mean())
    same = np.repeat(hits[:, :1], 3, axis=1)
    wide = accuracy_interval(same)
    assert wide.high - wide.low == pytest.approx(2 * 1.96 * np.sqrt(0.16 / 4_000), rel=0.05)
    all_right = accuracy_interval(np.ones((100, 4), dtype=bool))
    assert (all_right.high, all_right.low) == (1.0, accuracy_interval(np.ones(100, dtype=bool)).low)


def test_weighted_areas_against_scikit_learn():
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 3, 200)
    chances = np.round(rng.random((200, 4)) + 0.3 * (labels[:, None] == np.arange(4)), 1)
    area = WeightedAreas(chances, np.arange(4), labels)
    # The fourth value is nobody's and has no curve.
    expected = np.mean([roc_auc_score(labels == k, chances[:, k]) for k in range(3)])
    assert area(np.ones(200)) == pytest.approx(expected, abs=1e-12)
    times = rng.integers(0, 3, 200)
    rows = np.repeat(np.arange(200), times)
    expected = np.mean([roc_auc_score(labels[rows] == k, chances[rows, k]) for k in range(3)])
    assert area(times.astype(float)) == pytest.approx(expected, abs=1e-12)


def test_bad_input():
    rng = np.random.default_rng(7)
    for arguments, words in (
        ({"points": 1}, "number of points"),
        ({"points": 5, "resamples": 2}, "resamples is 2"),
        ({"points": 5, "level": 1.0}, "level is 1.0"),
    ):
        with pytest.raises(DataError, match=words):
            bootstrap(np.sum, rng=rng, **arguments)
    with pytest.raises(DataError, match="empty"):
        accuracy_interval(np.zeros(0, dtype=bool))
