"""Variance components by moments: differences of runs that share this and differ in that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vaebench.analysis.resampling import FloatArray

COMPONENTS = ("model", "strength", "seed", "model:seed", "residual")
"""Parts of a metric's variance over runs, in order; strength is within the model."""


@dataclass(frozen=True)
class Design:
    """Which runs there are of which cell and seed, and which components they can tell apart.

    Attributes:
        models: Model of each cell, from 0 [C].
        known: Whether a cell has a run of a seed [C, K].
    """

    models: npt.NDArray[np.intp]
    known: npt.NDArray[np.bool_]

    @property
    def member(self) -> FloatArray:
        """Whether a cell is of a model [I, C], 0 or 1."""
        return np.asarray(np.eye(int(self.models.max()) + 1)[:, self.models])

    def present(self) -> tuple[str, ...]:
        """Returns the components that can be told apart; the others are in those that are left.

        One model has no component of its own and no interaction that is not the seed's. Where no
        model has two strengths run with the same seed, strength is in the model, and model:seed
        in the residual.
        """
        runs = self.member @ self.known
        models = int((runs.sum(axis=1) > 0).sum()) > 1
        strengths = bool((runs > 1).any())
        kept = {"residual", "seed"}
        kept |= {"model"} if models else set()
        kept |= {"strength"} if strengths else set()
        kept |= {"model:seed"} if models and strengths else set()
        return tuple(name for name in COMPONENTS if name in kept)


def moments(grid: FloatArray, models: npt.NDArray[np.intp], weights: FloatArray) -> FloatArray:
    r"""Estimates variance components from mean squared differences between runs.

    Half the mean squared difference of two runs is, in expectation, the sum of the components
    that they do not share. Of y = mu + model + strength(model) + seed + model:seed + e:

    ====================================  ====================================================
    pairs of runs                         half their mean squared difference
    ====================================  ====================================================
    same cell, other seed                 A = seed + model:seed + e
    same model and seed, other strength   B = strength + e
    same model, other strength and seed   C = strength + seed + model:seed + e
    other model, same seed                D = model + strength + model:seed + e
    other model, other seed               E = model + strength + seed + model:seed + e
    ====================================  ====================================================

    So strength = C - A, e = A + B - C, seed = E - D, model:seed = C - B - E + D and
    model = E - C: unbiased whatever runs are missing. In a balanced design they are the
    estimates that equate mean squares to what is expected of them, and so REML's where none of
    these is negative. Pairs of different seeds count by how often both were drawn, pairs of one
    seed by how often it was: so a seed that was drawn twice is never compared with itself, and
    resamples have no bias that would have to be taken off.

    Args:
        grid: The metric by cell and seed [C, K]; NaN where there is no run.
        models: Model of each cell, from 0 [C].
        weights: Number of times each seed was drawn [R, K].

    Returns:
        The components [R, 5] in the order of `COMPONENTS`, some perhaps negative; NaN for those
        that are not in `Design.present`, and for all where a resample has no pair that it needs.

    References:
        Koch, Some Further Remarks Concerning "A General Approach to the Estimation of Variance
        Components", Technometrics 10(3), 1968 (from memory). On the bias of resampled components:
        Brennan, Unbiased Estimates of Variance Components With Bootstrap Procedures, Educational
        and Psychological Measurement 67(5), 2007.
    """
    design = Design(models, np.isfinite(grid))
    present = design.present()
    known = design.known.astype(np.float64)
    values = np.where(design.known, grid - np.nanmean(grid), 0.0)
    by_cell = _Sums(known, values, values**2)
    by_model = by_cell.over(design.member)
    overall = by_cell.over(np.ones((1, len(grid))))
    cell, model, all_ = (group.between(weights) for group in (by_cell, by_model, overall))
    model_seed, seed = (group.inside(weights) for group in (by_model, overall))
    with np.errstate(invalid="ignore", divide="ignore"):
        a = cell[0] / cell[1]
        b = model_seed[0] / model_seed[1]
        c = (model[0] - cell[0]) / (model[1] - cell[1])
        d = (seed[0] - model_seed[0]) / (seed[1] - model_seed[1])
        e = (all_[0] - model[0]) / (all_[1] - model[1])
    nothing = np.full(len(weights), np.nan)
    parts = dict.fromkeys(COMPONENTS, nothing)
    if "strength" in present:
        parts |= {"strength": c - a, "residual": a + b - c, "seed": c - b}
        if "model" in present:
            parts |= {"seed": e - d, "model:seed": c - b - e + d, "model": e - c}
    elif "model" in present:
        parts |= {"seed": e - d, "residual": a - e + d, "model": e - a}
    found = np.stack([parts[name] for name in COMPONENTS], axis=1)
    places = [COMPONENTS.index(name) for name in present]
    found[~np.isfinite(found[:, places]).all(axis=1)] = np.nan
    return found


@dataclass(frozen=True)
class _Sums:
    """Numbers, sums and sums of squares of runs by group and seed [G, K]."""

    counts: FloatArray
    sums: FloatArray
    squares: FloatArray

    def over(self, member: FloatArray) -> _Sums:
        """Adds groups up to larger ones, by their membership [H, G]."""
        return _Sums(member @ self.counts, member @ self.sums, member @ self.squares)

    def between(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Adds up half the squared differences of a group's runs of different seeds.

        Returns:
            The sum and the number of pairs in each resample [R], each pair counted both ways.
        """
        half = self.squares.T @ self.counts
        table = (half + half.T) / 2 - self.sums.T @ self.sums
        pairs = self.counts.T @ self.counts
        apart = 1 - np.eye(len(table))
        total, number = (
            ((weights @ (each * apart)) * weights).sum(axis=1) for each in (table, pairs)
        )
        return total, number

    def inside(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Adds up half the squared differences of a group's runs of one seed, as `between`."""
        table = (self.counts * self.squares - self.sums**2).sum(axis=0)
        pairs = (self.counts * (self.counts - 1)).sum(axis=0)
        return weights @ table, weights @ pairs


def shares(components: FloatArray) -> FloatArray:
    """Cuts components at 0 and divides them by their sum [R, 5]; NaN stays NaN."""
    cut = np.maximum(components, 0.0)
    total = np.nansum(cut, axis=1, keepdims=True)
    known = np.broadcast_to(total > 0, cut.shape)
    return np.asarray(np.divide(cut, total, out=np.full(cut.shape, np.nan), where=known))
