"""Where the tests find genuine data, and the data sets that several of them share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vaebench.data.dsprites import DSprites


def genuine(relative: str) -> Path:
    """The folder that holds a genuine file; the test is skipped where no folder does."""
    shared = Path(__file__).resolve().parents[3] / "shared" / "data"
    folders = [Path(os.environ["VAEBENCH_DATA"])] if os.environ.get("VAEBENCH_DATA") else []
    for folder in [*folders, shared]:
        if (folder / relative).exists():
            return folder
    pytest.skip(f"needs {relative} in VAEBENCH_DATA or in {shared}")


def known(array: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Factors or labels that there must be."""
    assert array is not None
    return array


@pytest.fixture(scope="session")
def fashion_folder() -> Path:
    """The data folder that holds Fashion-MNIST."""
    return genuine("FashionMNIST/raw/train-images-idx3-ubyte")


@pytest.fixture(scope="session")
def dsprites() -> DSprites:
    """dSprites as drawn."""
    return DSprites()


@pytest.fixture(scope="session")
def scream_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a small picture in the place of Munch's: a pattern on two ramps."""
    folder = tmp_path_factory.mktemp("scream")
    numbers = np.arange(100 * 120 * 3).reshape(100, 120, 3)
    picture = (numbers * numbers * 2_654_435_761 >> 16) % 30
    picture[..., 0] += 2 * np.arange(100)[:, None]
    picture[..., 1] += np.arange(120)
    (folder / "scream").mkdir()
    path = folder / "scream" / "scream.jpg"
    Image.fromarray(picture.astype(np.uint8)).save(path, "PNG")
    return folder


@pytest.fixture(scope="session")
def genuine_frames() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Genuine dSprites images [213, 64, 64] of 0 and 1, and their factors [213, 6]."""
    relative = "dsprites/real_frames.npz"
    with np.load(genuine(relative) / relative) as archive:
        images, frames = archive["image"], archive["frame"]
    return images, animation()[frames]


def animation() -> NDArray[np.int64]:
    """Factors [320, 6] of the animation that was published with dSprites.

    Of the heart, the ellipse and the square, in this order, it walks up, down and up the scales,
    then through the orientations, then (the heart alone) once around the square of positions,
    then down the scales.
    """
    up, steps = list(range(6)), list(range(32))
    down, back = up[::-1], steps[::-1]
    walk: list[tuple[int, ...]] = []
    for shape in (2, 1, 0):
        walk += [(0, shape, scale, 0, 0, 0) for scale in up + down + up]
        walk += [(0, shape, 5, orientation, 0, 0) for orientation in range(40)]
        if shape == 2:
            walk += [(0, shape, 5, 0, 0, y) for y in steps]
            walk += [(0, shape, 5, 0, x, 31) for x in steps]
            walk += [(0, shape, 5, 0, 31, y) for y in back]
            walk += [(0, shape, 5, 0, x, 0) for x in back]
        walk += [(0, shape, scale, 0, 0, 0) for scale in down]
    return np.array(walk)
