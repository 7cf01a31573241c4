"""What every data set offers to training and evaluation, and the arguments that they share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench.errors import DataError, UsageError, VaebenchError
from vaebench.hints import hint_data

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LONGEST_NAME = 500
"""Characters of a name in a message."""


class Dataset(Protocol):
    """Images with, where they are known, their labels and ground-truth factors.

    Images are numbered from 0. Whatever takes `indices` takes any 1-D array-like of integers (one
    integer counts as an array of one), repeats allowed, and raises IndexError where one is
    negative or too large. All of it is a pure function: the same indices give the same bits, in
    whatever order, batch or process they are asked for.
    """

    @property
    def name(self) -> str:
        """The name that `load_dataset` takes."""

    @property
    def source(self) -> str:
        """Where the images come from, in one line."""

    @property
    def observation_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""

    @property
    def factor_names(self) -> tuple[str, ...]:
        """Names of the F ground-truth factors; empty where there are none."""

    @property
    def factor_sizes(self) -> tuple[int, ...]:
        """Number of values of each factor; empty where there are none."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Name of each label; empty where there are none."""

    @property
    def has_grid(self) -> bool:
        """Whether every combination of the factors has an image, which `index` finds."""

    @property
    def stochastic(self) -> bool:
        """Whether images have a part drawn at random, so that this is a `StochasticDataset`."""

    @property
    def has_split(self) -> bool:
        """Whether the data set was published with a training and a test part."""

    @property
    def train_indices(self) -> NDArray[np.int64]:
        """Images to train on; all of them where there is no published split."""

    @property
    def test_indices(self) -> NDArray[np.int64]:
        """Images to test on; all of them where there is no published split."""

    def __len__(self) -> int:
        """Number of images."""

    def observations(self, indices: ArrayLike) -> NDArray[np.uint8]:
        """Images [N, C, H, W], from 0 (black) to 255 (white) in every data set.

        The array is the caller's own, but may lie transposed in memory (channels last).
        """

    def factors(self, indices: ArrayLike) -> NDArray[np.int64] | None:
        """Ground-truth factors [N, F], each from 0 to its size - 1, or None without any."""

    def labels(self, indices: ArrayLike) -> NDArray[np.int64] | None:
        """Labels [N], which index `label_names`, or None without any."""

    def index(self, factors: ArrayLike) -> NDArray[np.int64]:
        """Indices [N] of the images with these factors [N, F], the inverse of `factors`.

        Where several images have the same factors, each row has one of them, drawn by its place.

        Raises:
            DataError: The data set has no ground-truth factors, or no grid of them (`has_grid`).
            IndexError: A factor is out of its range.
        """


class StochasticDataset(Dataset, Protocol):
    """A data set whose images have a part that is no factor and is drawn at random.

    The draw is a pure function of the index and of `draw`, not of a generator with a state: so a
    job gives the same bits however it is batched, packed or resumed. Evaluation leaves `draw` at
    0; training passes its step, counted from 1, to see another draw at every visit.
    """

    def observations(self, indices: ArrayLike, draw: ArrayLike = 0) -> NDArray[np.uint8]:
        """Images [N, C, H, W], 0 to 255.

        Args:
            indices: Of the images, N integers.
            draw: Which draw of the random part: one integer for all images, or N of them.
        """


Painter = Callable[["Tensor", "Tensor", int], "Tensor"]
"""Turns images of the plain data set, uint8 on a device, into those of a draw: given the images
[N, C, H, W], their indices int64 [N] on the device, and which draw."""


@runtime_checkable
class PaintedDataset(StochasticDataset, Protocol):
    """A stochastic data set made of a plain one by what torch can do on a device, to the bit."""

    @property
    def plain(self) -> Dataset:
        """The data set without its random part: as many images, in the same order."""

    def painter(self, device: torch.device) -> Painter:
        """Returns what makes `observations` of the plain images on a device."""


def is_stochastic(data: Dataset) -> TypeGuard[StochasticDataset]:
    """Whether `observations` takes `draw`."""
    return data.stochastic


