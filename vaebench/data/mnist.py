"""MNIST and Fashion-MNIST: 70,000 grey images of ten classes each, read by torchvision."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench.data.base import as_indices, image_size
from vaebench.data.formats.idx import IdxFile, file_problem
from vaebench.data.info import Contents, DatasetInfo, FileCheck, RemoteFile, other_digest
from vaebench.errors import DataError
from vaebench.hints import hint_data

NATIVE_SIZE = 28
PADDED_SIZE = 32
TRAIN_IMAGES = 60_000
TEST_IMAGES = 10_000


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


def _read(
    collection: Collection, data_dir: Path, train: bool
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Reads the images [N, 28, 28] and the labels [N] of one part."""
    datasets = import_module("torchvision.datasets")
    part: Any = getattr(datasets, collection.torchvision_name)(
        root=data_dir, train=train, download=False
    )
    return part.data.numpy(), part.targets.numpy().astype(np.int64)


def _check(
    collection: Collection, remote: RemoteFile, folder: Path, thorough: bool
) -> list[FileCheck]:
    (file,) = (file for file in collection.files if f"{file.name}.gz" == remote.name)
    path = collection.folder(folder) / file.name
    problem = file_problem(path, file)
    if problem is None and thorough:
        problem = other_digest(path, "md5", file.md5)
    return [FileCheck(path, problem)]


def _packed(
    collection: Collection, servers: tuple[str, ...], sums: tuple[tuple[str, int], ...]
) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(
            f"{file.name}.gz",
            f"{collection.torchvision_name}/raw",
            tuple(f"{server}{file.name}.gz" for server in servers),
            f"md5:{digits}",
            size,
            unpack="gz",
        )
        for file, (digits, size) in zip(collection.files, sums, strict=True)
    )


def _contents(collection: Collection) -> Contents:
    return Contents(
        TRAIN_IMAGES + TEST_IMAGES,
        (1, NATIVE_SIZE, NATIVE_SIZE),
        label_names=collection.label_names,
        train_images=TRAIN_IMAGES,
    )


MNIST = DatasetInfo(
    name="mnist",
    title="MNIST",
    what="handwritten digits",
    citation="LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document "
    "recognition, 1998, https://doi.org/10.1109/5.726791",
    licence="none stated by its authors; often given as CC BY-SA 3.0",
    url="http://yann.lecun.com/exdb/mnist/",
    contents=_contents(COLLECTIONS["mnist"]),
    files=_packed(
        COLLECTIONS["mnist"],
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        (
            ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
            ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
            ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
            ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
        ),
    ),
    load=load_mnist,
    check=partial(_check, COLLECTIONS["mnist"]),
)
FASHION_MNIST = DatasetInfo(
    name="fashion-mnist",
    title="Fashion-MNIST",
    what="pieces of clothing",
    citation="Xiao, Rasul and Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking "
    "machine learning algorithms, 2017, https://arxiv.org/abs/1708.07747",
    licence="MIT",
    url="https://github.com/zalandoresearch/fashion-mnist",
    contents=_contents(COLLECTIONS["fashion-mnist"]),
    files=_packed(
        COLLECTIONS["fashion-mnist"],
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        (
            ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
            ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
            ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
            ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        ),
    ),
    load=load_fashion_mnist,
    check=partial(_check, COLLECTIONS["fashion-mnist"]),
)
