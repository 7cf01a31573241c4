"""MPI3D: the npz files, mapped or unpacked, in both published sizes, and bad files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.published_formats import ARM_SIZES, cut, write_mpi3d
from vaebench.data import load_dataset, mpi3d
from vaebench.data.mpi3d import load_mpi3d
from vaebench.errors import DataError, UsageError

SMALL = ((ARM_SIZES, mpi3d.SHAPES), ((2, 2, 1, 1, 1, 1, 1), mpi3d.EARLY_SHAPES))
INDICES = np.arange(np.prod(ARM_SIZES))


@pytest.mark.parametrize("compressed", [False, True])
def test_images_and_factors_stand_in_the_published_order(tmp_path: Path, compressed: bool) -> None:
    images = write_mpi3d(tmp_path / "mpi3d_real" / "mpi3d_real.npz", compressed=compressed)
    data = load_mpi3d("mpi3d_real", tmp_path, _versions=SMALL)
    assert len(data) == 288
    assert data.name == "mpi3d_real"
    assert data.observation_shape == (3, 64, 64)
    assert (data.observations(INDICES) == images.transpose(0, 3, 1, 2)).all()
    factors = data.factors(INDICES)
    assert factors is not None
    assert (data.index(factors) == INDICES).all()
    # The published rule for the index of an image, with these sizes.
    steps = np.array([144, 24, 12, 12, 4, 2, 1])
    assert (factors @ steps == INDICES).all()
    assert data.factor_names == (
        "object_color",
        "object_shape",
        "object_size",
        "camera_height",
        "background_color",
        "horizontal_axis",
        "vertical_axis",
    )
    labels = data.labels(INDICES)
    assert labels is not None
    assert (labels == factors[:, 1]).all()
    # Only compressed images are written a second time.
    assert (tmp_path / "unpacked").exists() == compressed


def test_published_sizes_and_steps() -> None:
    assert np.prod(mpi3d.SIZES) == 1_036_800
    assert np.prod(mpi3d.EARLY_SIZES) == mpi3d.EARLY_IMAGES == 460_800
    # index = color * 115200 + shape * 28800 + size * 14400 + height * 4800 + background * 1600
    # + horizontal * 40 + vertical
    steps = np.cumprod((1, *mpi3d.EARLY_SIZES[:0:-1]))[::-1]
    assert steps.tolist() == [115200, 28800, 14400, 4800, 1600, 40, 1]


def test_the_earlier_publication_is_known_by_its_size(tmp_path: Path) -> None:
    write_mpi3d(tmp_path / "mpi3d_toy.npz", SMALL[1][0])
    data = load_mpi3d("mpi3d_toy", tmp_path, _versions=SMALL)
    assert data.factor_sizes == (2, 2, 1, 1, 1, 1, 1)
    assert data.label_names == ("cone", "cube", "hexagonal prism", "sphere")
    assert "4 images" in data.source


def test_the_public_loader_insists_on_the_published_sizes(tmp_path: Path) -> None:
    path = tmp_path / "mpi3d_toy" / "mpi3d_toy.npz"
    write_mpi3d(path)
    with pytest.raises(
        DataError,
        match=r"are uint8 \[288, 64, 64, 3\], not uint8 \[1036800, 64, 64, 3\] or uint8 \[460800,",
    ) as e:
        load_dataset("mpi3d_toy", tmp_path)
    assert str(e.value).startswith(str(path))
    np.savez(path, pictures=np.zeros(3, np.uint8))
    with pytest.raises(DataError, match="its images are missing"):
        load_dataset("mpi3d_toy", tmp_path)
    with pytest.raises(UsageError, match="Allowed: 64"):
        load_dataset("mpi3d_toy", tmp_path, size=32)
    with pytest.raises(DataError, match=r"mpi3d_realistic\.npz is missing"):
        load_dataset("mpi3d_realistic", tmp_path)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_truncated_files_are_named(tmp_path: Path, share: float, compressed: bool) -> None:
    path = tmp_path / "mpi3d_toy" / "mpi3d_toy.npz"
    write_mpi3d(path, compressed=compressed)
    cut(path, share)
    with pytest.raises(DataError, match=rf"{path} cannot be read \([\d,]+ bytes\)") as e:
        load_mpi3d("mpi3d_toy", tmp_path, _versions=SMALL)
    assert "\n" not in str(e.value)


def test_damaged_compressed_images_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "mpi3d_toy" / "mpi3d_toy.npz"
    write_mpi3d(path, compressed=True)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=str(path)):
        load_mpi3d("mpi3d_toy", tmp_path, _versions=SMALL)
    assert not list((tmp_path / "unpacked").glob("*.npy"))
