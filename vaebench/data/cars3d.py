"""Cars3D: 183 car models seen from 24 azimuths and 4 elevations, 17,568 pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vaebench.data.base import image_size, missing, reading
from vaebench.data.grid import Grid
from vaebench.data.info import Contents, DatasetInfo, FileCheck, RemoteFile, readable
from vaebench.data.stored import StoredImages
from vaebench.data.unpacked import OnProgress, silent, unpacked
from vaebench.errors import DataError
from vaebench.hints import hint_data

NAME = "cars3d"
FOLDERS = ("cars3d", "cars")
PATTERN = "car_*_mesh.mat"
WIDTH = 64
SHAPE = (3, WIDTH, WIDTH)
OBJECTS = 183
GRID = Grid(("elevation", "azimuth", "object"), (4, 24, OBJECTS))
LABELS = tuple(f"object {place}" for place in range(OBJECTS))
_NATIVE = (128, 128, 3, 24, 4)


def load_cars3d(
    data_dir: Path,
    size: int | None = None,
    *,
    on_progress: OnProgress = silent,
    _objects: int = OBJECTS,
) -> StoredImages:
    """Opens Cars3D from its 183 .mat files. The label of an image is the car model.

    As in the study the images are scaled from 128 to 64 pixels by Lanczos' filter. That is done
    once (it takes half a minute); the result, 216 MB, is mapped and shared by all processes. The
    study numbers the models in the order in which the system lists the files, which differs
    between machines; here it is the order of their names.

    Args:
        data_dir: Folder of downloaded data sets; the files are in its folder `cars3d` or, as the
            study has it, `cars`.
        size: None or 64.
        on_progress: Called with the numbers of images unpacked and in all.

    Returns:
        The data set, in the order of the study: elevation, azimuth, object, the last fastest.

    Raises:
        UsageError: Another size.
        DataError: A file is missing, truncated or not the published one.

    References:
        Reed, Zhang, Zhang and Lee, "Deep visual analogy-making", 2015,
        https://papers.nips.cc/paper/5845-deep-visual-analogy-making
    """
    image_size(NAME, size, (WIDTH,))
    paths = car_files(data_dir)
    if not paths:
        raise missing(NAME, data_dir, data_dir / FOLDERS[0] / PATTERN)
    if len(paths) != _objects:
        raise DataError(
            f"{paths[0].parent} has {len(paths)} files {PATTERN}, not {_objects}. Run "
            f"`{hint_data('download', NAME, data_dir)}`."
        )
    grid = Grid(GRID.names, (*GRID.sizes[:2], _objects))
    shape = (int(np.prod(grid.sizes)), WIDTH, WIDTH, 3)
    images = unpacked(data_dir, NAME, paths, shape, lambda: [_all_cars(paths, on_progress)], silent)
    return StoredImages(
        NAME,
        f"Cars3D, Reed et al., {len(paths)} files in {paths[0].parent}",
        images,
        factors=grid,
        label_factor=grid.names.index("object"),
        label_names=LABELS[:_objects],
    )


def car_files(data_dir: Path) -> list[Path]:
    """The files of the data set in the first folder that has any, by name."""
    for folder in FOLDERS:
        paths = sorted((data_dir / folder).glob(PATTERN))
        if paths:
            return paths
    return []


def read_car(path: Path) -> NDArray[np.uint8]:
    """Reads one model.

    Args:
        path: A MATLAB 5 file; its array `im` is uint8 [128, 128, 3, 24, 4]: row, column, channel,
            azimuth and elevation.

    Returns:
        Images [4, 24, 128, 128, 3].

    Raises:
        DataError: The file is truncated, damaged, or holds something else.
    """
    from scipy.io import loadmat, whosmat

    with reading(path, "cannot be read as a .mat file"):
        # Headers first: what a damaged one promises can keep SciPy busy for minutes.
        headers = {name: (shape, kind) for name, shape, kind in whosmat(path)}
        shape, kind = headers.get("im", (None, None))
        if (shape, kind) != (_NATIVE, "uint8"):
            numpy_kind = {"double": "float64", "single": "float32"}.get(kind, kind)
            seen = "missing" if shape is None else f"{numpy_kind} {list(shape)}"
            raise DataError(
                f"{path} is not a file of Cars3D: its im is {seen}, not uint8 {list(_NATIVE)}."
            )
        # `mask`, of no use here, comes after it: a file that was cut off is found by reading both.
        most = math.prod(_NATIVE)
        read = [n for n, (size, k) in headers.items() if k == kind and math.prod(size) <= most]
        im = loadmat(path, variable_names=read)["im"]
    images: NDArray[np.uint8] = im.transpose(4, 3, 0, 1, 2)
    return images


def _all_cars(paths: Sequence[Path], on_progress: OnProgress) -> NDArray[np.uint8]:
    """All images in the order of the grid, [N, 64, 64, 3], scaled down."""
    images = np.empty((*GRID.sizes[:2], len(paths), WIDTH, WIDTH, 3), np.uint8)
    total = len(images.reshape(-1, WIDTH, WIDTH, 3))
    for place, path in enumerate(paths):
        for at, scaled in zip(np.ndindex(*GRID.sizes[:2]), _scaled(read_car(path)), strict=True):
            images[(*at, place)] = scaled
        on_progress((place + 1) * total // len(paths), total)
    return images.reshape(-1, WIDTH, WIDTH, 3)


def _scaled(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Images [4, 24, 128, 128, 3] as 64×64, one after the other."""
    from PIL import Image

    for image in images.reshape(-1, *images.shape[2:]):
        picture = Image.fromarray(np.ascontiguousarray(image))
        yield np.asarray(picture.resize((WIDTH, WIDTH), Image.Resampling.LANCZOS))


def _check(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    paths = car_files(folder)
    if not paths:
        path = folder / remote.folder / PATTERN
        return [FileCheck(path, f"{path} are missing.")]
    checks = [
        readable(path, partial(read_car, path)) if thorough else FileCheck(path, None)
        for path in paths
    ]
    if len(paths) != OBJECTS:
        parent = paths[0].parent
        problem = f"{parent} has {len(paths)} files {PATTERN}, not {OBJECTS}."
        checks.insert(0, FileCheck(parent, problem))
    return checks


CARS3D = DatasetInfo(
    name=NAME,
    title="Cars3D",
    what="pictures of 183 car models from all sides",
    citation="Reed, Zhang, Zhang and Lee, Deep visual analogy-making, NeurIPS 2015, "
    "https://papers.nips.cc/paper/5845-deep-visual-analogy-making",
    licence="none stated",
    url="http://www.scottreed.info",
    contents=Contents.of_grid(GRID, SHAPE, LABELS),
    files=(
        RemoteFile(
            "nips2015-analogy-data.tar.gz",
            FOLDERS[0],
            ("http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",),
            "md5:4e866a7919c1beedf53964e6f7a23686",
            unpack="tar",
            wanted=PATTERN,
        ),
    ),
    load=load_cars3d,
    check=_check,
    prepare=load_cars3d,
    unpacked=True,
)
