"""smallNORB: NYU's binary matrices, the study's factors, the drawn instance, and bad files."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.data.conftest import known
from tests.data.published_formats import (
    TOYS,
    binary_matrix,
    cut,
    toy_levels,
    write_smallnorb,
)
from vaebench.data import load_dataset, smallnorb
from vaebench.data.formats.norb import read_matrix
from vaebench.data.grid import Grid
from vaebench.data.smallnorb import SmallNorb, load_smallnorb
from vaebench.errors import DataError, UsageError
from vaebench.metrics.factor_vae import factor_vae_details


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a small smallNORB."""
    folder = tmp_path_factory.mktemp("norb")
    write_smallnorb(folder / "smallnorb")
    return folder


@pytest.fixture(scope="module")
def toys(folder: Path) -> SmallNorb:
    return load_smallnorb(folder, _toys=TOYS)


def test_the_bytes_of_a_matrix_are_read_as_nyu_defines_them(tmp_path: Path) -> None:
    path = tmp_path / "info.mat"
    content = bytes.fromhex("544c3d1e 02000000 02000000 04000000 01000000".replace(" ", ""))
    content += struct.pack("<8i", 1, 2, 3, 4, -5, 6, 7, 2**31 - 1)
    path.write_bytes(content)
    (rows,) = read_matrix(path, np.int32, (2, 4))
    assert rows.tolist() == [[1, 2, 3, 4], [-5, 6, 7, 2**31 - 1]]
    assert binary_matrix(rows.astype(np.int32)) == content
    vector = bytes.fromhex("544c3d1e 01000000 02000000 01000000 01000000".replace(" ", ""))
    path.write_bytes(vector + struct.pack("<2i", 8, 9))
    assert next(read_matrix(path, np.int32, (2,))).tolist() == [8, 9]
    pair = bytes.fromhex("554c3d1e 04000000 01000000 02000000 01000000 02000000".replace(" ", ""))
    path.write_bytes(pair + bytes([0, 1, 254, 255]))
    assert next(read_matrix(path, np.uint8, (1, 2, 1, 2))).tolist() == [[[[0, 1]], [[254, 255]]]]


def test_published_grid() -> None:
    assert smallnorb.TOYS.sizes == (5, 10, 9, 18, 6)
    assert np.prod(smallnorb.TOYS.sizes) == 2 * 24_300
    assert smallnorb.FACTOR_NAMES == ("category", "elevation", "azimuth", "lighting")
    assert smallnorb.FACTOR_SIZES == (5, 9, 18, 6)


def test_images_of_both_parts_stand_in_the_order_of_the_grid(toys: SmallNorb) -> None:
    assert len(toys) == 144
    assert toys.observation_shape == (1, 64, 64)
    images = toys.observations(np.arange(144))
    assert images.shape == (144, 1, 64, 64)
    # The left camera's level everywhere: Lanczos' filter leaves a flat image flat.
    assert (images == toy_levels(TOYS)[:, None, None, None]).all()
    assert toys.factor_names == smallnorb.FACTOR_NAMES
    assert toys.factor_sizes == (3, 2, 3, 2)
    assert (known(toys.factors(np.arange(144))) == TOYS.of(np.arange(144))[:, [0, 2, 3, 4]]).all()
    assert (known(toys.labels(np.arange(144))) == np.repeat([0, 1, 2], 48)).all()
    assert toys.label_names == ("animal", "human", "airplane")


def test_as_in_the_study_there_is_no_split(toys: SmallNorb) -> None:
    assert not toys.has_split
    assert (toys.train_indices == np.arange(144)).all()
    assert (toys.test_indices == np.arange(144)).all()


