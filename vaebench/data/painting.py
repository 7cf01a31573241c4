"""Painting on a device: what `nuisance` and `dsprites_variants` do in NumPy, to the bit, in torch.

Random words are 64-bit integers without a sign there and with one here, as GPUs have them: sums
and products wrap around alike, a shift to the right must not copy the sign, and a word that is
read as bytes has them in the order of the processor, lowest first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaebench.data import nuisance
from vaebench.data.base import Painter

_BYTES = 8

Paint = Callable[[Tensor, Tensor], Tensor]
"""Turns sprites uint8 [N, 1, H, W] of 0 and 255 and keys int64 [N] into images [N, 3, H, W]."""


def painter(stream: int, paint: Paint) -> Painter:
    """Makes what paints images by their indices and a draw; see `dsprites_variants`.

    Args:
        stream: Tells the uses of random numbers apart.
        paint: Paints by keys.
    """

    def painted(sprites: Tensor, indices: Tensor, draw: int) -> Tensor:
        return paint(sprites, keys(stream, indices, draw))

    return painted


def keys(stream: int, indices: Tensor, draw: int = 0) -> Tensor:
    """The keys of images, int64 [N]; see `nuisance.keys`."""
    visit = int(nuisance.mix(np.array([draw % 2**64], np.uint64))[0])
    return _mix(_mix(indices + _signed(stream)) + _signed(visit))


def words(key: Tensor, count: int) -> Tensor:
    """Random words of images, int64 [N, count]; see `nuisance.words`."""
    steps = torch.arange(1, count + 1, device=key.device) * _signed(nuisance.GAMMA)
    return _mix(key[:, None] + steps)


def below(word: Tensor, bound: int) -> Tensor:
    """Turns random words into integers from 0 to bound - 1; see `nuisance.below`."""
    return _shifted(_shifted(word, 32) * bound, 32)


def coloured(sprites: Tensor, key: Tensor) -> Tensor:
    """As `dsprites_variants.coloured`."""
    uniform = _shifted(words(key, 3), 48)
    level = (128 + (255 * (2 * uniform + 1) >> 18)).to(torch.uint8)
    return sprites & level[:, :, None, None]


def noisy(sprites: Tensor, key: Tensor) -> Tensor:
    """As `dsprites_variants.noisy`."""
    _, _, height, width = sprites.shape
    noise = words(key, 3 * height * width // _BYTES).view(torch.uint8)
    return noise.reshape(-1, 3, height, width) | sprites


def on_picture(picture: NDArray[np.uint8], device: torch.device) -> Paint:
    """As `dsprites_variants.on_picture`, on a device."""
    there = torch.from_numpy(picture).to(device)

    def paint(sprites: Tensor, key: Tensor) -> Tensor:
        _, _, height, width = sprites.shape
        random = words(key, 5)
        tops = below(random[:, 0], there.shape[1] - height)
        lefts = below(random[:, 1], there.shape[2] - width)
        rows = tops[:, None] + torch.arange(height, device=device)
        columns = lefts[:, None] + torch.arange(width, device=device)
        patches = there[:, rows[:, :, None], columns[:, None, :]].transpose(0, 1)
        colour = (1 + below(random[:, 2:], 255)).to(torch.uint8)[:, :, None, None]
        images: Tensor = (((patches ^ colour) >> 1) + (patches & colour)) ^ sprites
        return images

    return paint


def _signed(value: int) -> int:
    """The integer with a sign that has the same 64 bits."""
    return (value + 2**63) % 2**64 - 2**63


def _shifted(values: Tensor, bits: int) -> Tensor:
    """Shifts to the right, with zeros from the left."""
    shifted: Tensor = (values >> bits) & (2 ** (64 - bits) - 1)
    return shifted


def _mix(values: Tensor) -> Tensor:
    """SplitMix64's bijection."""
    for shift, factor in nuisance.ROUNDS:
        values = (values ^ _shifted(values, shift)) * _signed(factor)
    return values
