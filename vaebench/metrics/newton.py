"""Many binary logistic regressions on the same points at once, by Newton's method."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vaebench.metrics.inputs import FloatArray

Matrix = npt.NDArray[np.float64]

HALVINGS = 30
OVERSHOOT = 0.5
"""A step is halved while the loss climbs at its end by more than this share of its first fall."""


def one_vs_rest(
    points: FloatArray,
    targets: npt.NDArray[np.bool_],
    inverse_penalty: float,
    start: Matrix | None = None,
    *,
    penalise_intercept: bool = False,
    tolerance: float = 1e-4,
    most_steps: int = 100,
) -> Matrix:
    r"""Solves one binary logistic regression per class.

    .. math:: \min_w \tfrac12 |w|^2 + C \sum_n \log(1 + e^{-y_n w^\top x_n}), \quad y_n = \pm 1

    All classes take their steps together, in a few matrix products; a cross-validation over
    classes, penalties and folds is thousands of such problems.

    Args:
        points: Finite features [N, D].
        targets: Which points belong to each class, bool [N, K].
        inverse_penalty: scikit-learn's C.
        start: Weights to start from [K, D + 1], the intercept last; zeros by default.
        penalise_intercept: Whether the intercept counts in the penalty, as in liblinear.
        tolerance: Stops when each gradient is below this share of the one at zero.
        most_steps: Stops after so many steps at the latest.

    Returns:
        Weights [K, D + 1], the intercept last.
    """
    from scipy.special import expit

    features = np.column_stack([points, np.ones(len(points))]).astype(np.float64)
    dims = features.shape[1]
    upper = np.triu_indices(dims)
    products = features[:, upper[0]] * features[:, upper[1]]
    penalty = np.ones(dims)
    penalty[-1] = 1.0 if penalise_intercept else 0.0
    truth = targets.T.astype(np.float64)
    weights = np.zeros((len(truth), dims)) if start is None else start.copy()
    goal = tolerance * inverse_penalty * np.linalg.norm((0.5 - truth) @ features, axis=1)

    def chances_and_gradient(at: Matrix, rows: npt.NDArray[np.intp]) -> tuple[Matrix, Matrix]:
        chances = expit(at @ features.T)
        return chances, inverse_penalty * (chances - truth[rows]) @ features + penalty * at

    going = np.arange(len(truth))
    chances, gradient = chances_and_gradient(weights, going)
    for _ in range(most_steps):
        keep = np.linalg.norm(gradient, axis=1) > goal[going]
        if not keep.any():
            break
        going, chances, gradient = going[keep], chances[keep], gradient[keep]
        hessian = np.zeros((len(going), dims, dims))
        hessian[:, upper[0], upper[1]] = inverse_penalty * ((chances * (1 - chances)) @ products)
        hessian[:, upper[1], upper[0]] = hessian[:, upper[0], upper[1]]
        # The last term keeps a free intercept solvable when every chance has become 0 or 1.
        hessian += np.diag(penalty + 1e-9)
        step = -_solve(hessian, gradient)
        fall = -(gradient * step).sum(axis=1)
        chances, gradient = chances_and_gradient(weights[going] + step, going)
        for _ in range(HALVINGS):
            over = np.flatnonzero((gradient * step).sum(axis=1) > OVERSHOOT * fall)
            if len(over) == 0:
                break
            step[over] *= 0.5
            fall[over] *= 0.5
            trial = weights[going[over]] + step[over]
            chances[over], gradient[over] = chances_and_gradient(trial, going[over])
        weights[going] += step
    return weights


def _solve(matrices: Matrix, right: Matrix) -> Matrix:
    """Solves symmetric systems [K, D, D] for [K, D].

    Beside codes of a large scale the penalty is lost in rounding; a dimension that is then a copy
    of another leaves a singular matrix, of whose solutions the shortest is taken.
    """
    try:
        return np.asarray(np.linalg.solve(matrices, right[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        scale = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
        inverse = np.linalg.pinv(matrices / (scale[:, :, None] * scale[:, None]), hermitian=True)
        return np.asarray((inverse @ (right / scale)[:, :, None])[:, :, 0] / scale)
