"""REML of a metric's variance components, with any runs missing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize
from scipy.sparse import csr_matrix

from vaebench.analysis.moments import COMPONENTS, Design, moments
from vaebench.analysis.resampling import FloatArray

IntArray = npt.NDArray[np.intp]

MOST = 1e4
"""Standard deviations of the residual that another effect's is at most. Were the residual nothing
at all, as where a model's runs of a seed are all the same, the ratio would have no end; the mean
squares are taken there."""


def reml(grid: FloatArray, models: IntArray) -> FloatArray:
    r"""Estimates variance components by restricted maximum likelihood.

    Of y = mu + model + strength(model) + seed + model:seed + e, all but mu random and normal.
    With the components as multiples :math:`\rho` of the residual's and :math:`V_\rho` the
    covariance over the residual's, it minimises

    .. math:: (n - 1) \log y^\top P_\rho y + \log |V_\rho| + \log 1^\top V_\rho^{-1} 1,

    the residual's variance being :math:`y^\top P_\rho y / (n - 1)`. Model:seed, the largest
    effect, is absorbed group by group, so that a step costs a Cholesky factor of one row per
    model, cell and seed.

    Args:
        grid: The metric by cell and seed [C, K]; NaN where there is no run.
        models: Model of each cell, from 0 [C].

    Returns:
        The components [5] in the order of `COMPONENTS`, none negative; NaN for those that the
        runs cannot tell apart from the others, see `Design.present`.

    References:
        Patterson & Thompson, Recovery of Inter-Block Information when Block Sizes Are Unequal,
        Biometrika 58(3), 1971. The scaling: Bates et al., Fitting Linear Mixed-Effects Models
        Using lme4, Journal of Statistical Software 67(1), 2015.
    """
    design = Design(models, np.isfinite(grid))
    names = design.present()
    problem = _problem(grid, design, names)
    guess = moments(grid, models, np.ones((1, grid.shape[1])))[0]
    found = dict(zip(COMPONENTS, guess, strict=True))
    total = sum(max(found[name], 0.0) for name in names) or 1.0
    residual = max(found["residual"], 0.02 * total)
    start = [math.sqrt(max(found[name], 0.02 * total) / residual) for name in names[:-1]]
    start = [min(root, MOST) for root in start]
    solution = optimize.minimize(
        problem.deviance,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, MOST)] * len(start),
        options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7},
    )
    result = np.full(len(COMPONENTS), np.nan)
    places = [COMPONENTS.index(name) for name in names]
    if np.any(solution.x >= MOST):
        result[places] = np.maximum(guess[places], 0.0)
        return result
    ratios = np.append(solution.x**2, 1.0)
    result[places] = ratios * problem.residual(solution.x) * problem.scale
    return result


@dataclass(frozen=True)
class _Problem:
    """The likelihood of ratios of standard deviations to the residual's.

    Columns are indicators of the mean and of the levels of all effects but the absorbed one, whose
    levels are groups of runs. The metric has mean 0 and variance 1.

    Attributes:
        freedom: Number of runs less 1.
        gram: Products of columns [W, W].
        right: Products of columns with the metric [W].
        square: Sum of the metric's squares.
        owner: Which effect each column is of, by its place among the ratios; -1 the mean [W].
        sums: Sums of columns by group [G, W].
        level: Sums of the metric by group [G].
        size: Runs by group [G].
        absorbed: Place of the absorbed effect among the ratios; None for none.
        scale: Variance that the metric was divided by.
    """

    freedom: int
    gram: FloatArray
    right: FloatArray
    square: float
    owner: IntArray
    sums: FloatArray
    level: FloatArray
    size: FloatArray
    absorbed: int | None
    scale: float

    def residual(self, roots: FloatArray) -> float:
        """Returns the residual's variance at these ratios."""
        return self._parts(roots)[1] / self.freedom

    def deviance(self, roots: FloatArray) -> tuple[float, FloatArray]:
        """Computes twice the negative log-likelihood, but for a constant, and its gradient."""
        value, square, traces, squares = self._parts(roots)
        slope = traces - self.freedom * squares / square
        return value, 2 * np.asarray(roots) * slope

    def _parts(self, roots: FloatArray) -> tuple[float, float, FloatArray, FloatArray]:
        ratio = 0.0 if self.absorbed is None else float(roots[self.absorbed]) ** 2
        keep = 1 / (1 + ratio * self.size)
        shrink = ratio * keep
        gram = self.gram - self.sums.T @ (shrink[:, None] * self.sums)
        right = self.right - self.sums.T @ (shrink * self.level)
        alone = self.square - float(shrink @ self.level**2)
        root = np.where(self.owner < 0, 1.0, np.asarray(roots)[self.owner])
        system = root[:, None] * gram * root + np.diag((self.owner >= 0).astype(np.float64))
        factor = linalg.cholesky(system, lower=True, check_finite=False)
        bordered = np.column_stack([gram, right, (keep[:, None] * self.sums).T])
        solved = linalg.solve_triangular(
            factor, root[:, None] * bordered, lower=True, check_finite=False
        )
        width = len(right)
        half, side, inner = solved[:, :width], solved[:, width], solved[:, width + 1 :]
        square = max(alone - float(side @ side), 1e-300)
        value = (
            self.freedom * math.log(square)
            + 2 * float(np.log(np.diag(factor)).sum())
            - float(np.log(keep).sum())
        )
        # Squares of Z'Py and the trace of Z'PZ, by effect.
        spread = np.diag(gram) - (half**2).sum(axis=0)
        score = (right - half.T @ side) ** 2
        effects = range(len(roots))
        traces = np.array([spread[self.owner == place].sum() for place in effects])
        squares = np.array([score[self.owner == place].sum() for place in effects])
        if self.absorbed is not None:
            traces[self.absorbed] = (keep * self.size - (inner**2).sum(axis=0)).sum()
            squares[self.absorbed] = ((keep * self.level - inner.T @ side) ** 2).sum()
        return value, square, traces, squares


def _problem(grid: FloatArray, design: Design, names: tuple[str, ...]) -> _Problem:
    cells, seeds = np.nonzero(design.known)
    values = grid[cells, seeds]
    values = values - values.mean()
    scale = float(values @ values) / max(len(values) - 1, 1) or 1.0
    values = values / math.sqrt(scale)
    models = design.models[cells]
    levels = {"model": models, "strength": cells, "seed": seeds}
    blocks, owner = [np.ones((len(values), 1))], [np.array([-1])]
    for place, name in enumerate(names[:-1]):
        if name in levels:
            kinds, code = np.unique(levels[name], return_inverse=True)
            blocks.append(np.eye(len(kinds))[code])
            owner.append(np.full(len(kinds), place))
    columns = np.concatenate(blocks, axis=1)
    absorbed = names.index("model:seed") if "model:seed" in names else None
    pairs = np.unique(models * grid.shape[1] + seeds, return_inverse=True)[1]
    groups = csr_matrix((np.ones(len(pairs)), (pairs, np.arange(len(pairs)))))
    if absorbed is None:
        groups = groups[:0]
    return _Problem(
        freedom=len(values) - 1,
        gram=columns.T @ columns,
        right=columns.T @ values,
        square=float(values @ values),
        owner=np.concatenate(owner),
        sums=groups @ columns,
        level=groups @ values,
        size=np.asarray(groups.sum(axis=1), dtype=np.float64).ravel(),
        absorbed=absorbed,
        scale=scale,
    )
