"""Blobs: one round spot of light, with three ground-truth factors and an image for each."""

from __future__ import annotations

from pathlib import Path

from vaebench.data.grid import Grid
from vaebench.data.info import Contents, DatasetInfo
from vaebench.data.stored import StoredImages

PIXELS = 32
RADII = (2.0, 3.0, 4.0, 5.0)
GRID = Grid(("radius", "x", "y"), (4, 12, 12))


def load(data_dir: Path, size: int | None) -> StoredImages:
    """Draws the images.

    Args:
        data_dir: The data folder, in which this data set has nothing.
        size: Height and width that are wanted: a black margin makes up for what lacks.
    """
    import numpy as np

    radius, x, y = GRID.of(np.arange(4 * 12 * 12)).T
    rows, columns = np.mgrid[:PIXELS, :PIXELS]
    across = columns - (5 + 2 * x)[:, None, None]
    down = rows - (5 + 2 * y)[:, None, None]
    width = np.array(RADII)[radius][:, None, None]
    images = np.rint(255 * np.exp(-(across**2 + down**2) / width**2)).astype(np.uint8)
    drawn = "drawn by vaebench-blobs"
    return StoredImages("blobs", drawn, images[..., None], factors=GRID, size=size)


BLOBS = DatasetInfo(
    name="blobs",
    title="Blobs",
    what="a spot of light",
    citation="none: an example of a plug-in",
    licence="MIT",
    url="https://example.org/vaebench-blobs",
    contents=Contents.of_grid(GRID, (1, PIXELS, PIXELS), ()),
    files=(),
    load=load,
    drawn=lambda data_dir: "drawn by vaebench-blobs",
)