def test_index_draws_an_instance_and_keeps_the_factors(toys: SmallNorb) -> None:
    factors = np.tile(np.stack(np.unravel_index(np.arange(36), (3, 2, 3, 2)), axis=1), (100, 1))
    one = toys.index(factors, 0)
    assert (known(toys.factors(one)) == factors).all()
    assert (one[:36] == one[36:72]).all()
    assert (
        one == np.concatenate([toys.index(factors[k : k + 1], 0) for k in range(36)] * 100)
    ).all()
    instance = TOYS.of(one[:36])[:, 1]
    assert len(np.unique(instance)) == 4
    anew = toys.index(factors)
    assert (anew == toys.index(factors, np.arange(3600))).all()
    assert (known(toys.factors(anew)) == factors).all()
    counts = np.bincount(TOYS.of(anew)[:, 1], minlength=4)
    assert np.abs(counts - 900).max() < 120
    assert len(np.unique(anew)) == 144  # every image can be drawn
    with pytest.raises(IndexError, match="azimuth is 3; it goes from 0 to 2"):
        toys.index([[0, 0, 3, 0]])


def test_samplers_see_every_toy_of_a_combination(toys: SmallNorb) -> None:
    """Codes that name the toy alone: fixing a factor leaves them no stiller, as toys are drawn."""
    seen: list[np.ndarray] = []

    def represent(factors: np.ndarray) -> np.ndarray:
        seen.append(TOYS.of(toys.index(factors))[:, 1])
        return seen[0][:, None].astype(float)

    result = factor_vae_details(
        represent,
        toys.factor_sizes,
        rng=np.random.default_rng(0),
        num_train=400,
        num_eval=200,
        num_variance=1000,
    )
    assert result.votes.sum() == 400
    assert result.score < 0.4  # four factors to guess among
    groups = seen[0][1000:].reshape(600, 64)
    assert (groups.var(axis=1, ddof=1) / seen[0].var(ddof=1)).min() > 0.5
    assert abs(np.bincount(seen[0]) / len(seen[0]) - 0.25).max() < 0.01


def test_the_images_are_unpacked_once(folder: Path, toys: SmallNorb) -> None:
    for path in (folder / "smallnorb").iterdir():
        content, times = path.read_bytes(), path.stat()
        path.write_bytes(bytes(len(content)))  # another content, the same size and date
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    again = load_smallnorb(folder, _toys=TOYS)
    assert (again.observations(np.arange(144)) == toys.observations(np.arange(144))).all()


def test_unpacked_files_in_the_studys_folder_are_read(tmp_path: Path) -> None:
    write_smallnorb(tmp_path / "small_norb", Grid(TOYS.names, (1, 2, 2, 1, 2)), packed=False)
    toys = load_smallnorb(tmp_path, _toys=Grid(TOYS.names, (1, 2, 2, 1, 2)))
    assert len(toys) == 8
    assert str(tmp_path / "small_norb") in toys.source


def test_scaling_is_lanczos_in_whole_levels(tmp_path: Path) -> None:
    toys = Grid(TOYS.names, (1, 2, 1, 1, 1))
    write_smallnorb(tmp_path / "smallnorb", toys, packed=False)
    step = np.zeros((1, 2, 96, 96), np.uint8)
    step[:, :, :, 48:] = 255
    for part in smallnorb.PARTS:
        (tmp_path / "smallnorb" / f"{part}-dat.mat").write_bytes(binary_matrix(step))
    image = load_smallnorb(tmp_path, _toys=toys).observations([0])[0, 0]
    # The filter of support 3, sampled 1.5 times as finely, at the pixels around the edge.
    kernel = _lanczos_step(96, 64)
    assert np.abs(image[32].astype(float) - np.clip(kernel, 0, 255)).max() <= 1
    assert kernel.min() < -3  # here the study, which computes in 32-bit integers, goes below 0
    assert (image == image[0]).all()


