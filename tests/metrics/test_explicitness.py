"""Explicitness against scikit-learn's parts, and on codes whose value is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.multiclass import OneVsRestClassifier

from tests.metrics.representations import drawn, grid, kinds, spread
from vaebench.errors import DataError
from vaebench.metrics import explicitness, explicitness_details, score_representation
from vaebench.metrics.explicitness import mean_area, standardise
from vaebench.metrics.linear import logistic_regression

SIZES = (2, 4, 12)


def both(seed=0, rows=600):
    rng = np.random.default_rng(seed)
    factors = drawn(SIZES, 2 * rows, rng)
    everything = kinds(factors, SIZES, rng)
    return {
        name: (codes[:rows], factors[:rows], codes[rows:], factors[rows:])
        for name, codes in everything.items()
    }


def plain(train, truth, test, wanted, model):
    alive = train.std(axis=0) > 1e-12
    mean, deviation = train[:, alive].mean(axis=0), train[:, alive].std(axis=0)
    train, test = (train[:, alive] - mean) / deviation, (test[:, alive] - mean) / deviation
    scores = []
    for column in range(truth.shape[1]):
        model.fit(train, truth[:, column])
        chances = model.predict_proba(test)
        members = wanted[:, [column]] == model.classes_
        scores.append(roc_auc_score(members, chances, average="macro"))
    return np.mean(scores)


@pytest.mark.parametrize("name", sorted(both()))
def test_against_scikit_learn(name):
    data = both()[name]
    one_vs_rest = OneVsRestClassifier(LogisticRegression(solver="liblinear"))
    assert explicitness(*data) == pytest.approx(plain(*data, one_vs_rest), abs=1e-9)
    today = LogisticRegression(max_iter=1000)
    assert explicitness(*data, solver="lbfgs") == pytest.approx(plain(*data, today), abs=1e-6)


def test_one_vs_rest_hides_the_middle_of_a_line_and_multinomial_does_not():
    """Values in the middle of one dimension are not apart from the rest by one threshold."""
    data = both()["perfect"]
    one_vs_rest = explicitness_details(*data).per_factor
    multinomial = explicitness_details(*data, solver="lbfgs").per_factor
    assert one_vs_rest[0] == multinomial[0] == 1.0
    assert multinomial[2] > one_vs_rest[2] + 0.05


def test_separable_codes_have_one_and_noise_half():
    factors = grid((2, 2), repeats=100)
    codes = spread(factors, (2, 2))
    assert explicitness(codes, factors, codes, factors) == 1.0
    noise = np.random.default_rng(0).normal(size=(8_000, 3))
    bits = np.random.default_rng(1).integers(0, 2, (8_000, 1))
    score = explicitness(noise[:4_000], bits[:4_000], noise[4_000:], bits[4_000:])
    # The area of pure chance has a standard deviation of 1 / sqrt(12 * 2000 * 2000 / 4001).
    assert abs(score - 0.5) < 4 * np.sqrt(4_001 / (12 * 2_000 * 2_000))


def test_constant_dimensions_are_left_out():
    train, truth, test, wanted = both()["noisy"]
    expected = explicitness(train, truth, test, wanted)

    def padded(codes):
        return np.column_stack([np.full(len(codes), 0.1), codes, np.zeros(len(codes))])

    assert explicitness(padded(train), truth, padded(test), wanted) == expected
    # A dimension that only test points move says nothing either.
    moving = np.column_stack([padded(test)[:, :-1], np.arange(len(test))])
    assert explicitness(padded(train), truth, moving, wanted) == expected
    nothing = np.full((len(train), 3), 0.1)
    assert explicitness(nothing, truth, nothing, wanted) == 0.5


def test_scale_and_place_do_not_matter():
    train, truth, test, wanted = both()["rotated"]
    expected = explicitness(train, truth, test, wanted)
    scale, place = np.array([1e-3, 1.0, 500.0]), np.array([0.0, -3.0, 40.0])
    moved = explicitness(train * scale + place, truth, test * scale + place, wanted)
    assert moved == pytest.approx(expected, abs=1e-6)


def test_values_that_test_or_training_lacks():
    train, truth, test, wanted = both()["noisy"]
    kept = wanted[:, 2] != 3
    result = explicitness_details(train, truth, test[kept], wanted[kept])
    chances, classes = result.probabilities[2], result.classes[2]
    seen = [roc_auc_score(wanted[kept, 2] == k, chances[:, k]) for k in classes if k != 3]
    assert result.per_factor[2] == pytest.approx(np.mean(seen), abs=1e-12)
    unseen = wanted.copy()
    unseen[:5, 0] = 9
    assert 0 < explicitness(train, truth, test, unseen) < 1
    with pytest.raises(DataError, match="Factor 0 of factors_test"):
        explicitness(train, truth, test, np.where(np.arange(3) == 0, 1, wanted))


def test_test_points_far_from_every_class():
    """Where each one-vs-rest sigmoid is 0, they are compared by what they fall to 0 as."""
    rng = np.random.default_rng(11)
    factors = rng.integers(0, 3, size=(900, 1))
    codes = rng.normal(size=(900, 10))
    codes[:, 0] += factors[:, 0]
    codes[600:660, 1:] *= 1e5
    split = codes[:600], factors[:600], codes[600:], factors[600:]
    result = explicitness_details(*split)
    assert 0.5 < result.score < 1
    np.testing.assert_allclose(result.probabilities[0].sum(axis=1), 1)
    apart = np.arange(300) >= 60
    near = OneVsRestClassifier(LogisticRegression(solver="liblinear"))
    train, test = standardise(split[0], split[2])
    near.fit(train, factors[:600, 0])
    np.testing.assert_allclose(
        result.probabilities[0][apart], near.predict_proba(test[apart]), atol=1e-9
    )
    scores = score_representation(*split, downstream_sizes=(), resamples=10)
    assert scores["explicitness"].low < scores["explicitness"].value


def test_areas_by_hand():
    classes, labels = np.array([0, 1]), np.array([0, 0, 1, 1])
    # For class 1: pairs (.1 < .4), (.1 < .8), (.4 = .4), (.4 < .8): 3.5 of 4.
    positive = np.array([0.1, 0.4, 0.4, 0.8])
    chances = np.column_stack([1 - positive, positive])
    assert mean_area(chances, classes, labels) == pytest.approx(3.5 / 4)
    assert mean_area(chances, classes, np.zeros(4, dtype=int)) is None


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_classifier_probabilities(classes):
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, 300) * 2 + 5
    points = rng.normal(size=(300, 3)) + labels[:, None] * 0.3
    ours = logistic_regression(points, labels)
    theirs = OneVsRestClassifier(LogisticRegression(solver="liblinear")).fit(points, labels)
    np.testing.assert_allclose(ours.probabilities(points), theirs.predict_proba(points), atol=1e-9)
    np.testing.assert_array_equal(ours.predict(points), theirs.predict(points))
    today = logistic_regression(points, labels, solver="lbfgs")
    np.testing.assert_allclose(today.probabilities(points).sum(axis=1), 1)
    reference = LogisticRegression(max_iter=1000).fit(points, labels)
    np.testing.assert_array_equal(today.predict(points), reference.predict(points))
