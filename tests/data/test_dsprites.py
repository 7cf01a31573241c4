"""dSprites: the drawing against genuine images, the order of factors, and the official file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vaebench.data import load_dataset
from vaebench.data.dsprites import OFFICIAL_FILE, DSprites, read_official
from vaebench.data.dsprites_drawing import IMAGES, SIZES, outline, vertices
from vaebench.errors import DataError, UsageError

Frames = tuple[NDArray[np.uint8], NDArray[np.int64]]


def test_genuine_frames_are_drawn_without_a_wrong_pixel(
    dsprites: DSprites, genuine_frames: Frames
) -> None:
    images, factors = genuine_frames
    drawn = dsprites.observations(dsprites.index(factors))[:, 0]
    wrong = np.count_nonzero(drawn != 255 * images, axis=(1, 2))
    assert len(images) == 213
    assert wrong.sum() == 0, f"wrong pixels of frames: {wrong[wrong > 0]}"


def test_order_of_factors(dsprites: DSprites) -> None:
    assert len(dsprites) == IMAGES == np.prod(SIZES)
    assert dsprites.factor_names == ("colour", "shape", "scale", "orientation", "x", "y")
    assert dsprites.factors([0, 1, 32, 1024, 40960, 245760, IMAGES - 1]).tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0, 1, 0, 0, 0, 0],
        [0, 2, 5, 39, 31, 31],
    ]


def test_index_is_the_inverse_of_factors(dsprites: DSprites) -> None:
    indices = np.arange(IMAGES)
    assert (dsprites.index(dsprites.factors(indices)) == indices).all()


def test_labels_are_the_shapes(dsprites: DSprites) -> None:
    assert dsprites.label_names == ("square", "ellipse", "heart")
    assert np.bincount(dsprites.labels(np.arange(IMAGES))).tolist() == [IMAGES // 3] * 3


def test_there_is_no_split(dsprites: DSprites) -> None:
    assert not dsprites.has_split
    assert (dsprites.train_indices == np.arange(IMAGES)).all()
    assert (dsprites.test_indices == np.arange(IMAGES)).all()


def test_x_and_y_move_right_and_down_by_half_the_image(dsprites: DSprites) -> None:
    for shape in range(3):
        corners = [(0, shape, 5, 7, x, y) for x, y in ((0, 0), (31, 0), (0, 31))]
        start, right, below = dsprites.observations(dsprites.index(corners))[:, 0]
        assert (np.roll(start, 32, axis=1) == right).all()
        assert (np.roll(start, 32, axis=0) == below).all()


def test_first_and_last_orientation_are_the_same_pictures(dsprites: DSprites) -> None:
    rows = dsprites.packed_rows.reshape(*SIZES[1:], 64)
    assert (rows[:, :, 0] == rows[:, :, 39]).all()


def test_nothing_is_cut_off_at_the_border(dsprites: DSprites) -> None:
    rows = dsprites.packed_rows
    assert not rows[:, [0, 63]].any()
    assert not (rows & np.uint64(2**63 + 1)).any()


def test_areas(dsprites: DSprites) -> None:
    rng = np.random.default_rng(0)
    for shape, expected in enumerate((19.2**2, np.pi * 9.6**2, 0.6 * 19.2 / 29 * 180 * np.pi)):
        some = rng.integers(0, SIZES[-1], (2000, 2))
        factors = np.c_[np.tile([0, shape, 5], (2000, 1)), rng.integers(0, 39, 2000), some]
        pixels = (dsprites.observations(dsprites.index(factors)) > 0).sum(axis=(1, 2, 3))
        assert pixels.mean() == pytest.approx(expected, rel=0.004)


def test_packed_rows_agree_with_drawing_pixel_by_pixel(dsprites: DSprites) -> None:
    indices = np.random.default_rng(1).integers(0, IMAGES, 60)
    for factors, image in zip(
        dsprites.factors(indices), dsprites.observations(indices), strict=True
    ):
        assert (image[0] == 255 * _fill(factors)).all(), factors


def _fill(factors: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Counts, for each pixel, the polygon's edges to its left; an odd count is inside."""
    _, shape, scale, orientation, x_place, y_place = (int(value) for value in factors)
    on_grid_x, on_grid_y = vertices(shape, scale, orientation)
    x, y = on_grid_x[:, x_place].tolist(), on_grid_y[:, y_place].tolist()
    column, row = np.meshgrid(np.arange(64) * 256 + 128, np.arange(64) * 256 + 128)
    inside = np.zeros((64, 64), bool)
    for edge in range(len(x)):
        x0, y0, x1, y1 = x[edge - 1], y[edge - 1], x[edge], y[edge]
        if y0 > y1:
            x0, y0, x1, y1 = x1, y1, x0, y0
        reaches = (y0 <= row) & (row < y1)
        inside ^= reaches & ((column - x0) * (y1 - y0) >= (row - y0) * (x1 - x0))
    return inside.astype(np.uint8)


