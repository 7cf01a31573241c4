"""What every data set promises, shown on each of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.published_formats import (
    ARM_SIZES,
    ROOMS,
    TOYS,
    write_cars3d,
    write_celeba,
    write_mpi3d,
    write_shapes3d,
    write_smallnorb,
)
from vaebench.data import Dataset, is_stochastic, load_dataset
from vaebench.data.cars3d import load_cars3d
from vaebench.data.celeba import load_celeba
from vaebench.data.mpi3d import SHAPES, load_mpi3d
from vaebench.data.shapes3d import load_shapes3d
from vaebench.data.smallnorb import load_smallnorb
from vaebench.errors import DataError


def _smallnorb(folder: Path) -> Dataset:
    write_smallnorb(folder / "smallnorb")
    return load_smallnorb(folder, _toys=TOYS)


def _cars3d(folder: Path) -> Dataset:
    write_cars3d(folder / "cars3d", (1, 2))
    return load_cars3d(folder, _objects=2)


def _shapes3d(folder: Path) -> Dataset:
    write_shapes3d(folder / "shapes3d" / "3dshapes.h5")
    return load_shapes3d(folder, _grid=ROOMS)


def _mpi3d(name: str) -> Callable[[Path], Dataset]:
    def opened(folder: Path) -> Dataset:
        path = folder / name / f"{name}.npz"
        write_mpi3d(path, compressed=name == "mpi3d_real")
        return load_mpi3d(name, folder, _versions=((ARM_SIZES, SHAPES),))

    return opened


def _celeba(folder: Path) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        write_celeba(folder / "celeba", 12, patch)
        return load_celeba(folder, _images=12)


def _npz(folder: Path) -> Dataset:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 3, 10, 11)).astype(np.uint8)
    factors = rng.permutation(np.stack(np.unravel_index(np.arange(20), (4, 5)), axis=1))
    np.savez(folder / "own.npz", images=images, factors=factors, labels=factors[:, 0])
    return load_dataset(f"npz:{folder / 'own.npz'}", folder, 12)


def _folder(folder: Path) -> Dataset:
    for number in range(9):
        path = folder / "images" / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (70, 70), (number, 2 * number, 3 * number)).save(path)
    return load_dataset(f"folder:{folder / 'images'}", folder)


OPENED: dict[str, Callable[[Path], Dataset]] = {
    "smallnorb": _smallnorb,
    "cars3d": _cars3d,
    "shapes3d": _shapes3d,
    "mpi3d_toy": _mpi3d("mpi3d_toy"),
    "mpi3d_realistic": _mpi3d("mpi3d_realistic"),
    "mpi3d_real": _mpi3d("mpi3d_real"),
    "celeba": _celeba,
    "npz": _npz,
    "folder": _folder,
}
DRAWN = ("dsprites", "color_dsprites", "noisy_dsprites", "scream_dsprites")


@pytest.fixture(scope="module", params=[*DRAWN, *OPENED, "fashion-mnist"])
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Each data set in turn, the published ones from small files."""
    name = str(request.param)
    if name in DRAWN:
        return load_dataset(name, request.getfixturevalue("scream_folder"))
    if name == "fashion-mnist":
        return load_dataset(name, request.getfixturevalue("fashion_folder"))
    return OPENED[name](tmp_path_factory.mktemp(name))


def test_what_it_says_of_itself(data: Dataset) -> None:
    assert data.name
    assert "\n" not in data.source
    channels, height, width = data.observation_shape
    assert channels in (1, 3)
    assert height > 0
    assert width > 0
    assert len(data.factor_names) == len(data.factor_sizes)
    assert len(set(data.factor_names)) == len(data.factor_names)
    assert data.has_grid <= bool(data.factor_names)
    for indices in (data.train_indices, data.test_indices):
        assert indices.dtype == np.int64
        assert indices.min() >= 0
        assert indices.max() < len(data)
        assert (np.diff(indices) > 0).all()
        indices[:] = 0
    assert data.train_indices[-1] > 0
    disjoint = len(np.intersect1d(data.train_indices, data.test_indices)) == 0
    assert disjoint == data.has_split


def test_observations_are_a_pure_function_of_the_indices(data: Dataset) -> None:
    indices = np.random.default_rng(0).integers(0, len(data), 50)
    images = data.observations(indices)
    assert images.dtype == np.uint8
    assert images.shape == (50, *data.observation_shape)
    assert len(np.unique(images)) > 1
    assert (data.observations(indices[::-1].tolist())[::-1] == images).all()
    assert (np.concatenate([data.observations(int(i)) for i in indices]) == images).all()
    images[:] = 77
    assert (data.observations(indices) != 77).any()
    assert data.observations([]).shape == (0, *data.observation_shape)


def test_factors_and_index_are_inverse(data: Dataset) -> None:
    indices = np.random.default_rng(1).integers(0, len(data), 100)
    factors = data.factors(indices)
    if factors is None:
        assert data.factor_names == ()
        with pytest.raises(DataError, match="no ground-truth factors"):
            data.index([[0]])
        return
    assert factors.dtype == np.int64
    assert factors.shape == (100, len(data.factor_names))
    assert factors.min() >= 0
    assert (factors < data.factor_sizes).all()
    assert data.has_grid
    found = data.index(factors)
    assert found.dtype == np.int64
    again = data.factors(found)
    assert again is not None
    assert (again == factors).all()
    if data.name != "smallnorb":  # which has ten images for each combination
        assert np.prod(data.factor_sizes) == len(data)
        assert (found == indices).all()
    with pytest.raises(IndexError, match="it goes from 0 to"):
        data.index([data.factor_sizes])


def test_labels_index_their_names(data: Dataset) -> None:
    labels = data.labels(np.arange(min(len(data), 1000)))
    if labels is None:
        assert data.label_names == ()
        return
    assert labels.dtype == np.int64
    assert labels.min() >= 0
    assert labels.max() < len(data.label_names)
    assert len(set(data.label_names)) == len(data.label_names)


def test_only_stochastic_ones_take_a_draw(data: Dataset) -> None:
    assert data.stochastic == (data.name in DRAWN[1:])
    if is_stochastic(data):
        assert (data.observations([3], 1) != data.observations([3])).any()
        assert (data.observations([3], 0) == data.observations([3])).all()


def test_bad_indices_are_refused(data: Dataset) -> None:
    for function in (data.observations, data.factors, data.labels):
        for wrong in (-1, len(data), [0, len(data)]):
            with pytest.raises(IndexError, match="out of range"):
                function(wrong)
        with pytest.raises(TypeError, match="integers"):
            function([0.5])
        with pytest.raises(ValueError, match="one dimension"):
            function([[0]])
