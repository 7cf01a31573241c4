"""Color-, Noisy- and Scream-dSprites: dSprites with a random colour, noise or background.

The study draws these anew at every visit of an image, from a generator with a state. Here an image
is a pure function of its index and of `draw` (see `nuisance`). So in training, which passes its
step as `draw`, every visit sees another colour, noise or background, as in the study. In
evaluation, which leaves `draw` at 0, an image looks the same whenever it is asked for; in the
study it would not. With 737,280 images it is rarely asked for twice.

Levels of grey are whole, from 0 to 255: the study's real numbers from 0 to 1, times 255 and rounded
(colour, background), or 256 equally likely levels (noise). The factors are the five that the study
gives to these data sets; dSprites' factor `colour`, which has one value, is left out.

References:
    Locatello, Bauer, Lucic, Rätsch, Gelly, Schölkopf and Bachem, "Challenging common assumptions in
    the unsupervised learning of disentangled representations", 2019,
    https://arxiv.org/abs/1811.12359; code: https://github.com/google-research/disentanglement_lib,
    data/ground_truth/dsprites.py
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench.data.base import Painter, as_indices, find_file, image_size, reading
from vaebench.data.dsprites import (
    CITATION,
    OFFICIAL,
    DSprites,
    check_official,
    drawn,
    load_dsprites,
)
from vaebench.data.dsprites import GRID as SPRITES
from vaebench.data.dsprites_drawing import IMAGES, SHAPES, WIDTH
from vaebench.data.grid import Grid
from vaebench.data.info import (
    Contents,
    DatasetInfo,
    FileCheck,
    RemoteFile,
    first_there,
    kept_as_published,
)
from vaebench.data.nuisance import below, keys, words
from vaebench.errors import DataError

if TYPE_CHECKING:
    import torch

    from vaebench.data import painting

Images = NDArray[np.uint8]
Paint = Callable[[Images, NDArray[np.uint64]], Images]


class PaintOnDevice(Protocol):
    """Makes what paints on a device; it imports torch, which this file does not need."""

    def __call__(self, device: torch.device) -> painting.Paint: ...


GRID = Grid(SPRITES.names[1:], SPRITES.sizes[1:])
SHAPE = (3, WIDTH, WIDTH)
SCREAM_FILE = "scream.jpg"
SCREAM_FOLDERS = ("scream",)
_BOX = (350, 274)
_STREAMS = {
    "color_dsprites": 0x636F6C6F72000000,
    "noisy_dsprites": 0x6E6F697379000000,
    "scream_dsprites": 0x73637265616D0000,
}


class PaintedSprites:
    """dSprites, painted on the fly. The label of an image is its shape.

    Args:
        name: `color_dsprites`, `noisy_dsprites` or `scream_dsprites`.
        source: Where the images come from, in one line.
        sprites: The white sprites on black.
        paint: Turns sprites uint8 [N, 1, 64, 64] of 0 and 255 and keys uint64 [N] into images
            [N, 3, 64, 64]. It may overwrite the sprites.
        on_device: Makes what does so on a device, to the bit.
    """

    observation_shape = SHAPE
    factor_names = GRID.names
    factor_sizes = GRID.sizes
    label_names = SHAPES
    has_grid = True
    stochastic = True
    has_split = False

    def __init__(
        self, name: str, source: str, sprites: DSprites, paint: Paint, on_device: PaintOnDevice
    ) -> None:
        self.name = name
        self.source = source
        self._sprites = sprites
        self._paint = paint
        self._on_device = on_device

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

    def observations(self, indices: ArrayLike, draw: ArrayLike = 0) -> Images:
        """Images, uint8 [N, 3, 64, 64], 0 to 255.

        Args:
            indices: Of the images, N integers.
            draw: Which draw of the random part, one integer or N: 0 in evaluation, the step
                (from 1) in training.
        """
        array = as_indices(indices, IMAGES)
        key = keys(_STREAMS[self.name], array, draw)
        return self._paint(self._sprites.observations(array), key)

    @property
    def plain(self) -> DSprites:
        """The sprites, white on black."""
        return self._sprites

    def painter(self, device: torch.device) -> Painter:
        """Returns what makes `observations` of sprites on a device, to the bit."""
        from vaebench.data import painting

        return painting.painter(_STREAMS[self.name], self._on_device(device))

    def factors(self, indices: ArrayLike) -> NDArray[np.int64]:
        """Ground-truth factors, int64 [N, 5], in the order of `factor_names`."""
        return GRID.of(as_indices(indices, IMAGES))

    def labels(self, indices: ArrayLike) -> NDArray[np.int64]:
        """Shapes, int64 [N]: 0 square, 1 ellipse, 2 heart."""
        return self.factors(indices)[:, 0]

    def index(self, factors: ArrayLike) -> NDArray[np.int64]:
        """Indices [N] of the images with these factors [N, 5]; see `grid.Grid.index`."""
        return GRID.index(factors)


def coloured(sprites: Images, key: NDArray[np.uint64]) -> Images:
    """Gives each sprite a colour, uniform in 0.5 to 1 in each channel, on black."""
    uniform = words(key, 3) >> np.uint64(48)  # 0 to 65,535
    # 255 * (0.5 + 0.5 * (uniform + 0.5) / 65536), rounded
    level = (128 + (255 * (2 * uniform + 1) >> np.uint64(18))).astype(np.uint8)
    return sprites & level[:, :, None, None]


def noisy(sprites: Images, key: NDArray[np.uint64]) -> Images:
    """Puts white sprites on noise, uniform in each pixel and channel."""
    channels, height, width = SHAPE
    noise = words(key, channels * height * width // 8).astype("<u8", copy=False).view(np.uint8)
    images = noise.reshape(-1, channels, height, width)
    images |= sprites
    return images


def on_picture(picture: Images) -> Paint:
    """Makes the function that puts sprites on patches of a picture.

    The background is the mean of a 64×64 patch at a random place and of a random colour, uniform
    in 0 to 1 in each channel; under the sprite it is inverted.

    Args:
        picture: uint8 [3, H, W]. As in the study, the last place in either direction is never
            drawn.
    """
    height, width = picture.shape[1] - WIDTH, picture.shape[2] - WIDTH

    def paint(sprites: Images, key: NDArray[np.uint64]) -> Images:
        random = words(key, 5)
        tops, lefts = below(random[:, 0], height).tolist(), below(random[:, 1], width).tolist()
        # (patch + 255 * uniform) / 2, rounded, is (patch + colour) / 2 rounded down
        colour = (1 + below(random[:, 2:], 255)).astype(np.uint8)[:, :, None, None]
        images = np.empty((len(key), *SHAPE), np.uint8)
        for image, top, left in zip(images, tops, lefts, strict=True):
            image[:] = picture[:, top : top + WIDTH, left : left + WIDTH]
        carry = images & colour  # the mean of two bytes, without a wider type
        images ^= colour
        images >>= 1
        images += carry
        images ^= sprites
        return images

    return paint


def load_color_dsprites(data_dir: Path, size: int | None = None) -> PaintedSprites:
    """Opens Color-dSprites; see `load_dsprites`."""
    return _painted("color_dsprites", data_dir, size, coloured, _coloured_on)


def load_noisy_dsprites(data_dir: Path, size: int | None = None) -> PaintedSprites:
    """Opens Noisy-dSprites; see `load_dsprites`."""
    return _painted("noisy_dsprites", data_dir, size, noisy, _noisy_on)


def load_scream_dsprites(data_dir: Path, size: int | None = None) -> PaintedSprites:
    """Opens Scream-dSprites, with the picture `scream/scream.jpg` of the data folder.

    Raises:
        UsageError: Another size than 64.
        DataError: The picture is missing, damaged or too small.
    """
    path = find_file("scream_dsprites", data_dir, SCREAM_FILE, SCREAM_FOLDERS)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    picture = read_picture(path)
    more = f"; picture {path}, SHA-256 {digest[:16]}"

    def on_device(device: torch.device) -> painting.Paint:
        from vaebench.data import painting

        return painting.on_picture(picture, device)

    return _painted("scream_dsprites", data_dir, size, on_picture(picture), on_device, more)


def _coloured_on(device: torch.device) -> painting.Paint:
    from vaebench.data import painting

    del device
    return painting.coloured


def _noisy_on(device: torch.device) -> painting.Paint:
    from vaebench.data import painting

    del device
    return painting.noisy


def _painted(
    name: str,
    data_dir: Path,
    size: int | None,
    paint: Paint,
    on_device: PaintOnDevice,
    more: str = "",
) -> PaintedSprites:
    image_size(name, size, (WIDTH,))
    sprites = load_dsprites(data_dir)
    return PaintedSprites(name, sprites.source + more, sprites, paint, on_device)


def read_picture(path: Path) -> Images:
    """Reads the picture, made smaller as in the study so that it fits into 350×274 pixels.

    Args:
        path: An image file.

    Returns:
        uint8 [3, H, W].

    Raises:
        DataError: It is no image, or has no room for a random patch of 64×64 pixels.
    """
    from PIL import Image

    with reading(path, "cannot be read as an image"), Image.open(path) as file:
        picture = file.convert("RGB")
    picture.thumbnail(_BOX, Image.Resampling.BICUBIC, reducing_gap=None)
    if min(picture.size) <= WIDTH:
        raise DataError(
            f"{path} is too small: within {_BOX[0]}×{_BOX[1]} pixels it has "
            f"{picture.size[0]}×{picture.size[1]}, and needs more than {WIDTH} in both directions."
        )
    return np.ascontiguousarray(np.asarray(picture).transpose(2, 0, 1))


def _check_scream(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    if remote.name == OFFICIAL.name:
        return check_official(remote, folder, thorough)
    path = first_there(folder, (*SCREAM_FOLDERS, "."), SCREAM_FILE)
    return [kept_as_published(path, remote, thorough, read_picture)]


_CITATION = (
    f"{CITATION}; Locatello, Bauer, Lucic, Rätsch, Gelly, Schölkopf and Bachem, Challenging common "
    "assumptions in the unsupervised learning of disentangled representations, 2019, "
    "https://arxiv.org/abs/1811.12359"
)
_URL = "https://github.com/google-research/disentanglement_lib"
_CONTENTS = Contents.of_grid(GRID, SHAPE, SHAPES, stochastic=True)

COLOR_DSPRITES = DatasetInfo(
    name="color_dsprites",
    title="Color-dSprites",
    what="dSprites in random colours, uniform in 0.5 to 1 in each channel, on black",
    citation=_CITATION,
    licence="Apache-2.0",
    url=_URL,
    contents=_CONTENTS,
    files=(OFFICIAL,),
    load=load_color_dsprites,
    check=check_official,
    drawn=drawn,
)
NOISY_DSPRITES = DatasetInfo(
    name="noisy_dsprites",
    title="Noisy-dSprites",
    what="dSprites, white on uniform noise in each pixel and channel",
    citation=_CITATION,
    licence="Apache-2.0",
    url=_URL,
    contents=_CONTENTS,
    files=(OFFICIAL,),
    load=load_noisy_dsprites,
    check=check_official,
    drawn=drawn,
)
SCREAM_DSPRITES = DatasetInfo(
    name="scream_dsprites",
    title="Scream-dSprites",
    what="dSprites that invert a patch of The Scream averaged with a random colour",
    citation=_CITATION,
    licence="Apache-2.0; the picture (Munch, The Scream, 1893) is in the public domain",
    url=_URL,
    contents=_CONTENTS,
    files=(
        RemoteFile(
            SCREAM_FILE,
            "scream",
            ("https://upload.wikimedia.org/wikipedia/commons/f/f4/The_Scream.jpg",),
            None,
        ),
        OFFICIAL,
    ),
    load=load_scream_dsprites,
    check=_check_scream,
)
