"""Downstream accuracy against scikit-learn's loops; Newton's method against its optimum."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from tests.metrics.representations import drawn, kinds, spread
from vaebench.errors import DataError
from vaebench.metrics import dci, downstream
from vaebench.metrics.downstream import cross_validated
from vaebench.metrics.newton import one_vs_rest

SIZES = (2, 3, 5)


def parts(name, rows=600, seed=0):
    rng = np.random.default_rng(seed)
    factors = drawn(SIZES, rows, rng)
    codes = kinds(factors, SIZES, rng)[name]
    return codes[: rows // 2], factors[: rows // 2], codes[rows // 2 :], factors[rows // 2 :]


@pytest.mark.parametrize("strength", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_newton_finds_the_optimum(strength, scale):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 3)) * scale + 1
    noisy = points[:, :1] - scale * np.linspace(-1, 3, 4) + rng.normal(size=(200, 4)) > 0.5
    targets = np.asarray(noisy)
    weights = one_vs_rest(points, targets, strength, tolerance=1e-10)
    for row in range(4):
        model = LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-12, max_iter=500)
        model.fit(points, targets[:, row])
        expected = np.append(model.coef_[0], model.intercept_[0])
        np.testing.assert_allclose(weights[row], expected, rtol=1e-4, atol=1e-6)


def test_newton_from_a_bad_start_and_on_separable_classes():
    """From far away a full step overshoots; without errors weights would grow for ever."""
    points = np.linspace(-1, 1, 50)[:, None]
    targets = points > 0.1
    start = np.array([[40.0, -300.0]])
    far = one_vs_rest(points, targets, 1.0, start, tolerance=1e-10)
    near = one_vs_rest(points, targets, 1.0, tolerance=1e-10)
    np.testing.assert_allclose(far, near, rtol=1e-6)
    strong = one_vs_rest(points, targets, 1e4)
    assert np.isfinite(strong).all()
    scores = points @ strong[:, :-1].T + strong[:, -1]
    np.testing.assert_array_equal(scores > 0, targets)
    nobody = one_vs_rest(points, np.zeros((50, 1), dtype=bool), 1.0)
    assert np.isfinite(nobody).all()
    assert (points @ nobody[:, :-1].T + nobody[:, -1] < 0).all()


@pytest.mark.parametrize("scale", [1e5, 1e10])
def test_copies_of_a_large_dimension(scale):
    """Beside their scale the penalty that tells copies apart is lost; they share the weight."""
    rng = np.random.default_rng(2)
    points = rng.normal(size=(300, 3))
    targets = points[:, :1] + 0.5 * rng.normal(size=(300, 1)) > 0
    alone = one_vs_rest(points * scale, targets, 1.0, tolerance=1e-8)
    twice = np.column_stack([points, points[:, 0]]) * scale
    weights = one_vs_rest(twice, targets, 1.0, tolerance=1e-8)
    decided = twice @ weights[:, :-1].T + weights[:, -1]
    expected = points @ alone[:, :-1].T * scale + alone[:, -1]
    np.testing.assert_allclose(decided, expected, rtol=1e-3, atol=1e-3)


def test_newton_with_a_penalised_intercept():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(300, 2))
    targets = points[:, :1] + rng.normal(size=(300, 1)) > 1
    weights = one_vs_rest(points, targets, 0.1, penalise_intercept=True, tolerance=1e-10)
    model = LogisticRegression(C=0.1, solver="liblinear", tol=1e-10).fit(points, targets[:, 0])
    np.testing.assert_allclose(weights[0, :-1], model.coef_[0], atol=1e-5)
    np.testing.assert_allclose(weights[0, -1], model.intercept_[0], atol=1e-5)


@pytest.mark.parametrize("column", [0, 1, 2])
def test_cross_validation_against_a_plain_loop(column):
    """One penalty per class, the first of the best, from folds without shuffling."""
    train, truth, test, _ = parts("noisy")
    labels = truth[:, column]
    model = cross_validated(train, labels)
    classes = np.unique(labels)
    wanted = classes[1:] if len(classes) == 2 else classes
    columns = []
    for value in wanted:
        right = np.zeros(10)
        for kept, held in KFold(5).split(train):
            for row, strength in enumerate(np.logspace(-4, 4, 10)):
                single = LogisticRegression(C=strength, tol=1e-8, max_iter=2_000)
                single.fit(train[kept], labels[kept] == value)
                right[row] += single.score(train[held], labels[held] == value)
        best = np.logspace(-4, 4, 10)[right.argmax()]
        single = LogisticRegression(C=best, tol=1e-8, max_iter=2_000)
        columns.append(single.fit(train, labels == value).decision_function(test))
    scores = np.column_stack(columns)
    expected = (
        classes[scores.argmax(axis=1)] if len(classes) > 2 else classes[1 * (scores[:, 0] > 0)]
    )
    assert (model.predict(test) == expected).mean() > 0.98
    np.testing.assert_allclose(model.decisions(test), scores, atol=0.02 * np.abs(scores).max())


@pytest.mark.parametrize("predictor", ["logistic", "boosted"])
def test_separable_codes(predictor):
    rng = np.random.default_rng(2)
    factors = drawn((2, 3), 400, rng)
    corners = np.column_stack([factors[:, 0], factors[:, 1] == 1, factors[:, 1] == 2])
    codes = corners + 0.05 * rng.normal(size=corners.shape)
    result = downstream(
        codes[:200], factors[:200], codes[200:], factors[200:], predictor=predictor, sizes=(40, 200)
    )
    assert result.test_accuracy[200] == result.train_accuracy[200] == 1.0
    assert result.test_accuracy[40] > 0.95
    np.testing.assert_array_equal(result.per_factor[200], [1.0, 1.0])


@pytest.mark.parametrize("solver", ["liblinear", "lbfgs"])
def test_only_the_first_labels_are_used(solver):
    train, truth, test, wanted = parts("noisy")
    changed = truth.copy()
    changed[50:] = 1
    changed[299] = 0
    first = downstream(train, truth, test, wanted, sizes=(50,), solver=solver)
    second = downstream(train, changed, test, wanted, sizes=(50,), solver=solver)
    assert first.test_accuracy == second.test_accuracy


def test_efficiency_is_few_over_many():
    rng = np.random.default_rng(3)
    factors = drawn((2, 2), 10_500, rng)
    codes = spread(factors, (2, 2)) + 1.0 * rng.normal(size=(10_500, 2))
    result = downstream(codes[:10_000], factors[:10_000], codes[10_000:], factors[10_000:])
    assert list(result.test_accuracy) == [10, 100, 1_000, 10_000]
    assert result.efficiency == result.test_accuracy[100] / result.test_accuracy[10_000]
    # Two values at -1/2 and 1/2 with noise of 1: at best the share of noise below 1/2, 0.6915.
    assert result.test_accuracy[10_000] == pytest.approx(0.6915, abs=4 * np.sqrt(0.214 / 1_000))
    assert result.notes == {}


def test_more_labels_than_points():
    train, truth, test, wanted = parts("noisy")
    result = downstream(train, truth, test, wanted)
    assert result.test_accuracy[10_000] is None
    assert "300 training points" in result.notes["10000"]
    assert result.efficiency is None
    assert "efficiency" in result.notes
    with pytest.raises(DataError, match="number of labels is 4"):
        downstream(train, truth, test, wanted, sizes=(4,))


@pytest.mark.parametrize("predictor", ["logistic", "boosted"])
def test_dead_dimensions_and_a_single_label(predictor):
    train, truth, test, wanted = parts("noisy")
    truth = truth.copy()
    truth[:10, 0] = 1
    dead = np.column_stack([train[:, :2], np.full(len(train), 0.1)])
    dead_test = np.column_stack([test[:, :2], np.full(len(test), 0.1)])
    result = downstream(dead, truth, dead_test, wanted, predictor=predictor, sizes=(10, 300))
    assert result.per_factor[10][0] == (wanted[:, 0] == 1).mean()
    nothing = np.full((300, 2), 0.1)
    constant = downstream(nothing, truth, nothing, wanted, predictor=predictor, sizes=(300,))
    commonest = [np.bincount(truth[:, i]).argmax() for i in range(3)]
    assert constant.test_accuracy[300] == pytest.approx((wanted == commonest).mean())


def test_boosted_trees_are_those_of_dci():
    train, truth, test, wanted = parts("rotated")
    result = downstream(train, truth, test, wanted, predictor="boosted", sizes=(300,))
    expected = dci(train, truth, test, wanted)
    assert result.test_accuracy[300] == expected.informativeness_test
    assert result.train_accuracy[300] == expected.informativeness_train
