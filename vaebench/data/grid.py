"""Ground-truth factors: a grid in which every combination has one image, or a table of factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench.errors import DataError


class Factors(Protocol):
    """The factors of a data set's images, and the way back from factors to images."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the F factors."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of values of each factor."""

    @property
    def complete(self) -> bool:
        """Whether every combination of values has an image."""

    def of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Factors [N, F] of images [N], which must be within the range."""

    def index(self, factors: ArrayLike) -> NDArray[np.int64]:
        """Images [N] with the given factors [N, F]."""


@dataclass(frozen=True)
class Grid:
    """Every combination of factors has one image; the last factor varies fastest.

    Attributes:
        names: Names of the F factors.
        sizes: Number of values of each factor; there are as many images as their product.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    complete = True

    def of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Factors [N, F] of images [N]."""
        return np.stack(np.unravel_index(indices, self.sizes), axis=1)

    def index(self, factors: ArrayLike) -> NDArray[np.int64]:
        """Images with the given factors, the inverse of `of`.

        Args:
            factors: int [N, F].

        Returns:
            Indices, int64 [N].

        Raises:
            TypeError: The factors are not integers.
            ValueError: They do not have the shape [N, F].
            IndexError: A factor is out of its range.
        """
        columns = tuple(as_factors(factors, self.names, self.sizes).T)
        return cast("NDArray[np.int64]", np.ravel_multi_index(columns, self.sizes).astype(np.int64))


class ListedFactors:
    """Factors written down for each image; some combinations may have none, or several.

    Args:
        names: Names of the F factors.
        values: Integers [N, F]; the values of each factor are numbered anew, from 0 upwards.
        origin: Where they come from, for the message of `index`.
    """

    def __init__(self, names: Sequence[str], values: NDArray[np.integer], origin: str) -> None:
        numbered = [np.unique(column, return_inverse=True) for column in values.T]
        self.names = tuple(names)
        self.sizes = tuple(len(found) for found, _ in numbered)
        self._values = np.stack([inverse for _, inverse in numbered], axis=1).astype(np.int64)
        self._grid = Grid(self.names, self.sizes)
        self._origin = origin
        self._combinations = int(np.prod([float(size) for size in self.sizes]))
        self._image: NDArray[np.int64] | None = None
        if self._combinations == len(values):
            place = self._grid.index(self._values)
            image = np.full(len(values), -1, np.int64)
            image[place] = np.arange(len(values))
            self._image = image if (image >= 0).all() else None

    @property
    def complete(self) -> bool:
        """Whether every combination of values has exactly one image."""
        return self._image is not None

    def of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Factors [N, F] of images [N]."""
        return self._values[indices]

    def index(self, factors: ArrayLike) -> NDArray[np.int64]:
        """Images with the given factors; see `Grid.index`.

        Raises:
            DataError: Not every combination of factors has exactly one image.
        """
        if self._image is None:
            raise DataError(
                f"{self._origin} has {len(self._values):,} images for {self._combinations:,} "
                "combinations of factors, not one for each, so images cannot be found by factors."
            )
        return self._image[self._grid.index(factors)]


def as_factors(factors: ArrayLike, names: Sequence[str], sizes: Sequence[int]) -> NDArray[np.int64]:
    """Checks factors.

    Args:
        factors: Array-like of integers [N, F].
        names: Names of the F factors.
        sizes: Number of values of each.

    Returns:
        The factors, int64 [N, F].

    Raises:
        TypeError: They are not integers.
        ValueError: They do not have the shape [N, F].
        IndexError: A factor is out of its range.
    """
    array = np.asarray(factors)
    if array.ndim != 2 or array.shape[1] != len(sizes):
        raise ValueError(f"Factors must have the shape [N, {len(sizes)}], not {list(array.shape)}.")
    if array.dtype.kind not in "iu":
        raise TypeError(f"Factors must be integers, not {array.dtype}.")
    wrong = np.argwhere((array < 0) | (array >= sizes))
    if len(wrong):
        place, factor = wrong[0]
        raise IndexError(
            f"Factor {names[factor]} is {array[place, factor]}; it goes from 0 to "
            f"{sizes[factor] - 1}."
        )
    return array.astype(np.int64, copy=False)
