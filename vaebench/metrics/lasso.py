"""Lasso regressions of many targets on many sets of inputs at once, from their products alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

TOLERANCE, MOST_SWEEPS = 1e-4, 1_000
"""scikit-learn's defaults."""

AT_ONCE = 2_500
"""Fits that take their steps together, about: so many stay in the processor's cache."""


def lasso(gram: Matrix, products: Matrix, squares: Matrix, penalty: float) -> Matrix:
    r"""Fits each target on each set of inputs, all of mean 0, by coordinate descent.

    .. math:: \min_w \frac12 \lVert y - X w \rVert^2 + \alpha \lVert w \rVert_1

    Order of the coordinates, screening and the end of each fit are those of scikit-learn's Lasso,
    whose weights these are to some 14 digits; only that many fits take a step together.

    Args:
        gram: Inputs times inputs, of each set [S, D, D]. An input of zeros takes no part.
        products: Inputs times targets [S, D, T].
        squares: Sum of squares of each target [T].
        penalty: Weight alpha of the absolute values: scikit-learn's times the examples.

    Returns:
        Weights [S, D, T].

    References:
        Mind the duality gap: safer rules for the Lasso, O. Fercoq, A. Gramfort, J. Salmon, 2015,
        https://arxiv.org/abs/1505.03410.
    """
    sets, width, targets = products.shape
    weights = np.empty_like(products)
    step = max(1, AT_ONCE // targets)
    for first in range(0, sets, step):
        some = slice(first, first + step)
        flat = products[some].swapaxes(0, 1).reshape(width, -1)
        grams = np.repeat(np.moveaxis(gram[some], 0, 2), targets, axis=2)
        fits = _Fits(grams, flat, np.tile(squares, flat.shape[1] // targets), penalty)
        found = fits.solved().reshape(width, -1, targets)
        weights[some] = found.swapaxes(0, 1)
    return weights


class _Fits:
    """Fits on their way; those that are done leave once they are half of them.

    Args:
        gram: Inputs times inputs of each fit [D, D, P].
        products: Inputs times target of each fit [D, P].
        squares: Sum of squares of each fit's target [P].
        penalty: As in `lasso`.
    """

    def __init__(
        self,
        gram: Matrix,
        products: Matrix,
        squares: Matrix,
        penalty: float,
    ) -> None:
        self.gram = gram
        self.products = products
        self.squares = squares
        self.penalty = penalty
        self.weights = np.zeros_like(products)
        self.left = products.copy()
        """Inputs times residuals [D, P]."""
        self.norms = np.array(np.diagonal(self.gram).T, order="C")
        self.active = self.norms > 0
        self.norms[~self.active] = 1.0
        self.going = np.ones(len(squares), dtype=bool)
        self.places = np.arange(len(squares))
        """Where each fit's weights go in the end [P]."""

    def solved(self) -> Matrix:
        """Brings every fit to its end; returns the weights [D, P]."""
        found = np.zeros_like(self.weights)
        self._part(np.ones(len(self.places), dtype=bool), found)
        for sweep in range(1, MOST_SWEEPS + 1):
            if not self.going.any():
                break
            largest, moved = self._sweep()
            quiet = (largest == 0) | (moved <= TOLERANCE * largest)
            self._part(quiet | (sweep == MOST_SWEEPS), found)
        rest = self.going
        found[:, self.places[rest]] = self.weights[:, rest]
        return found

    def _sweep(self) -> tuple[Matrix, Matrix]:
        """Moves each active weight in turn to where it is best.

        Returns:
            Largest weight and largest change of each fit [P].
        """
        largest, moved = np.zeros(len(self.places)), np.zeros(len(self.places))
        for place, norm in enumerate(self.norms):
            before = self.weights[place]
            alone = self.left[place] + before * norm
            after = np.copysign(np.maximum(np.abs(alone) - self.penalty, 0.0), alone) / norm
            change = (after - before) * self.active[place]
            self._change(place, change)
            np.maximum(moved, np.abs(change), out=moved)
            np.maximum(largest, np.abs(self.weights[place]), out=largest)
        return largest, moved

    def _part(self, asked: Mask, found: Matrix) -> None:
        """Lets those fits leave whose duality gap is small, and screens the others' inputs.

        Args:
            asked: Fits to look at [P].
            found: Where the weights of those that leave go.
        """
        asked = asked & self.going
        if not asked.any():
            return
        gap, largest = self._gap()
        done = asked & (gap <= TOLERANCE * self.squares)
        self._screen(asked & ~done, gap, largest)
        found[:, self.places[done]] = self.weights[:, done]
        self.going = self.going & ~done
        if 2 * self.going.sum() < len(self.going):
            self._keep(self.going)

    def _screen(self, which: Mask, gap: Matrix, largest: Matrix) -> None:
        """Gives up the inputs that cannot have a weight at the optimum of some fits [P]."""
        if not which.any():
            return
        explained = np.abs(self.left) / np.maximum(self.penalty, largest)
        reach = np.sqrt(2 * np.maximum(gap, 0.0)) / self.penalty
        hopeless = self.active & which & ((1 - explained) > reach * np.sqrt(self.norms))
        for place in np.flatnonzero((hopeless & (self.weights != 0)).any(axis=1)).tolist():
            self._change(place, np.where(hopeless[place], -self.weights[place], 0.0))
        self.active &= ~hopeless

    def _change(self, place: int, change: Matrix) -> None:
        """Adds to a weight of every fit [P]."""
        self.weights[place] += change
        self.left -= self.gram[place] * change

    def _gap(self) -> tuple[Matrix, Matrix]:
        """Returns the duality gap and the largest product of an input with the residuals [P]."""
        explained = np.einsum("dp,dp->p", self.weights, self.products)
        residual = self.squares - explained - np.einsum("dp,dp->p", self.weights, self.left)
        largest = np.abs(self.left).max(axis=0)
        scale = np.minimum(1.0, self.penalty / np.where(largest > 0, largest, 1.0))
        primal = 0.5 * residual + self.penalty * np.abs(self.weights).sum(axis=0)
        dual = -0.5 * scale**2 * residual + scale * (self.squares - explained)
        return primal - dual, largest

    def _keep(self, mask: Mask) -> None:
        """Goes on with some of the fits [P]."""
        self.gram = self.gram[:, :, mask]
        for name in ("products", "weights", "left", "norms", "active"):
            setattr(self, name, getattr(self, name)[:, mask])
        for name in ("squares", "places", "going"):
            setattr(self, name, getattr(self, name)[mask])
