"""Gradient-boosted trees as scikit-learn defines them, grown on LightGBM's histograms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from vaebench.errors import unknown
from vaebench.metrics.inputs import FloatArray, IntArray, varying_dimensions

Matrix = npt.NDArray[np.float64]
Method = Literal["histogram", "reference"]
METHODS: tuple[Method, ...] = ("histogram", "reference")

STAGES = 100
LEAVES = 8
DEPTH = 3
RATE = 0.1
LEAST_CURVATURE = 1e-150


@dataclass(frozen=True)
class BoostedFit:
    """What boosted trees made of one factor.

    Attributes:
        importances: Share of the squared error that splits on each dimension removed [D]; it
            sums to 1, or to 0 when no tree has a split.
        train_hits: Which training points were right, bool [N].
        test_hits: Which test points were right, bool [M].
    """

    importances: Matrix
    train_hits: npt.NDArray[np.bool_]
    test_hits: npt.NDArray[np.bool_]


def boosted_trees(
    train: FloatArray,
    labels: IntArray,
    test: FloatArray,
    wanted: IntArray,
    *,
    method: Method = "histogram",
    seed: int = 0,
) -> BoostedFit:
    """Fits 100 stages of trees of depth 3 at rate 0.1 to one factor.

    Args:
        train: Codes [N, D].
        labels: The factor's value of each training point [N]. A single value is always guessed.
        test: Codes [M, D].
        wanted: The factor's value of each test point [M].
        method: `histogram` follows the same algorithm over at most 255 bins per dimension;
            `reference` is scikit-learn's GradientBoostingClassifier, which tries every threshold
            and takes 10 to 50 times as long.
        seed: For ties between splits, which only `reference` breaks at random.

    Returns:
        Importances and what was guessed right.

    Raises:
        UsageError: An unknown method.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    classes, numbers = np.unique(labels, return_inverse=True)
    varying = varying_dimensions(train)
    importances = np.zeros(train.shape[1])
    if len(classes) == 1 or not varying.any():
        guess = classes[np.bincount(numbers).argmax()]
        return BoostedFit(importances, labels == guess, wanted == guess)
    grow = _grow_reference if method == "reference" else _grow_histogram
    gains, train_guess, test_guess = grow(
        train[:, varying].astype(np.float64), numbers, test[:, varying].astype(np.float64), seed
    )
    importances[varying] = gains / gains.sum() if gains.sum() > 0 else 0.0
    return BoostedFit(importances, classes[train_guess] == labels, classes[test_guess] == wanted)


def _grow_reference(
    train: Matrix, numbers: IntArray, test: Matrix, seed: int
) -> tuple[Matrix, IntArray, IntArray]:
    """scikit-learn's own: importances and guesses of both sets."""
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(random_state=seed)
    model.fit(train, numbers)
    return np.abs(model.feature_importances_), model.predict(train), model.predict(test)


def _grow_histogram(
    train: Matrix, numbers: IntArray, test: Matrix, seed: int
) -> tuple[Matrix, IntArray, IntArray]:
    """The same algorithm on LightGBM's trees: importances and guesses of both sets.

    LightGBM's own objective would choose and value splits by the Newton gain, which weighs points
    by p (1 - p) and moves DCI by up to 0.1. Given curvatures of 1, its gain is the fall in
    squared error that scikit-learn uses; the leaves' values are then the Newton steps that
    scikit-learn takes, worked out here.
    """
    import lightgbm  # Only here: it needs the system's OpenMP library, the other metrics do not.

    classes = int(numbers.max()) + 1
    trees = classes if classes > 2 else 1
    options = _options(trees)
    data = lightgbm.Dataset(train, np.zeros(len(train)), params=options).construct()
    booster = lightgbm.Booster(options, data)
    truth = np.eye(classes)[numbers] if trees > 1 else numbers[:, None].astype(np.float64)
    share = truth.mean(axis=0)
    start = np.log(share) if trees > 1 else np.log(share / (1 - share))
    scores, test_scores = np.tile(start, (len(train), 1)), np.tile(start, (len(test), 1))
    ones = np.ones(len(train) * trees, dtype=np.float32)
    slots = LEAVES * np.arange(trees)
    for stage in range(STAGES):
        chances = softmax(scores, axis=1) if trees > 1 else expit(scores)
        residuals = truth - chances
        downhill = (-residuals).astype(np.float32).ravel(order="F")
        if booster.update(fobj=partial(_answer, downhill, ones)):
            break
        leaves = _leaves(booster, train, stage, trees) + slots
        values = _leaf_values(leaves, residuals, chances * (1 - chances), LEAVES * trees)
        values *= RATE * ((trees - 1) / trees if trees > 1 else 1.0)
        scores += values[leaves]
        test_scores += values[_leaves(booster, test, stage, trees) + slots]
    gains = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    return gains, _guess(scores), _guess(test_scores)


def _answer(
    gradients: FloatArray, curvatures: FloatArray, *_: Any
) -> tuple[FloatArray, FloatArray]:
    """What LightGBM asks of an objective, worked out beforehand."""
    return gradients, curvatures


def _options(trees: int) -> dict[str, Any]:
    return {
        "objective": "none",
        "num_class": trees,
        "num_leaves": LEAVES,
        "max_depth": DEPTH,
        "min_data_in_leaf": 1,
        "min_data_in_bin": 1,
        "min_sum_hessian_in_leaf": 0.0,
        "feature_pre_filter": False,
        "enable_bundle": False,
        "boost_from_average": False,
        "max_bin": 255,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "seed": 0,
        "verbose": -1,
    }


def _leaves(booster: Any, points: Matrix, stage: int, trees: int) -> IntArray:
    """In which leaf of each of a stage's trees every point lies, int64 [N, trees]."""
    leaves = booster.predict(
        points, pred_leaf=True, start_iteration=stage, num_iteration=1, num_threads=1
    )
    return np.asarray(leaves, dtype=np.int64).reshape(len(points), trees)


def _leaf_values(leaves: IntArray, residuals: Matrix, curvatures: Matrix, slots: int) -> Matrix:
    """One Newton step per leaf: the sum of residuals over the sum of curvatures [slots]."""
    rise = np.bincount(leaves.ravel(), weights=residuals.ravel(), minlength=slots)
    bend = np.bincount(leaves.ravel(), weights=curvatures.ravel(), minlength=slots)
    return np.divide(rise, bend, out=np.zeros(slots), where=bend >= LEAST_CURVATURE)


def _guess(scores: Matrix) -> IntArray:
    if scores.shape[1] == 1:
        return (scores[:, 0] > 0).astype(np.int64)
    return scores.argmax(axis=1).astype(np.int64)
