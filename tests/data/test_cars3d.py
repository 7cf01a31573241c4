"""Cars3D: the .mat files' axes, the study's order, scaling, and bad files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from tests.data.published_formats import car_colour, cut, write_cars3d
from vaebench.data import cars3d, load_dataset
from vaebench.data.cars3d import load_cars3d, read_car
from vaebench.data.stored import StoredImages
from vaebench.errors import DataError, UsageError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two cars."""
    folder = tmp_path_factory.mktemp("cars")
    write_cars3d(folder / "cars3d", (4, 199))
    return folder


@pytest.fixture(scope="module")
def cars(folder: Path) -> StoredImages:
    return load_cars3d(folder, _objects=2)


def test_order_is_elevation_azimuth_object(cars: StoredImages) -> None:
    assert len(cars) == 4 * 24 * 2
    assert cars.observation_shape == (3, 64, 64)
    assert cars.factor_names == ("elevation", "azimuth", "object")
    assert cars.factor_sizes == (4, 24, 2)
    indices = np.arange(len(cars))
    factors = cars.factors(indices)
    assert factors is not None
    assert (cars.index(factors) == indices).all()
    expected = np.array([car_colour(*row) for row in factors.tolist()])
    assert (cars.observations(indices) == expected[:, :, None, None]).all()
    assert factors[1].tolist() == [0, 0, 1]
    labels = cars.labels(indices)
    assert labels is not None
    assert (labels == indices % 2).all()
    assert cars.label_names == ("object 0", "object 1")


def test_published_size() -> None:
    assert np.prod(cars3d.GRID.sizes) == 17_568


def test_scaling_keeps_the_mean_of_a_picture(tmp_path: Path) -> None:
    im = np.random.default_rng(0).integers(60, 190, (128, 128, 3, 24, 4)).astype(np.uint8)
    (tmp_path / "cars").mkdir()
    savemat(tmp_path / "cars" / "car_001_mesh.mat", {"im": im})
    cars = load_cars3d(tmp_path, _objects=1)
    images = cars.observations(np.arange(96))
    blocks = im.transpose(4, 3, 2, 0, 1).reshape(96, 3, 64, 2, 64, 2).mean((3, 5))
    assert images.mean() == pytest.approx(im.mean(), abs=0.05)
    assert np.corrcoef(images.ravel(), blocks.ravel())[0, 1] > 0.85
    assert (read_car(tmp_path / "cars" / "car_001_mesh.mat")[3, 20] == im[..., 20, 3]).all()


def test_missing_and_superfluous_files_are_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DataError, match=r"car_\*_mesh.mat is missing.*data download cars3d"):
        load_dataset("cars3d", tmp_path)
    with pytest.raises(DataError, match=f"{folder / 'cars3d'} has 2 files .* not 183"):
        load_dataset("cars3d", folder)
    with pytest.raises(UsageError, match="Allowed: 64"):
        load_dataset("cars3d", folder, size=128)


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.99])
def test_truncated_files_are_named(tmp_path: Path, share: float) -> None:
    write_cars3d(tmp_path / "cars3d", (1,))
    path = cut(tmp_path / "cars3d" / "car_001_mesh.mat", share)
    with pytest.raises(DataError, match=str(path)) as e:
        load_cars3d(tmp_path, _objects=1)
    assert "\n" not in str(e.value)


def test_files_of_another_kind_are_named(tmp_path: Path) -> None:
    path = tmp_path / "cars3d" / "car_001_mesh.mat"
    path.parent.mkdir()
    savemat(path, {"mask": np.zeros(3)})
    with pytest.raises(DataError, match=f"{path} is not a file of Cars3D: its im is missing"):
        load_cars3d(tmp_path, _objects=1)
    savemat(path, {"im": np.zeros((128, 128, 3, 24, 3), np.uint8)})
    with pytest.raises(DataError, match=r"uint8 \[128, 128, 3, 24, 3\], not uint8 \[128, 128"):
        load_cars3d(tmp_path, _objects=1)
    savemat(path, {"im": np.zeros((128, 128, 3, 24, 4))})
    with pytest.raises(DataError, match="its im is float64"):
        load_cars3d(tmp_path, _objects=1)
    # A promise of 700 million cells, of which SciPy would make as many objects before it looked.
    savemat(path, {"im": np.array([[1, 2], ["x", {"a": 1}]], dtype=object)})
    content = bytearray(path.read_bytes())
    rows = content.index(struct.pack("<4i", 5, 8, 2, 2))
    content[rows + 15] = 42
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"its im is cell \[2, 704643074\]"):
        load_cars3d(tmp_path, _objects=1)
