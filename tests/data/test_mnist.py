"""Fashion-MNIST's known properties, padding, and what is said of missing and damaged files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from vaebench.data import Dataset, data_folder, dataset_names, load_dataset
from vaebench.data.mnist import COLLECTIONS
from vaebench.errors import DataError, UsageError


@pytest.fixture(scope="module")
def fashion(fashion_folder: Path) -> Dataset:
    """Fashion-MNIST at 28 pixels."""
    return load_dataset("fashion-mnist", fashion_folder)


def test_known_properties(fashion: Dataset) -> None:
    assert len(fashion) == 70_000
    assert fashion.observation_shape == (1, 28, 28)
    assert fashion.has_split
    train, test = fashion.train_indices, fashion.test_indices
    assert (len(train), len(test)) == (60_000, 10_000)
    assert len(np.union1d(train, test)) == 70_000
    labels, test_labels = fashion.labels(train), fashion.labels(test)
    assert labels is not None
    assert test_labels is not None
    assert np.bincount(labels).tolist() == [6_000] * 10
    assert np.bincount(test_labels).tolist() == [1_000] * 10
    assert fashion.label_names[labels[0]] == "Ankle boot"
    pixels = fashion.observations(train) / 255
    assert pixels.mean() == pytest.approx(0.2860, abs=1e-4)
    assert pixels.std() == pytest.approx(0.3530, abs=1e-4)


def test_no_factors(fashion: Dataset) -> None:
    assert fashion.factor_names == ()
    assert fashion.factor_sizes == ()
    assert fashion.factors([0, 1]) is None
    with pytest.raises(DataError, match="no ground-truth factors"):
        fashion.index([[0]])
    with pytest.raises(IndexError, match="70000"):
        fashion.observations([70_000])


def test_padding_leaves_the_content(fashion: Dataset, fashion_folder: Path) -> None:
    padded = load_dataset("fashion-mnist", fashion_folder, size=32)
    indices = [0, 69_999, 5]
    wide = padded.observations(indices)
    assert padded.observation_shape == (1, 32, 32)
    assert wide.shape == (3, 1, 32, 32)
    assert wide.dtype == np.uint8
    assert (wide[:, :, 2:30, 2:30] == fashion.observations(indices)).all()
    assert wide.sum() == fashion.observations(indices).sum()


def test_observations_are_copies(fashion: Dataset) -> None:
    fashion.observations([0])[:] = 7
    labels = fashion.labels([0])
    assert labels is not None
    labels[:] = 3
    again = fashion.labels([0])
    assert again is not None
    assert again[0] == 9
    assert fashion.observations([0]).min() == 0


@pytest.mark.parametrize("name", sorted(COLLECTIONS))
def test_missing_files_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError) as e:
        load_dataset(name, tmp_path)
    message = str(e.value)
    assert "is missing" in message
    assert f"vaebench data download {name} --data-dir {tmp_path}" in message
    assert "VAEBENCH_DATA" in message
    assert "\n" not in message


def _copy(fashion_folder: Path, folder: Path) -> Path:
    """Links to the files of Fashion-MNIST, which a test can replace one by one."""
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (fashion_folder / "FashionMNIST" / "raw").iterdir():
        (raw / path.name).symlink_to(path)
    return raw


def test_truncated_file_is_named(fashion_folder: Path, tmp_path: Path) -> None:
    path = _copy(fashion_folder, tmp_path) / "t10k-images-idx3-ubyte"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:1000])
    with pytest.raises(DataError, match="truncated: 1,000 bytes instead of 7,840,016") as e:
        load_dataset("fashion-mnist", tmp_path)
    assert str(path) in str(e.value)


def test_file_of_another_kind_is_named(fashion_folder: Path, tmp_path: Path) -> None:
    path = _copy(fashion_folder, tmp_path) / "train-labels-idx1-ubyte"
    path.unlink()
    path.write_bytes(bytes(60_008))
    with pytest.raises(DataError, match=r"header is \(0, 0\), not \(2049, 60000\)"):
        load_dataset("fashion-mnist", tmp_path)


def test_other_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"64 pixels\. Allowed: 28 or 32"):
        load_dataset("fashion-mnist", tmp_path, size=64)


def test_unknown_name_is_answered_with_a_suggestion(tmp_path: Path) -> None:
    names = "dsprites color_dsprites noisy_dsprites scream_dsprites smallnorb cars3d shapes3d "
    names += "mpi3d_toy mpi3d_realistic mpi3d_real mnist fashion-mnist celeba"
    assert " ".join(dataset_names()) == names
    with pytest.raises(UsageError, match="Did you mean 'fashion-mnist'"):
        load_dataset("fashionmnist", tmp_path)
    with pytest.raises(UsageError, match=r"celeba, npz:PATH, folder:PATH\."):
        load_dataset("imagenet", tmp_path)


def test_data_folder_is_argument_then_environment_then_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAEBENCH_DATA", "/from/environment")
    assert data_folder(tmp_path) == tmp_path
    assert data_folder() == Path("/from/environment")
    monkeypatch.delenv("VAEBENCH_DATA")
    assert data_folder() == Path("data")


def test_a_label_that_is_none_of_the_ten_is_refused(tmp_path: Path) -> None:
    collection = COLLECTIONS["mnist"]
    folder = collection.folder(tmp_path)
    folder.mkdir(parents=True)
    for file in collection.files:
        with (folder / file.name).open("wb") as stream:
            stream.write(struct.pack(f">{len(file.header)}i", *file.header))
            stream.truncate(file.bytes)
    assert load_dataset("mnist", tmp_path).labels([69_999]) == 0
    with (folder / "t10k-labels-idx1-ubyte").open("r+b") as stream:
        stream.seek(8 + 77)
        stream.write(b"\x4d")
    with pytest.raises(DataError, match="image 60,077 has the label 77, and there are 10"):
        load_dataset("mnist", tmp_path)