def _lanczos_step(before: int, after: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A row that is 0 in its left and 255 in its right half, scaled down."""
    scale = before / after
    centre = (np.arange(after) + 0.5) * scale
    distance = (np.arange(before)[None] + 0.5 - centre[:, None]) / scale
    weight = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
    weight /= weight.sum(1, keepdims=True)
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = 255 * weight[:, before // 2 :].sum(1)
    return found


def _one(folder: Path, kind: str, part: int = 0) -> Path:
    return folder / "smallnorb" / f"{smallnorb.PARTS[part]}-{kind}.mat"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A data folder with a small smallNORB, to be spoilt."""
    write_smallnorb(tmp_path / "smallnorb", packed=False)
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "share", "message"),
    [
        ("dat", 0.5, r"truncated: it ends within row 3\d of 72"),
        ("cat", 0.9, r"truncated: it ends within row \d+ of 72"),
        ("info", 0.01, "truncated: it ends within its header"),
    ],
)
def test_truncated_files_are_named(bad: Path, kind: str, share: float, message: str) -> None:
    path = cut(_one(bad, kind, 1), share)
    with pytest.raises(DataError, match=message) as e:
        load_smallnorb(bad, _toys=TOYS)
    assert str(e.value).startswith(str(path))
    assert "\n" not in str(e.value)
    assert not list(bad.glob("unpacked/*.npy"))


def test_truncated_packed_files_are_named(tmp_path: Path) -> None:
    write_smallnorb(tmp_path / "smallnorb")
    path = cut(_one(tmp_path, "dat").with_suffix(".mat.gz"), 0.5)
    with pytest.raises(DataError, match=rf"{path} cannot be read \([\d,]+ bytes\)"):
        load_smallnorb(tmp_path, _toys=TOYS)
    path.write_bytes(gzip.compress(b"\x54\x4c"))
    with pytest.raises(DataError, match=f"{path} is truncated: it ends within its header"):
        load_smallnorb(tmp_path, _toys=TOYS)


def test_files_of_another_kind_are_named(bad: Path) -> None:
    path = _one(bad, "dat")
    path.write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(DataError, match=f"{path} is not a file of smallNORB: its magic number"):
        load_smallnorb(bad, _toys=TOYS)
    path.write_bytes(binary_matrix(np.zeros((72, 2, 108, 108), np.uint8)))
    with pytest.raises(
        DataError, match=r"holds uint8 \[72, 2, 108, 108\], not uint8 \[72, 2, 96, 96\]"
    ):
        load_smallnorb(bad, _toys=TOYS)
    path.write_bytes(binary_matrix(np.zeros((72, 2, 96, 96), np.uint8)) + b"more")
    with pytest.raises(DataError, match=r"is longer than uint8 \[72, 2, 96, 96\]"):
        load_smallnorb(bad, _toys=TOYS)


def test_details_that_fill_no_grid_are_named(bad: Path) -> None:
    path = _one(bad, "info")
    (rows,) = read_matrix(path, np.int32, (72, 4))
    details = rows.copy()
    details[5, 2] = 1
    path.write_bytes(binary_matrix(details))
    with pytest.raises(DataError, match=f"{path} is not the published file: azimuth 1 is odd"):
        load_smallnorb(bad, _toys=TOYS)
    details[5] = (0, 2, 0, 0)
    path.write_bytes(binary_matrix(details))
    with pytest.raises(DataError, match="elevation is 2; it goes from 0 to 1"):
        load_smallnorb(bad, _toys=TOYS)
    details[:] = 0
    path.write_bytes(binary_matrix(details))
    with pytest.raises(DataError, match="has a combination twice"):
        load_smallnorb(bad, _toys=TOYS)


def test_the_public_loader_insists_on_the_published_size(bad: Path) -> None:
    with pytest.raises(DataError, match=r"holds int32 \[72\], not int32 \[24300\]"):
        load_dataset("smallnorb", bad)
    with pytest.raises(UsageError, match="Allowed: 64"):
        load_dataset("smallnorb", bad, size=96)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"training-dat\.mat\.gz is missing.*download smallnorb"):
        load_dataset("smallnorb", tmp_path)
