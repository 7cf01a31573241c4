"""Logistic regression as the study ran it (one-vs-rest, liblinear) and as it is done today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from vaebench.errors import unknown
from vaebench.metrics.inputs import FloatArray, IntArray

Solver = Literal["liblinear", "lbfgs"]
SOLVERS: tuple[Solver, ...] = ("liblinear", "lbfgs")


@dataclass(frozen=True)
class LinearClassifier:
    """A fitted linear classifier.

    Attributes:
        classes: The K classes seen, in increasing order.
        weights: [K, D], or [1, D] for two classes.
        intercepts: [K], or [1] for two classes.
        one_vs_rest: Whether probabilities are normalised sigmoids instead of a softmax.
    """

    classes: IntArray
    weights: npt.NDArray[np.float64]
    intercepts: npt.NDArray[np.float64]
    one_vs_rest: bool

    def decisions(self, points: FloatArray) -> npt.NDArray[np.float64]:
        """Linear scores [N, K], or [N, 1] for two classes."""
        return np.asarray(points @ self.weights.T + self.intercepts)

    def predict(self, points: FloatArray) -> IntArray:
        """The likeliest class of each point, int64 [N]."""
        if len(self.classes) == 1:
            return np.full(len(points), self.classes[0])
        scores = self.decisions(points)
        if len(self.classes) == 2:
            return self.classes[(scores[:, 0] > 0).astype(np.int64)]
        return self.classes[scores.argmax(axis=1)]

    def probabilities(self, points: FloatArray) -> npt.NDArray[np.float64]:
        """Probability of each class [N, K]."""
        if len(self.classes) == 1:
            return np.ones((len(points), 1))
        scores = self.decisions(points)
        if len(self.classes) == 2:
            positive = expit(scores[:, 0])
            return np.column_stack([1 - positive, positive])
        if not self.one_vs_rest:
            return np.asarray(softmax(scores, axis=1))
        sigmoids = expit(scores)
        return np.asarray(sigmoids / sigmoids.sum(axis=1, keepdims=True))


def logistic_regression(
    points: FloatArray, labels: IntArray, *, solver: Solver = "liblinear", strength: float = 1.0
) -> LinearClassifier:
    """Fits a logistic regression with an L2 penalty.

    Args:
        points: Finite features [N, D].
        labels: Classes [N]. A single class gives a classifier that always says it.
        solver: `liblinear`: one binary problem per class, the intercept penalised too, which is
            what scikit-learn 0.20 did by default. `lbfgs`: multinomial, the intercept free, which
            is what scikit-learn does since 0.22.
        strength: Inverse of the penalty (scikit-learn's C).

    Returns:
        The fitted classifier.

    Raises:
        UsageError: An unknown solver.
    """
    if solver not in SOLVERS:
        raise unknown("solver", solver, SOLVERS)
    classes = np.unique(labels)
    dims = points.shape[1]
    if len(classes) == 1:
        return LinearClassifier(classes, np.zeros((1, dims)), np.zeros(1), True)
    if solver == "lbfgs":
        model = LogisticRegression(C=strength, solver="lbfgs", max_iter=1000)
        model.fit(points, labels)
        return LinearClassifier(classes, model.coef_, model.intercept_, False)
    wanted = classes[1:] if len(classes) == 2 else classes
    targets = np.asarray(labels[:, None] == wanted)
    weights, intercepts = one_vs_rest(points, targets, strength)
    return LinearClassifier(classes, weights, intercepts, True)


def one_vs_rest(
    points: FloatArray,
    targets: npt.NDArray[np.bool_],
    strength: float,
    start: npt.NDArray[np.float64] | None = None,
    *,
    penalise_intercept: bool = True,
    tolerance: float = 1e-6,
    most_steps: int = 100,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    r"""Solves K binary logistic regressions on the same points at once, by Newton's method.

    .. math:: \min_w \tfrac12 |w|^2 + C \sum_n \log(1 + e^{-y_n w^\top x_n}), \quad y_n = \pm 1

    It is the optimum that liblinear approaches, found for all classes with a few matrix products.

    Args:
        points: Finite features [N, D].
        targets: Which points belong to each class, bool [N, K].
        strength: Inverse of the penalty (C).
        start: Weights to start from [K, D + 1], the intercept last; zeros by default.
        penalise_intercept: Whether the intercept counts in the penalty, as in liblinear.
        tolerance: Stops when each gradient is below this share of the one at zero.
        most_steps: Stops after so many steps at the latest.

    Returns:
        Weights [K, D] and intercepts [K].
    """
    features = np.column_stack([points, np.ones(len(points))]).astype(np.float64)
    dims, classes = features.shape[1], targets.shape[1]
    penalty = np.ones(dims)
    penalty[-1] = 1.0 if penalise_intercept else 0.0
    products = (features[:, :, None] * features[:, None, :]).reshape(len(features), dims * dims)
    truth = targets.astype(np.float64)
    weights = np.zeros((classes, dims)) if start is None else start.copy()
    goal = tolerance * strength * np.linalg.norm(features.T @ (0.5 - truth), axis=0)
    going = np.arange(classes)
    scores = features @ weights.T
    for _ in range(most_steps):
        chances = expit(scores[:, going])
        gradient = strength * (chances - truth[:, going]).T @ features + penalty * weights[going]
        keep = np.linalg.norm(gradient, axis=1) > goal[going]
        going, chances, gradient = going[keep], chances[:, keep], gradient[keep]
        if len(going) == 0:
            break
        curvature = (chances * (1 - chances)).T @ products
        hessian = strength * curvature.reshape(-1, dims, dims) + np.diag(penalty + 1e-12)
        step = -np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        moves = features @ step.T
        size = _step_sizes(scores[:, going], moves, truth[:, going], weights[going], step,
                           gradient, penalty, strength)
        weights[going] += size[:, None] * step
        scores[:, going] += size * moves
    return weights[:, :-1], weights[:, -1]


def _step_sizes(scores, moves, truth, weights, step, gradient, penalty, strength):
    def losses(sizes, chosen):
        z = scores[:, chosen] + sizes * moves[:, chosen]
        w = weights[chosen] + sizes[:, None] * step[chosen]
        data = np.logaddexp(0.0, z).sum(axis=0) - (truth[:, chosen] * z).sum(axis=0)
        return strength * data + 0.5 * (penalty * w * w).sum(axis=1)
    every = np.arange(scores.shape[1])
    before = losses(np.zeros(len(every)), every)
    slope = (gradient * step).sum(axis=1)
    sizes = np.ones(len(every))
    open_ = every
    for _ in range(30):
        after = losses(sizes[open_], open_)
        bad = after > before[open_] + 1e-4 * sizes[open_] * slope[open_] + 1e-12 * np.abs(before[open_])
        open_ = open_[bad]
        if len(open_) == 0: break
        sizes[open_] *= 0.5
    return sizes
