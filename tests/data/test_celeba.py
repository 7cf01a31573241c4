"""CelebA through torchvision: crop, split, attributes, and bad files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.conftest import known
from tests.data.published_formats import cut, write_celeba
from vaebench.data import celeba, load_dataset
from vaebench.data.celeba import load_celeba
from vaebench.errors import DataError, UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a CelebA of 12 faces."""
    write_celeba(tmp_path / "celeba", 12, monkeypatch)
    return tmp_path


def test_faces_split_and_attributes(folder: Path) -> None:
    data = load_celeba(folder, _images=12)
    assert len(data) == 12
    assert data.observation_shape == (3, 64, 64)
    levels = data.observations(np.arange(12)).mean((1, 2, 3))
    assert np.abs(levels - 10 * np.arange(12)).max() < 2
    assert data.has_split
    assert data.train_indices.tolist() == list(range(8))
    assert data.test_indices.tolist() == [10, 11]
    attributes = data.attributes(np.arange(12))
    assert attributes.shape == (12, 40)
    assert (attributes == (np.add.outer(np.arange(12), np.arange(40)) % 3 == 0)).all()
    assert data.attribute_names[31] == "Smiling"
    assert (known(data.labels(np.arange(12))) == attributes[:, 31]).all()
    assert data.label_names == ("not smiling", "smiling")
    assert data.factors([0]) is None


def test_the_middle_is_cut_out_and_scaled(folder: Path) -> None:
    pixels = np.full((218, 178, 3), 255, np.uint8)
    pixels[35:183, 15:163] = 0
    Image.fromarray(pixels).save(folder / "celeba" / "img_align_celeba" / "000002.jpg", quality=100)
    data = load_celeba(folder, 32, _images=12)
    assert data.observation_shape == (3, 32, 32)
    image = data.observations([1])[0]
    assert image[:, 2:-2, 2:-2].max() < 3
    assert image.max() < 40


def test_missing_and_wrong_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt is missing.*data download celeba"):
        load_dataset("celeba", tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"it has 12 images with attributes, not 202,599"):
        load_dataset("celeba", folder)
    with pytest.raises(UsageError, match=r"cannot have 200 pixels\. Allowed: 1 to 148"):
        load_dataset("celeba", folder, size=200)
    lists = folder / "celeba" / "list_eval_partition.txt"
    whole = lists.read_text()
    lists.write_text(whole.replace(" 2", " 5"))
    with pytest.raises(DataError, match="puts 12 images into the parts 0, 1, 5, not 12 into"):
        load_celeba(folder, _images=12)
    lists.write_text(whole.replace(" 2", " 1"))
    with pytest.raises(DataError, match=r"not whole.*data check celeba"):
        load_celeba(folder, _images=12)
    cut(lists, 0.5)
    with pytest.raises(DataError, match=str(lists)):
        load_celeba(folder, 32, _images=12)


def test_a_damaged_face_is_named(folder: Path) -> None:
    path = folder / "celeba" / "img_align_celeba" / "000005.jpg"
    cut(path, 0.3)
    with pytest.raises(DataError, match=f"{path} cannot be read as an image"):
        load_celeba(folder, _images=12)
    path.unlink()
    with pytest.raises(DataError, match=f"{path} cannot be read as an image"):
        load_celeba(folder, _images=12)
    assert celeba.IMAGES == 162_770 + 19_867 + 19_962
