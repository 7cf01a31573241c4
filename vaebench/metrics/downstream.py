"""Downstream accuracy: how well factors are predicted from codes with few and many labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from vaebench.errors import DataError, unknown
from vaebench.metrics.boosting import BoostedFit, Method, boosted_trees
from vaebench.metrics.inputs import FloatArray, IntArray, check_list, check_size, check_split
from vaebench.metrics.linear import LinearClassifier, Solver, logistic_regression
from vaebench.metrics.newton import one_vs_rest

Predictor = Literal["logistic", "boosted"]
PREDICTORS: tuple[Predictor, ...] = ("logistic", "boosted")

FOLDS = 5
INVERSE_PENALTIES = np.logspace(-4, 4, 10)
FEW, MANY = 100, 10_000


@dataclass(frozen=True)
class DownstreamResult:
    """Accuracy by number of labels. An undefined one is None, with the reason.

    Attributes:
        test_accuracy: Number of labels -> accuracy on test points, mean over factors.
        train_accuracy: Number of labels -> the same on the labelled points.
        per_factor: Number of labels -> accuracy on test points per factor [F].
        test_hits: Number of labels -> which factors of which test points were right [M, F].
        efficiency: Accuracy with 100 labels over accuracy with 10,000.
        reasons: `efficiency`, or a number of labels as text -> why it is None.
    """

    test_accuracy: Mapping[int, float | None]
    train_accuracy: Mapping[int, float | None]
    per_factor: Mapping[int, npt.NDArray[np.float64]]
    test_hits: Mapping[int, npt.NDArray[np.bool_]]
    efficiency: float | None
    reasons: Mapping[str, str]


def downstream(
    codes_train: npt.ArrayLike,
    factors_train: npt.ArrayLike,
    codes_test: npt.ArrayLike,
    factors_test: npt.ArrayLike,
    *,
    predictor: Predictor = "logistic",
    sizes: Sequence[int] = (10, 100, 1_000, 10_000),
    solver: Solver = "liblinear",
    method: Method = "histogram",
    seed: int = 0,
    known: Mapping[int, Sequence[BoostedFit]] | None = None,
) -> DownstreamResult:
    """Accuracy of predicting the factors with the first 10, 100, … labels, as in the study.

    `logistic` chooses the penalty among ten from 1e-4 to 1e4 by five-fold cross-validation
    without shuffling, the smallest C first among equals; `boosted` is 100 stages of trees of
    depth 3. The codes are taken as they are. With `liblinear` every value has its own penalty and
    its own binary problem, the intercept free, as LogisticRegressionCV of scikit-learn 0.20 had
    them. A factor of which the labels show one value is always guessed to be that.

    Args:
        codes_train: Numbers [N, D], in random order: the first rows are the labelled ones.
        factors_train: Whole numbers [N, F].
        codes_test: Numbers [M, D].
        factors_test: Whole numbers [M, F].
        predictor: `logistic` or `boosted`.
        sizes: Numbers of labels, each 5 or more.
        solver: For `logistic`: `liblinear`, one-vs-rest as in the study, or `lbfgs`, multinomial.
        method: For `boosted`: see `dci`.
        seed: For `boosted`: breaks ties between equally good splits.
        known: For `boosted`: trees that are grown already, number of labels -> one per factor.

    Returns:
        Accuracies. With more labels asked for than there are training points, None.

    Raises:
        DataError: Codes that are not finite, factors that are not whole numbers, lengths or widths
            that differ, a factor with one value in training, or fewer than 5 labels.
        UsageError: An unknown predictor, solver or method.

    References:
        Challenging Common Assumptions in the Unsupervised Learning of Disentangled
        Representations, F. Locatello et al., 2019, https://arxiv.org/abs/1811.12359, section 5.5.
    """
    if predictor not in PREDICTORS:
        raise unknown("predictor", predictor, PREDICTORS)
    train, truth, test, wanted = check_split(codes_train, factors_train, codes_test, factors_test)
    test_accuracy: dict[int, float | None] = {}
    train_accuracy: dict[int, float | None] = {}
    per_factor: dict[int, npt.NDArray[np.float64]] = {}
    test_hits: dict[int, npt.NDArray[np.bool_]] = {}
    reasons: dict[str, str] = {}
    seed = check_size(seed, "seed", least=0)
    for size in check_list(sizes, "sizes"):
        size = check_size(size, "a number of labels", least=FOLDS)
        if size > len(train):
            test_accuracy[size] = train_accuracy[size] = None
            reasons[str(size)] = f"there are {len(train)} training points"
            continue
        if predictor == "logistic":
            pairs = [
                _logistic_hits(train[:size], truth[:size, i], test, wanted[:, i], solver)
                for i in range(truth.shape[1])
            ]
        elif known is not None and size in known:
            pairs = [(fit.train_hits, fit.test_hits) for fit in known[size]]
        else:
            fits = [
                boosted_trees(
                    train[:size], truth[:size, i], test, wanted[:, i], method=method, seed=seed
                )
                for i in range(truth.shape[1])
            ]
            pairs = [(fit.train_hits, fit.test_hits) for fit in fits]
        test_hits[size] = np.column_stack([pair[1] for pair in pairs])
        per_factor[size] = test_hits[size].mean(axis=0)
        test_accuracy[size] = float(per_factor[size].mean())
        train_accuracy[size] = float(np.mean([pair[0].mean() for pair in pairs]))
    few, many = test_accuracy.get(FEW), test_accuracy.get(MANY)
    efficiency = few / many if few is not None and many else None
    if efficiency is None:
        reasons["efficiency"] = f"it needs an accuracy with {FEW} and one with {MANY} labels"
    return DownstreamResult(
        test_accuracy, train_accuracy, per_factor, test_hits, efficiency, reasons
    )


def _logistic_hits(
    train: FloatArray, labels: IntArray, test: FloatArray, wanted: IntArray, solver: Solver
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    model = cross_validated(train, labels, solver=solver)
    return model.predict(train) == labels, model.predict(test) == wanted


def cross_validated(
    points: FloatArray, labels: IntArray, *, solver: Solver = "liblinear"
) -> LinearClassifier:
    """Fits a logistic regression whose penalty is chosen by five-fold cross-validation.

    Args:
        points: Features [N, D], N of 5 or more.
        labels: Classes [N].
        solver: See `downstream`.

    Returns:
        The classifier, fitted to all points.

    Raises:
        DataError: Fewer than 5 points.
        UsageError: An unknown solver.
    """
    if len(points) < FOLDS:
        raise DataError(f"{len(points)} labels; {FOLDS}-fold cross-validation needs {FOLDS}.")
    classes = np.unique(labels)
    if solver == "lbfgs" or len(classes) == 1:
        return _cross_validated_multinomial(points, labels, solver)
    if solver != "liblinear":
        raise unknown("solver", solver, ("liblinear", "lbfgs"))
    wanted = classes[1:] if len(classes) == 2 else classes
    targets = np.asarray(labels[:, None] == wanted)
    right = np.zeros((len(INVERSE_PENALTIES), len(wanted)))
    features = np.column_stack([points, np.ones(len(points))]).astype(np.float64)
    for fold in np.array_split(np.arange(len(points)), FOLDS):
        kept = np.ones(len(points), dtype=bool)
        kept[fold] = False
        weights = None
        for row, inverse_penalty in enumerate(INVERSE_PENALTIES):
            weights = one_vs_rest(points[kept], targets[kept], inverse_penalty, weights)
            guesses = features[fold] @ weights.T > 0
            right[row] += (guesses == targets[fold]).mean(axis=0)
    best = right.argmax(axis=0)
    final = np.zeros((len(wanted), features.shape[1]))
    for row in np.unique(best):
        chosen = best == row
        final[chosen] = one_vs_rest(points, targets[:, chosen], INVERSE_PENALTIES[row])
    return LinearClassifier(classes, final[:, :-1], final[:, -1], True)


def _cross_validated_multinomial(
    points: FloatArray, labels: IntArray, solver: Solver
) -> LinearClassifier:
    right = np.zeros(len(INVERSE_PENALTIES))
    folds = np.array_split(np.arange(len(points)), FOLDS) if len(np.unique(labels)) > 1 else []
    for fold in folds:
        kept = np.ones(len(points), dtype=bool)
        kept[fold] = False
        for row, inverse_penalty in enumerate(INVERSE_PENALTIES):
            model = logistic_regression(
                points[kept], labels[kept], solver=solver, inverse_penalty=float(inverse_penalty)
            )
            right[row] += (model.predict(points[fold]) == labels[fold]).mean()
    best = float(INVERSE_PENALTIES[right.argmax()])
    return logistic_regression(points, labels, solver=solver, inverse_penalty=best)