def test_a_look_at_a_few_images_draws_those_alone(dsprites: DSprites) -> None:
    few = np.random.default_rng(5).integers(0, IMAGES, 20)
    fresh = DSprites()
    assert np.array_equal(fresh.observations(few), dsprites.observations(few))
    assert fresh._packed is None
    many = np.arange(0, IMAGES, IMAGES // 100)
    assert np.array_equal(fresh.observations(many), dsprites.observations(many))
    assert fresh._packed is not None


def test_outlines_are_mirror_images_of_themselves() -> None:
    for shape in range(3):
        points = outline(shape)
        mirrored = points * [-1, 1]
        nearest = np.abs(points[:, None] - mirrored[None]).max(axis=2).min(axis=1)
        assert nearest.max() < 1e-12


def test_a_batch(dsprites: DSprites) -> None:
    rng = np.random.default_rng(2)
    observations = dsprites.observations(rng.integers(0, IMAGES, 64))
    assert observations.shape == (64, 1, 64, 64)
    assert observations.dtype == np.uint8
    assert set(np.unique(observations)) == {0, 255}


def test_bad_indices_and_factors_raise(dsprites: DSprites) -> None:
    for wrong in (-1, IMAGES, [0, IMAGES]):
        with pytest.raises(IndexError, match="out of range"):
            dsprites.factors(wrong)
    with pytest.raises(TypeError, match="integers"):
        dsprites.labels([0.5])
    with pytest.raises(ValueError, match="one dimension"):
        dsprites.observations([[0, 1]])
    with pytest.raises(IndexError, match="scale is 6; it goes from 0 to 5"):
        dsprites.index([[0, 0, 6, 0, 0, 0]])
    with pytest.raises(ValueError, match=r"\[N, 6\]"):
        dsprites.index([0, 0, 0, 0, 0, 0])
    assert dsprites.observations([]).shape == (0, 1, 64, 64)


def test_loading_needs_no_file_and_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from vaebench.data import load_dataset; "
        f"source = load_dataset('dsprites', {str(tmp_path)!r}).source; "
        "print(source, 'torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "drawn from formulas False"


def test_only_the_native_size(tmp_path: Path) -> None:
    assert load_dataset("dsprites", tmp_path, size=64).observation_shape == (1, 64, 64)
    with pytest.raises(UsageError, match="Allowed: 64"):
        load_dataset("dsprites", tmp_path, size=32)


def _official(path: Path, images: NDArray[np.generic]) -> Path:
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, imgs=images, latents_values=np.zeros(3))
    return path


@pytest.mark.parametrize("place", [".", "dsprites"])
def test_official_file_of_a_wrong_shape_is_rejected(tmp_path: Path, place: str) -> None:
    path = _official(tmp_path / place / OFFICIAL_FILE, np.zeros((7, 64, 64), np.uint8))
    with pytest.raises(DataError, match=r"uint8 \[7, 64, 64\], not uint8 \[737280, 64, 64\]") as e:
        load_dataset("dsprites", tmp_path)
    assert str(path) in str(e.value)
    assert "\n" not in str(e.value)


def test_official_file_is_packed_like_the_drawing(tmp_path: Path, dsprites: DSprites) -> None:
    pixels = (dsprites.observations(np.arange(9000)) // 255)[:, 0]
    path = _official(tmp_path / OFFICIAL_FILE, pixels)
    assert (read_official(path, images=9000) == dsprites.packed_rows[:9000]).all()
    with pytest.raises(DataError, match="not 0 or 1"):
        read_official(_official(path, 2 * pixels), images=9000)


def test_official_file_is_used_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _official(tmp_path / OFFICIAL_FILE, np.ones((5, 64, 64), np.uint8))

    def read_five(path: Path, *, header_only: bool = False) -> NDArray[np.uint64]:
        return read_official(path, images=5, header_only=header_only)

    monkeypatch.setattr("vaebench.data.dsprites.read_official", read_five)
    dataset = load_dataset("dsprites", tmp_path)
    assert dataset.source == f"official file {path}"
    assert (dataset.observations([4]) == 255).all()


def test_damaged_official_file_is_rejected(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 2, (50, 64, 64)).astype(np.uint8)
    path = _official(tmp_path / OFFICIAL_FILE, pixels)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cannot be read .* bytes"):
        load_dataset("dsprites", tmp_path)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    path.write_bytes(bytes(flipped))
    with pytest.raises(DataError, match=str(path)):
        read_official(path, images=50)
    np.savez(path, other=pixels)
    with pytest.raises(DataError, match="no imgs"):
        load_dataset("dsprites", tmp_path)
