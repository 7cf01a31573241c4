"""Random numbers without a state: a hash of stream, image and draw, the same on every machine.

Images with a random part (colour, noise, background) must come out bit for bit the same in
whatever batch, pack or process they are asked for, and after a resume. A generator that is drawn
from in turn cannot do that; a hash of a counter can. Here each image has a key,

    key = mix(mix(stream + index) + mix(draw)),

and its random words are the outputs of SplitMix64 seeded with that key, mix(key + i * GAMMA) for
i = 1, 2, ..., where mix is SplitMix64's bijection of 64-bit integers. Only integer additions,
products, shifts and exclusive-ors occur, so the bits depend on neither NumPy's version nor the
processor. Two different draws of an image, and two images of one draw, never share a key.

References:
    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014,
    https://doi.org/10.1145/2660193.2660195
    Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011,
    https://doi.org/10.1145/2063384.2063405 (on counters instead of states)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

GAMMA = 0x9E3779B97F4A7C15
"""SplitMix64's step from a random word to the next."""

ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
"""The rounds of its bijection: bits that a word is shifted by, and what it is multiplied by."""

_KEYS_AT_ONCE = 8
_HALF = np.uint64(32)


def keys(stream: int, indices: NDArray[np.int64], draw: ArrayLike = 0) -> NDArray[np.uint64]:
    """The keys of images.

    Args:
        stream: Tells the uses of random numbers apart; any integer from 0 to 2^64 - 1.
        indices: Of the images, int64 [N].
        draw: One integer of at most 64 bits with its sign, or N of them.

    Returns:
        Keys, uint64 [N].

    Raises:
        TypeError: `draw` is not made of integers.
        ValueError: `draw` has another shape than [] or [N].
    """
    draws = np.asarray(draw)
    if draws.dtype.kind not in "iu":
        raise TypeError(f"draw must be integers, not {draws.dtype}.")
    if draws.shape not in ((), indices.shape):
        raise ValueError(
            f"draw must be one integer or one for each of {len(indices)} images, not of the shape "
            f"{list(draws.shape)}."
        )
    images = indices.astype(np.uint64) + np.uint64(stream)
    visits = np.atleast_1d(draws).astype(np.uint64)
    return mix(mix(images) + mix(visits))


def words(key: NDArray[np.uint64], count: int) -> NDArray[np.uint64]:
    """Random words of images.

    Args:
        key: Keys, uint64 [N].
        count: Number of words for each, M.

    Returns:
        uint64 [N, M], each from 0 to 2^64 - 1.
    """
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GAMMA)
    found = np.empty((len(key), count), np.uint64)
    spare = np.empty((min(len(key), _KEYS_AT_ONCE), count), np.uint64)
    # In parts that stay in the processor's cache, which is four times as fast.
    for start in range(0, len(key), _KEYS_AT_ONCE):
        part = found[start : start + _KEYS_AT_ONCE]
        np.add(key[start : start + _KEYS_AT_ONCE, None], steps, out=part)
        mix(part, spare[: len(part)])
    return found


def below(word: NDArray[np.uint64], bound: int) -> NDArray[np.int64]:
    """Turns random words into integers from 0 to bound - 1, each as likely to 1 in 2^32 / bound."""
    return ((word >> _HALF) * np.uint64(bound) >> _HALF).astype(np.int64)


def mix(values: NDArray[np.uint64], spare: NDArray[np.uint64] | None = None) -> NDArray[np.uint64]:
    """SplitMix64's bijection, in place; `spare` is room of the same shape."""
    room = np.empty_like(values) if spare is None else spare
    for shift, factor in ROUNDS:
        np.right_shift(values, np.uint64(shift), out=room)
        values ^= room
        if factor != 1:
            values *= np.uint64(factor)
    return values
