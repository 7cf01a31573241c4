"""dSprites: 737,280 images of a square, an ellipse or a heart, one for each set of factors."""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench.data.base import as_indices, image_size, reading
from vaebench.data.dsprites_drawing import (
    BLOCK,
    IMAGES,
    SHAPES,
    SIZES,
    WIDTH,
    draw_all,
    draw_some,
)
from vaebench.data.formats.npz import read_npy_header
from vaebench.data.grid import Grid
from vaebench.data.info import Contents, DatasetInfo, FileCheck, RemoteFile, kept_as_published
from vaebench.errors import DataError

OFFICIAL_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
GRID = Grid(("colour", "shape", "scale", "orientation", "x", "y"), SIZES)
OFFICIAL = RemoteFile(
    OFFICIAL_FILE,
    "dsprites",
    (f"https://github.com/google-deepmind/dsprites-dataset/raw/master/{OFFICIAL_FILE}",),
    "md5:7da33b31b13a06f4b04a70402ce90c2e",
    optional=True,
)
CITATION = (
    "Matthey, Higgins, Hassabis and Lerchner, dSprites: Disentanglement testing Sprites dataset, "
    "2017, https://github.com/google-deepmind/dsprites-dataset"
)
_IMAGES_AT_ONCE = 8192
FEW_BLOCKS = 72
"""Blocks of positions, a tenth of all, that are drawn by themselves before all images are."""


