"""smallNORB: 48,600 photographs of 50 toys from 9 elevations and 18 azimuths in 6 lights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench.data.base import find_file, image_size
from vaebench.data.formats.norb import read_matrix
from vaebench.data.grid import Grid, as_factors
from vaebench.data.info import (
    Contents,
    DatasetInfo,
    FileCheck,
    RemoteFile,
    kept_as_published,
    readable,
)
from vaebench.data.nuisance import below, keys, words
from vaebench.data.stored import StoredImages
from vaebench.data.unpacked import OnProgress, silent, unpacked
from vaebench.errors import DataError

NAME = "smallnorb"
FOLDERS = ("smallnorb", "small_norb")
PARTS = ("smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing")
KINDS = ("dat", "cat", "info")
WIDTH = 64
SHAPE = (1, WIDTH, WIDTH)
TOYS = Grid(("category", "instance", "elevation", "azimuth", "lighting"), (5, 10, 9, 18, 6))
FACTOR_NAMES = ("category", "elevation", "azimuth", "lighting")
FACTOR_SIZES = (5, 9, 18, 6)
CATEGORIES = ("animal", "human", "airplane", "truck", "car")
_KEPT = [0, 2, 3, 4]
_NATIVE = 96
_STREAM = 0x6E6F726200000000


@dataclass(frozen=True)
class _KeptFactors:
    """The factors but for the instance, of which all images of a combination are examples."""

    toys: Grid
    names = FACTOR_NAMES
    complete = True

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(self.toys.sizes[place] for place in _KEPT)

    def of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.toys.of(indices)[:, _KEPT]

    def index(self, factors: ArrayLike, draw: ArrayLike | None = None) -> NDArray[np.int64]:
        kept = as_factors(factors, self.names, self.sizes)
        draw = np.arange(len(kept)) if draw is None else draw
        combination = Grid(self.names, self.sizes).index(kept)
        random = words(keys(_STREAM, combination, draw), 1)[:, 0]
        instance = below(random, self.toys.sizes[1])
        return self.toys.index(np.insert(kept, 1, instance, axis=1))


class SmallNorb(StoredImages):
    """The left camera's images, ordered by category, instance, elevation, azimuth and lighting.

    As in the study, the instance (which of a category's ten toys it is) is no factor, and the
    published training and test parts, which differ in the instances, are used together.
    """

    def __init__(self, source: str, images: NDArray[np.uint8], toys: Grid) -> None:
        self._kept = _KeptFactors(toys)
        super().__init__(
            NAME,
            source,
            images,
            factors=self._kept,
            label_factor=0,
            label_names=CATEGORIES[: toys.sizes[0]],
        )

    def index(self, factors: ArrayLike, draw: ArrayLike | None = None) -> NDArray[np.int64]:
        """Indices of images with these factors, each of an instance drawn at random.

        The study draws the instance anew for every image that it samples. Here it is a pure
        function of the factors and of `draw`.

        Args:
            factors: int [N, 4].
            draw: One integer for all rows, or N of them; by default each row's number, so that
                rows of the same factors are independent.

        Returns:
            Indices, int64 [N].

        Raises:
            TypeError: The factors or draws are not integers.
            ValueError: They do not have the shapes [N, 4], and [] or [N].
            IndexError: A factor is out of its range.
        """
        return self._kept.index(factors, draw)


def load_smallnorb(
    data_dir: Path,
    size: int | None = None,
    *,
    on_progress: OnProgress = silent,
    _toys: Grid = TOYS,
) -> SmallNorb:
    """Opens smallNORB from its six files, `.mat` or, as they are published, `.mat.gz`.

    As in the study the images are scaled from 96 to 64 pixels by Lanczos' filter, to the same
    levels; but where the filter overshoots, below 0 or above 255, it is cut off here and not there.
    That is done once (in a quarter of a minute); the result, 199 MB, is mapped and shared by all
    processes.

    Args:
        data_dir: Folder of downloaded data sets; the files are in its folder `smallnorb` or, as
            the study has it, `small_norb`.
        size: None or 64.
        on_progress: Called with the numbers of images unpacked and in all.

    Returns:
        The data set.

    Raises:
        UsageError: Another size.
        DataError: A file is missing, truncated or not the published one.

    References:
        LeCun, Huang and Bottou, "Learning methods for generic object recognition with invariance
        to pose and lighting", 2004, https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/
    """
    image_size(NAME, size, (WIDTH,))
    paths = [norb_file(data_dir, part, kind) for part in PARTS for kind in KINDS]
    shape = (int(np.prod(_toys.sizes)), WIDTH, WIDTH, 1)
    images = unpacked(
        data_dir, NAME, paths, shape, lambda: [_all_toys(paths, _toys, on_progress)], silent
    )
    return SmallNorb(
        f"smallNORB, LeCun, Huang and Bottou, files in {paths[0].parent}", images, _toys
    )


def norb_file(data_dir: Path, part: str, kind: str) -> Path:
    """Finds one of the six files, packed or not; see `base.find_file`."""
    name = f"{part}-{kind}.mat"
    for folder in (*FOLDERS, "."):
        if (data_dir / folder / name).is_file():
            return data_dir / folder / name
    return find_file(NAME, data_dir, f"{name}.gz", FOLDERS)


def _all_toys(paths: Sequence[Path], toys: Grid, on_progress: OnProgress) -> NDArray[np.uint8]:
    """All images in the order of the grid, [N, 64, 64, 1], scaled down."""
    total = int(np.prod(toys.sizes))
    images = np.empty((total, WIDTH, WIDTH, 1), np.uint8)
    seen = np.zeros(total, bool)
    done = 0
    for dat, cat, info in (paths[:3], paths[3:]):
        count = total // len(PARTS)
        places = _places(cat, info, count, toys)
        if seen[places].any() or len(np.unique(places)) != count:
            raise DataError(f"{info} is not the published file: it has a combination twice.")
        seen[places] = True
        for block in read_matrix(dat, np.uint8, (count, 2, _NATIVE, _NATIVE)):
            for image in block[:, 0]:
                images[places[done % count], :, :, 0] = _scaled(image)
                done += 1
            on_progress(done, total)
    return images


def _places(cat: Path, info: Path, count: int, toys: Grid) -> NDArray[np.int64]:
    """Places [count] of the images of one part in the grid."""
    category = np.concatenate(list(read_matrix(cat, np.int32, (count,))))
    details = np.concatenate(list(read_matrix(info, np.int32, (count, 4))))
    factors = np.column_stack([category, details]).astype(np.int64)
    odd = factors[:, 3] % 2
    factors[:, 3] //= 2  # the published azimuths are 0, 2, ..., 34, in tens of degrees
    try:
        if odd.any():
            raise IndexError(f"azimuth {2 * factors[odd.argmax(), 3] + 1} is odd.")
        return toys.index(factors)
    except IndexError as error:
        raise DataError(f"{cat} or {info} is not the published file: {error}") from error


def _scaled(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scales a picture down, in 32-bit integers as the study, which do not overflow on the way."""
    from PIL import Image

    picture = Image.fromarray(image.astype(np.int32))
    scaled = np.asarray(picture.resize((WIDTH, WIDTH), Image.Resampling.LANCZOS))
    levels: NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return levels


def read_whole(path: Path, kind: str) -> None:
    """Reads a file from its beginning to its end.

    Args:
        path: One of the six files.
        kind: `dat`, `cat` or `info`.

    Raises:
        DataError: It is truncated, damaged, or holds something else.
    """
    count = int(np.prod(TOYS.sizes)) // len(PARTS)
    shapes = {"dat": (count, 2, _NATIVE, _NATIVE), "cat": (count,), "info": (count, 4)}
    for _ in read_matrix(path, np.uint8 if kind == "dat" else np.int32, shapes[kind]):
        pass


def _check(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    part, kind = remote.name.removesuffix(".mat.gz").rsplit("-", 1)
    try:
        path = norb_file(folder, part, kind)
    except DataError:
        path = folder / remote.folder / remote.name
    if path.suffix == ".gz":
        return [kept_as_published(path, remote, thorough)]
    if not thorough:
        return [FileCheck(path, None)]
    return [readable(path, lambda: read_whole(path, kind))]


_SUMS = (
    ("5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873", 131_896_188),
    ("2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa", 348),
    ("de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32", 71_052),
    ("cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474", 130_799_817),
    ("ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff", 347),
    ("16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2", 10_428),
)
_NAMES = [f"{part}-{kind}.mat.gz" for part in PARTS for kind in KINDS]
_SERVERS = ("https://cs.nyu.edu/~ylclab/data", "https://cs.nyu.edu/~yann/data")

SMALLNORB = DatasetInfo(
    name=NAME,
    title="smallNORB",
    what="photographs of 50 toys, ten of each category; which of them is no factor",
    citation="LeCun, Huang and Bottou, Learning methods for generic object recognition with "
    "invariance to pose and lighting, CVPR 2004",
    licence="for research purposes; it cannot be sold",
    url="https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",
    contents=Contents(math.prod(TOYS.sizes), SHAPE, FACTOR_NAMES, FACTOR_SIZES, CATEGORIES),
    files=tuple(
        RemoteFile(
            name,
            FOLDERS[0],
            tuple(f"{server}/norb-v1.0-small/{name}" for server in _SERVERS),
            f"sha256:{digits}",
            size,
        )
        for name, (digits, size) in zip(_NAMES, _SUMS, strict=True)
    ),
    load=load_smallnorb,
    check=_check,
    prepare=load_smallnorb,
    unpacked=True,
)
