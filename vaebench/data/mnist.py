"""MNIST and Fashion-MNIST: 70,000 grey images of ten classes each, read by torchvision."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench.data.base import as_indices, image_size
from vaebench.errors import DataError
from vaebench.hints import hint_data

NATIVE_SIZE = 28
PADDED_SIZE = 32
TRAIN_IMAGES = 60_000
TEST_IMAGES = 10_000


@dataclass(frozen=True)
class IdxFile:
    """One published file, unpacked.

    Attributes:
        name: File name.
        header: The whole numbers that it begins with, big-endian, four bytes each.
        bytes: Its size.
        md5: Its checksum.
    """

    name: str
    header: tuple[int, ...]
    bytes: int
    md5: str


@dataclass(frozen=True)
class Collection:
    """What tells the two data sets apart.

    Attributes:
        torchvision_name: Class in `torchvision.datasets`, also the folder under the data folder.
        source: Where the images come from.
        label_names: The ten classes.
        md5: Checksums of the unpacked files, in the order of `files`.
    """

    torchvision_name: str
    source: str
    label_names: tuple[str, ...]
    md5: tuple[str, str, str, str]

    @property
    def files(self) -> tuple[IdxFile, ...]:
        """Training images and labels, then test images and labels."""
        parts = (("train", TRAIN_IMAGES), ("t10k", TEST_IMAGES))
        sums = iter(self.md5)
        found = []
        for part, count in parts:
            size = 16 + count * NATIVE_SIZE**2
            header = (2051, count, NATIVE_SIZE, NATIVE_SIZE)
            found.append(IdxFile(f"{part}-images-idx3-ubyte", header, size, next(sums)))
            found.append(IdxFile(f"{part}-labels-idx1-ubyte", (2049, count), 8 + count, next(sums)))
        return tuple(found)

    def folder(self, data_dir: Path) -> Path:
        """Where torchvision keeps the files."""
        return data_dir / self.torchvision_name / "raw"


COLLECTIONS: dict[str, Collection] = {
    "mnist": Collection(
        torchvision_name="MNIST",
        source="MNIST, LeCun, Cortes and Burges",
        label_names=("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
        md5=(
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
    ),
    "fashion-mnist": Collection(
        torchvision_name="FashionMNIST",
        source="Fashion-MNIST, Zalando Research, MIT licence",
        label_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        md5=(
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
    ),
}


class GreyImages:
    """MNIST or Fashion-MNIST: the 60,000 training images, then the 10,000 test images.

    At 32 pixels the images of 28 stand in a black margin of two pixels.

    References:
        LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
        recognition", 1998, https://doi.org/10.1109/5.726791
        Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
        learning algorithms", 2017, https://arxiv.org/abs/1708.07747
    """

    factor_names: tuple[str, ...] = ()
    factor_sizes: tuple[int, ...] = ()
    has_grid = False
    stochastic = False
    has_split = True

    def __init__(
        self,
        name: str,
        source: str,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        size: int = NATIVE_SIZE,
    ) -> None:
        """Takes the images into memory as they are.

        Args:
            name: Name of the data set.
            source: Where the images come from, in one line.
            images: uint8 [N, 28, 28], the training images first.
            labels: int64 [N], each 0 to 9.
            size: Height and width of the observations, 28 or 32 pixels.
        """
        self.name = name
        self.source = source
        self.observation_shape = (1, size, size)
        self.label_names = COLLECTIONS[name].label_names
        self._images = images
        self._labels = labels
        self._margin = (size - NATIVE_SIZE) // 2

    def __len__(self) -> int:
        """Number of images, training and test together."""
        return len(self._images)

    @property
    def train_indices(self) -> NDArray[np.int64]:
        """The published training images, 0 to 59,999."""
        return np.arange(TRAIN_IMAGES)

    @property
    def test_indices(self) -> NDArray[np.int64]:
        """The published test images, 60,000 to 69,999."""
        return np.arange(TRAIN_IMAGES, len(self))

    def observations(self, indices: ArrayLike) -> NDArray[np.uint8]:
        """Images, uint8 [N, 1, size, size], 0 to 255."""
        images: NDArray[np.uint8] = self._images[as_indices(indices, len(self)), None]
        if self._margin == 0:
            return images
        padded = np.zeros((len(images), *self.observation_shape), np.uint8)
        inside = slice(self._margin, self._margin + NATIVE_SIZE)
        padded[:, :, inside, inside] = images
        return padded

    def factors(self, indices: ArrayLike) -> None:
        """None: the ground-truth factors are not known."""
        as_indices(indices, len(self))

    def labels(self, indices: ArrayLike) -> NDArray[np.int64]:
        """Classes, int64 [N], which index `label_names`."""
        return self._labels[as_indices(indices, len(self))]

    def index(self, factors: ArrayLike) -> NDArray[np.int64]:
        """Always raises DataError: the ground-truth factors are not known."""
        raise DataError(f"{self.name} has no ground-truth factors to find images by.")


def load_mnist(data_dir: Path, size: int | None = None) -> GreyImages:
    """Loads MNIST; see `load_grey`."""
    return load_grey("mnist", data_dir, size)


def load_fashion_mnist(data_dir: Path, size: int | None = None) -> GreyImages:
    """Loads Fashion-MNIST; see `load_grey`."""
    return load_grey("fashion-mnist", data_dir, size)


def load_grey(name: str, data_dir: Path, size: int | None = None) -> GreyImages:
    """Loads MNIST or Fashion-MNIST from the folder that holds `MNIST/` or `FashionMNIST/`.

    Args:
        name: `mnist` or `fashion-mnist`.
        data_dir: Folder of downloaded data sets.
        size: 28 (or None), or 32 for a black margin of two pixels.

    Returns:
        The data set, wholly in memory (55 MB).

    Raises:
        UsageError: Another size.
        DataError: A file is missing, truncated or not what it should be.
    """
    pixels = image_size(name, size, (NATIVE_SIZE, PADDED_SIZE))
    collection = COLLECTIONS[name]
    for file in collection.files:
        problem = file_problem(collection.folder(data_dir) / file.name, file)
        if problem is not None:
            raise DataError(
                f"{problem} Searched for {name} in the folder {data_dir}. Run "
                f"`{hint_data('download', name, data_dir)}`, or point --data-dir or "
                f"VAEBENCH_DATA at the folder that holds {collection.torchvision_name}/."
            )
    parts = [_read(collection, data_dir, train) for train in (True, False)]
    images = np.concatenate([part[0] for part in parts])
    labels = np.concatenate([part[1] for part in parts])
    if labels.max() >= len(collection.label_names):
        place = int(labels.argmax())
        raise DataError(
            f"{collection.folder(data_dir)} is not as published: image {place:,} has the label "
            f"{labels[place]}, and there are {len(collection.label_names)}. Run "
            f"`{hint_data('download', name, data_dir)}`, which replaces the damaged file."
        )
    source = f"{collection.source}, files in {collection.folder(data_dir)}"
    return GreyImages(name, source, images, labels, pixels)


def file_problem(path: Path, file: IdxFile) -> str | None:
    """Says what is wrong with a file by its size and its header, or None if nothing is."""
    if not path.is_file():
        return f"{path} is missing."
    size = path.stat().st_size
    if size != file.bytes:
        state = "truncated" if size < file.bytes else "not the published file"
        return f"{path} is {state}: {size:,} bytes instead of {file.bytes:,}."
    count = len(file.header)
    with path.open("rb") as stream:
        header = struct.unpack(f">{count}i", stream.read(4 * count))
    if header != file.header:
        return f"{path} is not the published file: its header is {header}, not {file.header}."
    return None


def _read(
    collection: Collection, data_dir: Path, train: bool
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Reads the images [N, 28, 28] and the labels [N] of one part."""
    datasets = import_module("torchvision.datasets")
    part: Any = getattr(datasets, collection.torchvision_name)(
        root=data_dir, train=train, download=False
    )
    return part.data.numpy(), part.targets.numpy().astype(np.int64)
