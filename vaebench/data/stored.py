"""Images held in an array, or mapped from a file: what all data sets but the drawn ones are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench.data.base import as_indices
from vaebench.data.grid import Factors
from vaebench.errors import DataError, UsageError


class StoredImages:
    """A data set whose images lie in one array, which may be mapped from a file.

    Args:
        name: Name of the data set.
        source: Where the images come from, in one line.
        images: uint8 [N, H, W, C], or [N, C, H, W] with `channels_first`.
        channels_first: Which of the two.
        factors: Ground-truth factors, where they are known.
        labels: Labels int64 [N], where there are any.
        label_factor: Instead of labels: the factor that is the label.
        label_names: Name of each label.
        split: Training and test images, int64 [N_train] and [N_test], where the data set was
            published with a split.
        size: Height and width of the observations: a black margin is added around the images.
            None is their own.

    Raises:
        UsageError: The images are larger than `size`.
    """

    stochastic = False

    def __init__(
        self,
        name: str,
        source: str,
        images: NDArray[np.uint8],
        *,
        channels_first: bool = False,
        factors: Factors | None = None,
        labels: NDArray[np.int64] | None = None,
        label_factor: int | None = None,
        label_names: Sequence[str] = (),
        split: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
        size: int | None = None,
    ) -> None:
        self.name = name
        self.source = source
        self.factor_names = factors.names if factors else ()
        self.factor_sizes = factors.sizes if factors else ()
        self.label_names = tuple(label_names)
        self.has_grid = factors is not None and factors.complete
        self.has_split = split is not None
        order = (1, 2, 3) if channels_first else (3, 1, 2)
        channels, height, width = (images.shape[axis] for axis in order)
        self.observation_shape = _padded_shape(name, (channels, height, width), size)
        self._images = images
        self._order = (0, *order)
        self._inside = (height, width)
        self._factors = factors
        self._labels = labels
        self._label_factor = label_factor
        self._split = split

    def __len__(self) -> int:
        """Number of images."""
        return len(self._images)

    @property
    def train_indices(self) -> NDArray[np.int64]:
        """The published training images, or all images."""
        return np.arange(len(self)) if self._split is None else self._split[0].copy()

    @property
    def test_indices(self) -> NDArray[np.int64]:
        """The published test images, or all images."""
        return np.arange(len(self)) if self._split is None else self._split[1].copy()

    def observations(self, indices: ArrayLike) -> NDArray[np.uint8]:
        """Images, uint8 [N, C, H, W], 0 to 255; they may lie in memory as [N, H, W, C]."""
        images = self._images[as_indices(indices, len(self))].transpose(self._order)
        if images.shape[1:] == self.observation_shape:
            return images
        padded = np.zeros((len(images), *self.observation_shape), np.uint8)
        height, width = self._inside
        top, left = ((whole - part) // 2 for whole, part in _sides(padded, images))
        padded[:, :, top : top + height, left : left + width] = images
        return padded

    def factors(self, indices: ArrayLike) -> NDArray[np.int64] | None:
        """Ground-truth factors, int64 [N, F], in the order of `factor_names`, or None."""
        array = as_indices(indices, len(self))
        return None if self._factors is None else self._factors.of(array)

    def labels(self, indices: ArrayLike) -> NDArray[np.int64] | None:
        """Labels, int64 [N], which index `label_names`, or None."""
        array = as_indices(indices, len(self))
        if self._factors is not None and self._label_factor is not None:
            return self._factors.of(array)[:, self._label_factor]
        return None if self._labels is None else self._labels[array]

    def index(self, factors: ArrayLike) -> NDArray[np.int64]:
        """Images [N] with the given factors [N, F]; see `grid.Grid.index`.

        Raises:
            DataError: There are no ground-truth factors, or not one image for each combination.
        """
        if self._factors is None:
            raise DataError(f"{self.name} has no ground-truth factors to find images by.")
        return self._factors.index(factors)


def _sides(
    padded: NDArray[np.uint8], images: NDArray[np.uint8]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Height with and without the margin, and width likewise."""
    return (padded.shape[2], images.shape[2]), (padded.shape[3], images.shape[3])


def _padded_shape(name: str, shape: tuple[int, int, int], size: int | None) -> tuple[int, int, int]:
    """The shape of the observations: with a margin up to `size`, where it is given."""
    channels, height, width = shape
    if size is None:
        return shape
    if size < max(height, width):
        raise UsageError(
            f"Images of {name} are {height}×{width} pixels; they are not scaled, and do not fit "
            f"into a size of {size}. Allowed: {max(height, width)} (their own) or more, which adds "
            "a black margin."
        )
    return channels, size, size
