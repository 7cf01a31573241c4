"""Logistic regression as the study ran it (one-vs-rest, liblinear) and as it is done today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from vaebench.errors import unknown
from vaebench.metrics.inputs import FloatArray, IntArray

Solver = Literal["liblinear", "lbfgs"]
SOLVERS: tuple[Solver, ...] = ("liblinear", "lbfgs")

INVERSE_PENALTIES = np.logspace(-4, 4, 10)
"""What cross-validation chooses among: scikit-learn's default values of C."""


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
            return np.asarray(self.classes[(scores[:, 0] > 0).astype(np.int64)])
        return np.asarray(self.classes[scores.argmax(axis=1)])

    def probabilities(self, points: FloatArray) -> npt.NDArray[np.float64]:
        """Probability of each class [N, K]."""
        from scipy.special import expit, log_expit, softmax

        if len(self.classes) == 1:
            return np.ones((len(points), 1))
        scores = self.decisions(points)
        if len(self.classes) == 2:
            positive = expit(scores[:, 0])
            return np.column_stack([1 - positive, positive])
        if not self.one_vs_rest:
            return np.asarray(softmax(scores, axis=1))
        sigmoids = expit(scores)
        total = sigmoids.sum(axis=1, keepdims=True)
        lost = total[:, 0] < np.finfo(np.float64).tiny  # Far from every class: 0 / 0.
        shares = np.divide(sigmoids, total, out=np.zeros_like(sigmoids), where=~lost[:, None])
        shares[lost] = softmax(log_expit(scores[lost]), axis=1)
        return np.asarray(shares)


def logistic_regression(
    points: FloatArray,
    labels: IntArray,
    *,
    solver: Solver = "liblinear",
    inverse_penalty: float = 1.0,
) -> LinearClassifier:
    """Fits a logistic regression with an L2 penalty.

    Args:
        points: Finite features [N, D].
        labels: Classes [N]. A single class gives a classifier that always says it.
        solver: `liblinear`: one binary problem per class, the intercept penalised too, which is
            what scikit-learn 0.20 did by default. `lbfgs`: multinomial, the intercept free, which
            is what scikit-learn does since 0.22.
        inverse_penalty: scikit-learn's C.

    Returns:
        The fitted classifier.

    Raises:
        UsageError: An unknown solver.
    """
    from sklearn.linear_model import LogisticRegression

    if solver not in SOLVERS:
        raise unknown("solver", solver, SOLVERS)
    classes = np.unique(labels)
    dims = points.shape[1]
    if len(classes) == 1:
        return LinearClassifier(classes, np.zeros((1, dims)), np.zeros(1), True)
    if solver == "lbfgs":
        model = LogisticRegression(C=inverse_penalty, solver="lbfgs", max_iter=1000)
        model.fit(points, labels)
        return LinearClassifier(classes, model.coef_, model.intercept_, False)
    wanted = classes[1:] if len(classes) == 2 else classes
    weights, intercepts = np.zeros((len(wanted), dims)), np.zeros(len(wanted))
    for row, value in enumerate(wanted):
        model = LogisticRegression(C=inverse_penalty, solver="liblinear", random_state=0)
        model.fit(points, labels == value)
        weights[row], intercepts[row] = model.coef_[0], model.intercept_[0]
    return LinearClassifier(classes, weights, intercepts, True)
