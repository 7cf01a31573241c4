"""smallNORB: 48,600 photographs of 50 toys from 9 elevations and 18 azimuths in 6 lights."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench.data.base import find_file, image_size, reading
from vaebench.data.grid import Grid, as_factors
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
TYPES = {
    0x1E3D4C51: "<f4",
    0x1E3D4C53: "<f8",
    0x1E3D4C54: "<i4",
    0x1E3D4C55: "|u1",
    0x1E3D4C56: "<i2",
}
_KEPT = [0, 2, 3, 4]
_NATIVE = 96
_ROWS = 1024
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


def read_matrix(
    path: Path, dtype: type[np.generic], shape: tuple[int, ...]
) -> Iterator[NDArray[np.generic]]:
    """Reads a file in NORB's binary matrix format, in blocks of rows.

    The format is little-endian: a magic number for the type, the number of dimensions, the size of
    each (at least three numbers stand there), and the elements, the last dimension fastest.

    Args:
        path: The file, packed by gzip if its name ends in `.gz`.
        dtype: The type that the matrix must have.
        shape: The shape that it must have.

    Yields:
        Rows [n, ...], in order.

    Raises:
        DataError: The file is truncated, damaged, or holds something else.
    """
    expected = f"{np.dtype(dtype)} {list(shape)}"
    with _opened(path) as stream:
        try:
            magic, dimensions = struct.unpack("<2i", stream.read(8))
            written = max(3, dimensions) if dimensions < 10 else 0
            sizes = struct.unpack(f"<{written}i", stream.read(4 * written))[:dimensions]
        except struct.error:
            raise DataError(f"{path} is truncated: it ends within its header.") from None
        if magic not in TYPES:
            raise DataError(
                f"{path} is not a file of smallNORB: its magic number is "
                f"{magic & 0xFFFFFFFF:#010x}, not one of a binary matrix."
            )
        found = np.dtype(TYPES[magic])
        if found != dtype or sizes != shape:
            raise DataError(
                f"{path} is not the published file: it holds {found} {list(sizes)}, not {expected}."
            )
        width = found.itemsize * int(np.prod(shape[1:]))
        for start in range(0, shape[0], _ROWS):
            count = min(_ROWS, shape[0] - start)
            content = stream.read(count * width)
            if len(content) != count * width:
                raise DataError(
                    f"{path} is truncated: it ends within row {start + len(content) // width:,} of "
                    f"{shape[0]:,}."
                )
            yield np.frombuffer(content, found).reshape(count, *shape[1:])
        if stream.read(1):
            raise DataError(f"{path} is not the published file: it is longer than {expected}.")


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


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file, packed or not; errors of reading become a DataError that names it."""
    packed = path.suffix == ".gz"
    with (
        reading(path),
        cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb") as stream,
    ):
        yield stream
