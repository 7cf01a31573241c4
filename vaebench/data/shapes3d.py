"""3D Shapes: 480,000 renderings of an object in a room, one for each set of six factors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaebench.data.base import find_file, image_size, reading
from vaebench.data.grid import Grid
from vaebench.data.info import (
    Contents,
    DatasetInfo,
    FileCheck,
    RemoteFile,
    first_there,
    kept_as_published,
)
from vaebench.data.stored import StoredImages
from vaebench.data.unpacked import OnProgress, silent, unpacked
from vaebench.errors import DataError

NAME = "shapes3d"
FILE = "3dshapes.h5"
FOLDERS = ("shapes3d", "3dshapes")
WIDTH = 64
SHAPE = (3, WIDTH, WIDTH)
GRID = Grid(
    ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"), (10, 10, 10, 8, 4, 15)
)
SHAPES = ("cube", "cylinder", "sphere", "capsule")
_BLOCK_BYTES = 64_000_000


def load_shapes3d(
    data_dir: Path,
    size: int | None = None,
    *,
    on_progress: OnProgress = silent,
    _grid: Grid = GRID,
) -> StoredImages:
    """Opens 3D Shapes from `3dshapes.h5`. The label of an image is the object's shape.

    The published file is compressed. At first use its images are unpacked into a file of 5.9 GB,
    which all processes then map and share in memory.

    Args:
        data_dir: Folder of downloaded data sets; the file is `shapes3d/3dshapes.h5` in it.
        size: None or 64.
        on_progress: Called with the numbers of images unpacked and in all.

    Returns:
        The data set; factors stand in the published order, the last varies fastest.

    Raises:
        UsageError: Another size.
        DataError: The file is missing, truncated or not the published one.

    References:
        Burgess and Kim, "3D Shapes dataset", 2018, https://github.com/google-deepmind/3d-shapes
        Kim and Mnih, "Disentangling by factorising", 2018, https://arxiv.org/abs/1802.05983
    """
    image_size(NAME, size, (WIDTH,))
    path = find_file(NAME, data_dir, FILE, FOLDERS)
    shape = (int(np.prod(_grid.sizes)), WIDTH, WIDTH, 3)
    images = unpacked(data_dir, NAME, [path], shape, lambda: blocks(path, _grid), on_progress)
    return StoredImages(
        NAME,
        f"3D Shapes, Burgess and Kim, {path}",
        images,
        factors=_grid,
        label_factor=_grid.names.index("shape"),
        label_names=SHAPES,
    )


def blocks(path: Path, grid: Grid = GRID) -> Iterator[NDArray[np.uint8]]:
    """Reads all images, after checking that they stand in the published order.

    Args:
        path: The h5 file: `images` uint8 [N, 64, 64, 3] and `labels` float64 [N, 6].
        grid: The factors that it must have.

    Yields:
        Images [n, 64, 64, 3], in order.

    Raises:
        DataError: The file is truncated or not the published one.
    """
    with _opened(path) as file:
        count = int(np.prod(grid.sizes))
        images = _member(path, file, "images", np.uint8, (count, WIDTH, WIDTH, 3))
        labels = _member(path, file, "labels", np.float64, (count, len(grid.sizes)))
        _check_order(path, labels[()], grid)
        # Whole rows of the file's own chunks, so that none is decompressed twice, but not endless.
        rows = (images.chunks or (1,))[0]
        rows *= max(1, _BLOCK_BYTES // (rows * WIDTH * WIDTH * 3))
        rows = min(rows, 8 * _BLOCK_BYTES // (WIDTH * WIDTH * 3))
        for start in range(0, count, rows):
            yield images[start : start + rows]


def _check_order(path: Path, labels: NDArray[np.float64], grid: Grid) -> None:
    """Checks that the values of the factors are those of the grid, in its order."""
    expected = grid.of(np.arange(len(labels)))
    for place, name in enumerate(grid.names):
        found = np.unique(np.round(labels[:, place], 6), return_inverse=True)[1]
        if not np.array_equal(found, expected[:, place]):
            raise DataError(
                f"{path} is not the published file: its labels of {name} do not run through "
                f"{grid.sizes[place]} values in the published order."
            )


def _member(path: Path, file: Any, name: str, dtype: type, shape: tuple[int, ...]) -> Any:
    """A dataset of the h5 file, which must have this type and shape."""
    found = file.get(name)
    if found is None or found.dtype != dtype or found.shape != shape:
        seen = "missing" if found is None else f"{found.dtype} {list(found.shape)}"
        raise DataError(
            f"{path} is not the published file: its {name} are {seen}, not "
            f"{np.dtype(dtype)} {list(shape)}."
        )
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Opens an h5 file; errors of reading become a DataError that names it."""
    with reading(path), import_module("h5py").File(path, "r") as file:
        yield file


def _check(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    return [kept_as_published(first_there(folder, (*FOLDERS, "."), FILE), remote, thorough)]


SHAPES3D = DatasetInfo(
    name=NAME,
    title="3D Shapes",
    what="renderings of an object in a room",
    citation="Burgess and Kim, 3D Shapes dataset, 2018, "
    "https://github.com/google-deepmind/3d-shapes; Kim and Mnih, Disentangling by factorising, "
    "ICML 2018, https://arxiv.org/abs/1802.05983",
    licence="Apache-2.0",
    url="https://github.com/google-deepmind/3d-shapes",
    contents=Contents.of_grid(GRID, SHAPE, SHAPES),
    files=(
        RemoteFile(
            FILE,
            FOLDERS[0],
            (f"https://storage.googleapis.com/3d-shapes/{FILE}",),
            "sha256:0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
            267_573_662,
        ),
    ),
    load=load_shapes3d,
    check=_check,
    prepare=load_shapes3d,
    unpacked=True,
)
