"""The random numbers of images: known answers, and that they are as good as independent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vaebench.data.nuisance import below, keys, words


def test_words_are_those_of_splitmix64() -> None:
    # The outputs of the published C code for the seed 1234567.
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert words(np.array([1234567], np.uint64), 5)[0].tolist() == expected


def test_words_do_not_depend_on_the_company() -> None:
    key = keys(3, np.arange(100))
    whole = words(key, 9)
    assert (words(key[41:42], 9) == whole[41]).all()
    assert (words(key, 4) == whole[:, :4]).all()
    assert words(key[:0], 4).shape == (0, 4)


def test_every_image_draw_and_stream_has_its_own_key() -> None:
    images = np.arange(1000)
    found = [keys(stream, images, draw) for stream in (5, 1 << 63) for draw in (0, 1, -1, 2**40)]
    assert len(np.unique(np.concatenate(found))) == 8000
    many = keys(5, np.arange(737_280), 17)
    assert len(np.unique(many)) == len(many)


def test_one_draw_for_all_or_one_for_each() -> None:
    images = np.array([7, 7, 9])
    each = keys(1, images, [0, 4, 4])
    assert each[0] == keys(1, images, 0)[0]
    assert (each[1:] == keys(1, images, 4)[1:]).all()
    assert (keys(1, images, np.int32(4)) == keys(1, images, 4)).all()
    with pytest.raises(ValueError, match="one for each of 3 images"):
        keys(1, images, [0, 1])
    with pytest.raises(TypeError, match="float64"):
        keys(1, images, 0.5)


@pytest.mark.parametrize("vary", ["image", "draw"])
def test_bits_look_independent_between_neighbours(vary: str) -> None:
    images = np.arange(4000) if vary == "image" else np.zeros(4000, np.int64)
    draws = np.arange(4000) if vary == "draw" else 0
    found = words(keys(11, images, draws), 4)
    bits = np.unpackbits(found.view(np.uint8).reshape(4000, -1), axis=1).astype(np.float64)
    ones = bits.sum()
    assert abs(ones - bits.size / 2) < 4 * np.sqrt(bits.size) / 2
    assert abs(bits.mean(0) - 0.5).max() < 5 * 0.5 / np.sqrt(4000)
    correlations = np.asarray(np.corrcoef(np.hstack([bits[:-1], bits[1:]]).T))
    off = np.abs(correlations - np.eye(len(correlations)))
    assert off.max() < 5.5 / np.sqrt(4000)  # of 131,000 pairs


def test_bytes_are_uniform() -> None:
    found = words(keys(11, np.arange(2000)), 100).view(np.uint8)
    counts = np.bincount(found.ravel(), minlength=256)
    assert stats.chisquare(counts).pvalue > 1e-4


def test_integers_below_a_bound_are_uniform() -> None:
    found = below(words(keys(12, np.arange(20_000)), 1)[:, 0], 10)
    assert stats.chisquare(np.bincount(found, minlength=10)).pvalue > 1e-4
    assert below(np.array([0, 2**64 - 1], np.uint64), 255).tolist() == [0, 254]
