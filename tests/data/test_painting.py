"""Painting in torch, as on a GPU: the same bits as NumPy's, in integers that have a sign."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vaebench.data import dsprites_variants as host
from vaebench.data import nuisance, painting
from vaebench.data.base import PaintedDataset
from vaebench.data.dsprites_drawing import IMAGES

STREAMS = (0, 0x6E6F697379000000, 2**64 - 1, 2**63)
DRAWS = (0, 1, 299_999, 2**40)
INDICES = np.arange(200) * 104_729 % IMAGES


def unsigned(values: torch.Tensor) -> NDArray[np.uint64]:
    return values.numpy().view(np.uint64)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("draw", DRAWS)
def test_keys_and_words_are_numpys(stream: int, draw: int) -> None:
    expected = nuisance.keys(stream, INDICES, draw)
    found = painting.keys(stream, torch.from_numpy(INDICES), draw)
    assert (unsigned(found) == expected).all()
    assert (unsigned(painting.words(found, 9)) == nuisance.words(expected, 9)).all()


@pytest.mark.parametrize("bound", [1, 2, 210, 255, 2**31 - 1])
def test_integers_below_a_bound_are_numpys(bound: int) -> None:
    words = nuisance.words(nuisance.keys(1, INDICES), 20)
    assert (words >= 2**63).any()
    assert (words < 2**63).any()
    found = painting.below(torch.from_numpy(words.view(np.int64)), bound).numpy()
    assert (found == nuisance.below(words, bound)).all()
    assert found.min() >= 0
    assert found.max() < bound


def sprites() -> NDArray[np.uint8]:
    """Some white, some black, some of both."""
    drawn = np.random.default_rng(0).integers(0, 2, (len(INDICES), 1, 64, 64), dtype=np.uint8) * 255
    drawn[0], drawn[1] = 0, 255
    return drawn


PICTURE = np.random.default_rng(1).integers(0, 256, (3, 90, 130), dtype=np.uint8)


@pytest.mark.parametrize(
    ("numpys", "torchs"),
    [
        (host.coloured, painting.coloured),
        (host.noisy, painting.noisy),
        (host.on_picture(PICTURE), painting.on_picture(PICTURE, torch.device("cpu"))),
    ],
)
def test_painted_images_are_numpys(numpys: host.Paint, torchs: painting.Paint) -> None:
    white, stream = sprites(), STREAMS[1]
    paint = painting.painter(stream, torchs)
    for draw in DRAWS:
        expected = numpys(white.copy(), nuisance.keys(stream, INDICES, draw))
        found = paint(torch.from_numpy(white), torch.from_numpy(INDICES), draw)
        assert found.dtype == torch.uint8
        assert (found.numpy() == expected).all()


class Plain:
    """A stand-in for dSprites, of which nothing has to be drawn."""

    source = "made up"

    def observations(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        return sprites()[: len(indices)]


@pytest.mark.parametrize("name", ["color_dsprites", "noisy_dsprites", "scream_dsprites"])
def test_a_data_set_paints_on_a_device_what_it_shows(
    name: str, scream_folder: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "load_dsprites", lambda folder: Plain())
    load = {info.name: info.load for info in (host.COLOR_DSPRITES, host.NOISY_DSPRITES)}
    opened = load.get(name, host.SCREAM_DSPRITES.load)(scream_folder)  # type: ignore[arg-type]
    assert isinstance(opened, PaintedDataset)
    paint = opened.painter(torch.device("cpu"))
    plain = torch.from_numpy(opened.plain.observations(INDICES))
    for draw in (0, 7):
        found = paint(plain, torch.from_numpy(INDICES), draw)
        assert (found.numpy() == opened.observations(INDICES, draw)).all()


@pytest.mark.gpu
@pytest.mark.parametrize(("numpys", "torchs"), [(host.coloured, painting.coloured),
                                                (host.noisy, painting.noisy)])  # fmt: skip
def test_on_a_gpu_they_are_numpys_too(
    numpys: host.Paint, torchs: painting.Paint, device: str
) -> None:
    paint = painting.painter(5, torchs)
    found = paint(*(torch.from_numpy(v).to(device) for v in (sprites(), INDICES)), 11)
    expected = numpys(sprites(), nuisance.keys(5, INDICES, 11))
    assert (found.cpu().numpy() == expected).all()