class DSprites:
    """The data set, held with one bit per pixel and drawn (or read) when first looked at.

    Images stand in the official order: colour, shape, scale, orientation, x, y, the last varying
    fastest. Orientations 0 and 39 are the same pictures. The label of an image is its shape.
    Memory: 377 MB once more than a look has been taken at `observations`.

    Attributes:
        source: `drawn from formulas`, or `official file <path>`.

    References:
        Matthey, Higgins, Hassabis and Lerchner, "dSprites: Disentanglement testing Sprites
        dataset", 2017, https://github.com/google-deepmind/dsprites-dataset
    """

    name = "dsprites"
    observation_shape = (1, WIDTH, WIDTH)
    factor_names = GRID.names
    factor_sizes = GRID.sizes
    label_names = SHAPES
    has_grid = True
    stochastic = False
    has_split = False

    def __init__(self, official_file: Path | None = None) -> None:
        """Sets the data set up without drawing or reading its images.

        Args:
            official_file: The published file, to be used instead of the drawing.

        Raises:
            DataError: The file is not the published one, as far as its header tells.
        """
        self._official_file = official_file
        self._packed: NDArray[np.uint64] | None = None
        self._looked_at = 0
        self.source = "drawn from formulas"
        if official_file is not None:
            self.source = f"official file {official_file}"
            read_official(official_file, header_only=True)

    def __len__(self) -> int:
        """Number of images, 737,280."""
        return IMAGES

    @property
    def train_indices(self) -> NDArray[np.int64]:
        """All images: dSprites has no published split."""
        return np.arange(IMAGES)

    @property
    def test_indices(self) -> NDArray[np.int64]:
        """All images: dSprites has no published split."""
        return np.arange(IMAGES)

    @property
    def packed_rows(self) -> NDArray[np.uint64]:
        """Rows of pixels [737280, 64]: bit c (of value 2^c) is column c.

        Raises:
            DataError: The official file is damaged.
        """
        if self._packed is None:
            self._packed = _packed_rows(self._official_file)
        return self._packed

    def observations(self, indices: ArrayLike) -> NDArray[np.uint8]:
        """Images, uint8 [N, 1, 64, 64], 0 or 255."""
        rows = self._rows(as_indices(indices, IMAGES)).astype("<u8", copy=False)
        pixels = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little")
        np.negative(pixels, out=pixels)  # 1 becomes 255
        return pixels.reshape(-1, 1, WIDTH, WIDTH)

    def _rows(self, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Rows of pixels [N, 64]: of a look at a few images the others are not drawn."""
        if self._packed is None and self._official_file is None:
            self._looked_at += len(np.unique(indices // BLOCK))
            if self._looked_at <= FEW_BLOCKS:
                return draw_some(indices)
        return self.packed_rows[indices]

    def factors(self, indices: ArrayLike) -> NDArray[np.int64]:
        """Ground-truth factors, int64 [N, 6], in the order of `factor_names`."""
        return GRID.of(as_indices(indices, IMAGES))

    def labels(self, indices: ArrayLike) -> NDArray[np.int64]:
        """Shapes, int64 [N]: 0 square, 1 ellipse, 2 heart."""
        return self.factors(indices)[:, 1]

    def index(self, factors: ArrayLike) -> NDArray[np.int64]:
        """Indices of the images with these factors, the inverse of `factors`.

        Args:
            factors: int [N, 6].

        Returns:
            Indices, int64 [N].

        Raises:
            TypeError: The factors are not integers.
            ValueError: They do not have the shape [N, 6].
            IndexError: A factor is out of its range.
        """
        return GRID.index(factors)


def load_dsprites(data_dir: Path, size: int | None = None) -> DSprites:
    """Opens dSprites: the official file where there is one, else the drawing.

    Args:
        data_dir: Folder of downloaded data sets; the official file is looked for in it and in its
            folder `dsprites`.
        size: None or 64.

    Returns:
        The data set; its images are drawn or read when first looked at.

    Raises:
        UsageError: Another size.
        DataError: The official file is there but wrong.
    """
    image_size("dsprites", size, (WIDTH,))
    return DSprites(official_file(data_dir))


@lru_cache(maxsize=1)
def _packed_rows(official_file: Path | None) -> NDArray[np.uint64]:
    """Draws or reads the images once for all the data sets of this process that show them."""
    return draw_all() if official_file is None else read_official(official_file)


def official_file(data_dir: Path) -> Path | None:
    """The published file in the data folder or in its folder `dsprites`, or None."""
    places = (data_dir / OFFICIAL_FILE, data_dir / "dsprites" / OFFICIAL_FILE)
    return next((path for path in places if path.is_file()), None)


def read_official(
    path: Path, *, images: int = IMAGES, header_only: bool = False
) -> NDArray[np.uint64]:
    """Reads the published file, one bit per pixel and without ever holding its 3 GB.

    Args:
        path: The npz file; its array `imgs` is uint8 [images, 64, 64] of 0 and 1.
        images: Number of images that it must have.
        header_only: Check what the array is, and read none of it.

    Returns:
        Rows of pixels [images, 64] as in `DSprites.packed_rows`, empty with `header_only`.

    Raises:
        DataError: The file is truncated, damaged, or holds something else.
    """
    advice = "Put the published file there, or delete this one: dSprites is then drawn."
    expected = (images, WIDTH, WIDTH)
    with reading(path, advice=advice), zipfile.ZipFile(path) as archive:
        if "imgs.npy" not in archive.namelist():
            raise DataError(f"{path} is not the dSprites file: it has no imgs. {advice}")
        with archive.open("imgs.npy") as stream:
            shape, fortran_order, dtype = read_npy_header(cast(BinaryIO, stream))
            if fortran_order:
                raise ValueError("the array imgs is in Fortran order")
            if shape != expected or dtype != np.uint8:
                raise DataError(
                    f"{path} is not the dSprites file: its imgs are {dtype} {list(shape)}, not "
                    f"uint8 {list(expected)}. {advice}"
                )
            if header_only:
                return np.zeros((0, WIDTH), np.uint64)
            rows = np.empty((images, WIDTH), np.uint64)
            for start in range(0, images, _IMAGES_AT_ONCE):
                count = min(_IMAGES_AT_ONCE, images - start)
                content = stream.read(count * WIDTH * WIDTH)
                pixels = np.frombuffer(content, np.uint8)
                if len(pixels) != count * WIDTH * WIDTH:
                    raise DataError(
                        f"{path} ends within image {start + len(pixels) // WIDTH**2} of {images}. "
                        f"{advice}"
                    )
                if pixels.max(initial=0) > 1:
                    raise DataError(
                        f"{path} is not the dSprites file: a pixel is {pixels.max()}, not 0 or 1. "
                        f"{advice}"
                    )
                packed = np.packbits(pixels, bitorder="little").view("<u8")
                rows[start : start + count] = packed.reshape(count, WIDTH)
            stream.read(1)  # at the end of the array, zipfile compares its checksum
            return rows


def check_official(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    """Checks the published file where there is one."""
    path = official_file(folder) or folder / remote.folder / remote.name
    return [kept_as_published(path, remote, thorough, read_official)]


def drawn(folder: Path) -> str:
    """Says where the images come from: the published file, or formulas."""
    official = official_file(folder)
    return str(official) if official else "drawn from formulas, no file needed"


DSPRITES = DatasetInfo(
    name="dsprites",
    title="dSprites",
    what="white squares, ellipses and hearts on black",
    citation=CITATION,
    licence="Apache-2.0",
    url="https://github.com/google-deepmind/dsprites-dataset",
    contents=Contents.of_grid(GRID, DSprites.observation_shape, SHAPES),
    files=(OFFICIAL,),
    load=load_dsprites,
    check=check_official,
    drawn=drawn,
)
