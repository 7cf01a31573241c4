"""Color-, Noisy- and Scream-dSprites: the study's definitions, purity, speed and fixed bits."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from tests.data.conftest import genuine
from vaebench.data import StochasticDataset, is_stochastic, load_dataset
from vaebench.data.dsprites import DSprites
from vaebench.data.dsprites_drawing import IMAGES
from vaebench.data.dsprites_variants import read_picture
from vaebench.errors import DataError, UsageError

VARIANTS = ("color_dsprites", "noisy_dsprites", "scream_dsprites")
SOME = np.arange(300) * 104_729 % IMAGES


def open_variant(name: str, folder: Path) -> StochasticDataset:
    data = load_dataset(name, folder)
    assert is_stochastic(data)
    return data


def masks(dsprites: DSprites, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.repeat(dsprites.observations(indices) == 255, 3, axis=1)


@pytest.mark.parametrize("name", VARIANTS)
def test_factors_are_those_of_dsprites_but_for_its_one_colour(
    name: str, scream_folder: Path, dsprites: DSprites
) -> None:
    data = open_variant(name, scream_folder)
    assert data.name == name
    assert len(data) == IMAGES
    assert data.observation_shape == (3, 64, 64)
    assert data.factor_names == ("shape", "scale", "orientation", "x", "y")
    assert data.factor_sizes == (3, 6, 40, 32, 32)
    factors = data.factors(SOME)
    assert factors is not None
    assert (factors == dsprites.factors(SOME)[:, 1:]).all()
    assert (data.index(factors) == SOME).all()
    labels = data.labels(SOME)
    assert labels is not None
    assert (labels == dsprites.labels(SOME)).all()
    assert data.label_names == ("square", "ellipse", "heart")


@pytest.mark.parametrize("name", VARIANTS)
def test_images_are_a_pure_function_of_index_and_draw(name: str, scream_folder: Path) -> None:
    data, again = (open_variant(name, scream_folder) for _ in range(2))
    draws = np.arange(300)
    whole = data.observations(SOME, draws)
    one = np.concatenate([again.observations(i, d) for i, d in zip(SOME, draws, strict=True)])
    assert (whole == one).all()
    assert (whole[::-1] == data.observations(SOME[::-1], draws[::-1])).all()
    assert (data.observations(SOME) == again.observations(SOME, 0)).all()
    twice = data.observations([5, 5])
    assert (twice[0] == twice[1]).all()
    twice[:] = 0
    assert data.observations([5]).any()
    assert data.observations([]).shape == (0, 3, 64, 64)


@pytest.mark.parametrize("name", VARIANTS)
def test_another_draw_is_another_picture_of_the_same_sprite(name: str, scream_folder: Path) -> None:
    data = open_variant(name, scream_folder)
    draws = data.observations(np.full(50, 4711), np.arange(50))
    assert len(np.unique(draws.reshape(50, -1), axis=0)) == 50
    images = data.observations(np.arange(4700, 4750))
    assert len(np.unique(images.reshape(50, -1), axis=0)) == 50


def test_colour_is_uniform_from_a_half_to_one(tmp_path: Path, dsprites: DSprites) -> None:
    data = open_variant("color_dsprites", tmp_path)
    inside = masks(dsprites, SOME)
    draws = [data.observations(SOME, draw) for draw in range(40)]
    for images in draws:
        assert (images[~inside] == 0).all()
        assert (images.max((2, 3), where=inside, initial=0) == images.max((2, 3))).all()
        assert (images.min((2, 3), where=inside, initial=255) == images.max((2, 3))).all()
    levels = np.concatenate([images.max((2, 3)) for images in draws])
    assert levels.min() == 128
    assert levels.max() == 255
    # 255 * uniform(0.5, 1) rounded: 128 to 254 are equally likely, 255 half as much.
    counts = np.bincount(levels.ravel() - 128, minlength=128)
    expected = np.r_[np.ones(127), 0.5] / 127.5 * counts.sum()
    assert stats.chisquare(counts, expected).pvalue > 1e-4
    assert np.abs(np.corrcoef(levels.T) - np.eye(3)).max() < 5 / np.sqrt(len(levels))


def test_noise_is_uniform_around_a_white_sprite(tmp_path: Path, dsprites: DSprites) -> None:
    data = open_variant("noisy_dsprites", tmp_path)
    inside = masks(dsprites, SOME)
    images = data.observations(SOME)
    assert (images[inside] == 255).all()
    noise = images[~inside]
    assert stats.chisquare(np.bincount(noise, minlength=256)).pvalue > 1e-4
    field = images.astype(np.float64) - 127.5
    field[inside] = 0
    for shift, axis in ((1, 1), (1, 2), (1, 3), (1, 0), (7, 3)):
        near = (field * np.roll(field, shift, axis)).mean() / field.var()
        assert abs(near) < 5 / np.sqrt(field.size)


def test_scream_is_a_patch_averaged_with_a_colour_and_inverted_under_the_sprite(
    scream_folder: Path, dsprites: DSprites
) -> None:
    data = open_variant("scream_dsprites", scream_folder)
    picture = read_picture(scream_folder / "scream" / "scream.jpg").astype(np.int64)
    assert picture.shape == (3, 100, 120)
    places, colours = [], []
    some = SOME[:100]
    inside = masks(dsprites, some)
    for image, mask in zip(data.observations(some).astype(np.int64), inside, strict=True):
        background = np.where(mask, 255 - image, image)
        top, left = _place(background, picture)
        patch = picture[:, top : top + 64, left : left + 64]
        doubled = 2 * background - patch  # the colour, to within 1
        assert (np.ptp(doubled.reshape(3, -1), axis=1) <= 1).all()
        places.append((top, left))
        colours.append(doubled.reshape(3, -1).max(1))
    tops, lefts = np.array(places).T
    assert tops.min() < 4
    assert 30 < tops.max() < 100 - 64
    assert 48 < lefts.max() < 120 - 64
    assert stats.chisquare(np.bincount(tops // 6, minlength=6)).pvalue > 1e-4
    assert stats.chisquare(np.bincount(lefts // 7, minlength=8)).pvalue > 1e-4
    assert stats.kstest(np.ravel(colours), stats.uniform(0, 256).cdf).pvalue > 1e-4


def _place(background: NDArray[np.int64], picture: NDArray[np.int64]) -> tuple[int, int]:
    """Finds the patch whose difference from the doubled background is flat."""
    best, found = np.inf, (0, 0)
    for top in range(36):
        for left in range(56):
            corner = picture[:, top : top + 64 : 9, left : left + 64 : 9]
            spread = float(np.ptp(2 * background[:, ::9, ::9] - corner, axis=(1, 2)).sum())
            if spread < best:
                best, found = spread, (top, left)
    return found


def test_the_genuine_picture_is_made_as_small_as_in_the_study() -> None:
    folder = genuine("scream/scream.jpg")
    picture = read_picture(folder / "scream/scream.jpg")
    assert picture.shape == (3, 274, 274)  # 568×568 within 350×274
    data = open_variant("scream_dsprites", folder)
    assert "SHA-256 b18394874821c05d" in data.source
    images = data.observations(SOME)
    assert images.min() < 20
    assert images.max() > 235


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("color_dsprites", "80174a3c004aea18"),
        ("noisy_dsprites", "2ca25213d5e96e36"),
        ("scream_dsprites", "e5aa2329f793aa82"),
    ],
)
def test_bits_stay_as_they_are(name: str, digest: str, scream_folder: Path) -> None:
    # Trained models were trained on these very bits; a change needs another name.
    data = open_variant(name, scream_folder)
    images = data.observations(SOME, np.arange(300) * 1000)
    assert hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize(
    ("name", "milliseconds"), [("color_dsprites", 1), ("noisy_dsprites", 3), ("scream_dsprites", 3)]
)
def test_a_batch_is_fast(name: str, milliseconds: float, scream_folder: Path) -> None:
    data = open_variant(name, scream_folder)
    rng = np.random.default_rng(2)
    seconds = []
    for step in range(1, 51):
        indices = rng.integers(0, IMAGES, 64)
        start = time.perf_counter()
        images = data.observations(indices, step)
        seconds.append(time.perf_counter() - start)
    assert images.shape == (64, 3, 64, 64)
    assert images.dtype == np.uint8
    assert np.median(seconds) < milliseconds / 1000


def test_other_sizes_and_bad_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="color_dsprites cannot have a size of 32"):
        load_dataset("color_dsprites", tmp_path, size=32)
    data = open_variant("noisy_dsprites", tmp_path)
    with pytest.raises(IndexError, match="out of range"):
        data.observations([IMAGES])
    with pytest.raises(ValueError, match="one for each of 2 images"):
        data.observations([1, 2], [1, 2, 3])
    with pytest.raises(IndexError, match="shape is 3; it goes from 0 to 2"):
        data.index([[3, 0, 0, 0, 0]])


def test_missing_and_bad_pictures_are_named(tmp_path: Path) -> None:
    path = tmp_path / "scream" / "scream.jpg"
    with pytest.raises(DataError, match=f"{path} is missing.*data download scream_dsprites"):
        load_dataset("scream_dsprites", tmp_path)
    path.parent.mkdir()
    path.write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(DataError, match=f"{path} cannot be read as an image"):
        load_dataset("scream_dsprites", tmp_path)
    Image.new("RGB", (64, 100)).save(path, "PNG")
    with pytest.raises(DataError, match="64×100, and needs more than 64"):
        load_dataset("scream_dsprites", tmp_path)