def data_folder(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """The folder of downloaded data sets: the argument, else VAEBENCH_DATA, else ./data."""
    path = Path(data_dir or os.environ.get("VAEBENCH_DATA") or "data")
    return usable(path, f"The data folder {str(path)[:LONGEST_NAME]}")


def as_indices(indices: ArrayLike, length: int) -> NDArray[np.int64]:
    """Checks image indices.

    Args:
        indices: One integer or a 1-D array-like of N integers.
        length: Number of images.

    Returns:
        The indices, int64 [N].

    Raises:
        TypeError: They are not integers.
        ValueError: They have more than one dimension.
        IndexError: One of them is negative, or `length` or more.
    """
    array = np.atleast_1d(np.asarray(indices))
    if array.ndim != 1:
        raise ValueError(f"Indices must have one dimension, not the shape {array.shape}.")
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"Indices must be integers, not {array.dtype}.")
    low, high = array.min(), array.max()
    if low < 0 or high >= length:
        seen = low if low < 0 else high
        raise IndexError(
            f"Index {seen} is out of range: there are {length} images, 0 to {length - 1}."
        )
    return array.astype(np.int64, copy=False)


def find_file(name: str, data_dir: Path, file: str, folders: Sequence[str]) -> Path:
    """Finds a file of a data set.

    Args:
        name: Data set, for the message.
        data_dir: Folder of downloaded data sets.
        file: File name.
        folders: Folders in `data_dir` to look in, the one of our own downloads first; at the end
            comes `data_dir` itself.

    Returns:
        The first of the places that has the file.

    Raises:
        DataError: None has it.
    """
    for folder in (*folders, "."):
        path = data_dir / folder / file
        if path.is_file():
            return path
    raise missing(name, data_dir, data_dir / folders[0] / file)


def own_path(name: str) -> Path:
    """The path in `npz:PATH` or `folder:PATH`, without the digest in a name that jobs have.

    Raises:
        UsageError: There is none.
    """
    kind, _, path = name.partition(":")
    if not path:
        raise UsageError(f"{name} names no path. Write {kind}:PATH.")
    short = name if len(name) < LONGEST_NAME else f"{name[:LONGEST_NAME]} …"
    found = usable(Path(path), short)
    bare = re.sub("#[0-9a-f]{16}$", "", path)
    return found if bare in {path, ""} or found.exists() else usable(Path(bare), short)


def usable(path: Path, name: str) -> Path:
    """A path that the system can be asked about, with `~` and `~user` as the folders they are.

    Args:
        path: The path, of a file that may be missing.
        name: What was typed, for the message.

    Raises:
        UsageError: There is no such user, or no file can have such a path.
    """
    try:
        expanded = path.expanduser()
        expanded.is_file()
    except RuntimeError as error:
        raise UsageError(
            f"{name}: there is no user {path.parts[0].removeprefix('~')!r} here. Write the path "
            f"without ~, or as ./{path} for a folder of that name."
        ) from error
    except ValueError as error:
        raise UsageError(f"{name!r} cannot be a path: it has a character NUL.") from error
    except OSError as error:
        raise UsageError(f"{name} cannot be used: {error.strerror}.") from error
    return expanded


@contextmanager
def reading(path: Path, cannot: str = "cannot be read", advice: str = "") -> Iterator[None]:
    """Turns whatever a parser raises of a file into a DataError that names it.

    Of a damaged file zipfile, NumPy, SciPy, Pillow and HDF5 raise nearly anything.

    Args:
        path: The file.
        cannot: What cannot be done with it.
        advice: What to do, one sentence.

    Raises:
        DataError: The block raised something; errors of vaebench's own go through as they are.
    """
    try:
        yield
    except VaebenchError:
        raise
    except Exception as error:
        size = f" ({path.stat().st_size:,} bytes)" if path.is_file() else ""
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        end = f" {advice}" if advice else ""
        raise DataError(f"{path} {cannot}{size}: {reason}.{end}") from error


def missing(name: str, data_dir: Path, path: Path) -> DataError:
    """The error for a file that is not there."""
    return DataError(
        f"{path} is missing. Searched for {name} in the folder {data_dir}. Run "
        f"`{hint_data('download', name, data_dir)}`, or point --data-dir or VAEBENCH_DATA at the "
        "folder that has it."
    )


def image_size(name: str, size: int | None, allowed: tuple[int, ...]) -> int:
    """The image size asked for, or the native one.

    Args:
        name: Data set, for the message.
        size: Height and width in pixels, or None for the native size.
        allowed: Sizes that the data set has, the native one first.

    Returns:
        Height and width in pixels.

    Raises:
        UsageError: The data set cannot have that size.
    """
    if size is None:
        return allowed[0]
    if size not in allowed:
        known = " or ".join(str(value) for value in allowed)
        raise UsageError(f"Images of {name} cannot have a size of {size} pixels. Allowed: {known}.")
    return size
