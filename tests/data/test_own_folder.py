"""A user's own image folder: classes, order, scaling, channels, and files that are no images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.conftest import known
from tests.data.published_formats import cut
from vaebench.data import Dataset, load_dataset
from vaebench.errors import DataError, UsageError


def save(path: Path, level: int | tuple[int, int, int], size: tuple[int, int] = (80, 60)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L" if isinstance(level, int) else "RGB", size, level).save(path)
    return path


def opened(folder: Path, size: int | None = None) -> Dataset:
    return load_dataset(f"folder:{folder / 'images'}", folder / "data", size)


def test_flat_folder_in_the_order_of_names(tmp_path: Path) -> None:
    for level, name in ((30, "c.png"), (10, "a.PNG"), (20, "b.jpg")):
        save(tmp_path / "images" / name, level)
    (tmp_path / "images" / "notes.txt").write_text("not an image")
    data = opened(tmp_path)
    assert len(data) == 3
    assert data.observation_shape == (1, 64, 64)
    images = data.observations([0, 1, 2])
    assert images.mean((1, 2, 3)).tolist() == [10, 20, 30]
    assert data.labels([0]) is None
    assert data.label_names == ()
    assert not data.has_grid


def test_folders_are_classes(tmp_path: Path) -> None:
    for name, colour in (("dog/1", (9, 0, 0)), ("cat/2", (0, 9, 0)), ("cat/1", (0, 0, 9))):
        save(tmp_path / "images" / f"{name}.png", colour)
    data = opened(tmp_path, 32)
    assert data.observation_shape == (3, 32, 32)
    assert data.label_names == ("cat", "dog")
    assert known(data.labels([0, 1, 2])).tolist() == [0, 0, 1]
    assert data.observations([0, 1, 2])[:, :, 0, 0].tolist() == [[0, 0, 9], [0, 9, 0], [9, 0, 0]]
    assert "3 images in 2 classes" in data.source


def test_the_square_in_the_middle_is_scaled(tmp_path: Path) -> None:
    pixels = np.full((60, 100), 255, np.uint8)
    pixels[:, 20:80] = 0
    pixels[30:, 20:80] = 200
    (tmp_path / "images").mkdir()
    Image.fromarray(pixels).save(tmp_path / "images" / "wide.png")
    image = opened(tmp_path).observations([0])[0, 0]
    assert (image[:31] == 0).all()
    assert (image[33:] == 200).all()


def test_images_are_unpacked_anew_when_files_change(tmp_path: Path) -> None:
    path = save(tmp_path / "images" / "a.png", 10)
    assert opened(tmp_path).observations([0]).mean() == 10
    times = path.stat()
    save(path, 20)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1_000_000))
    assert opened(tmp_path).observations([0]).mean() == 20
    save(tmp_path / "images" / "b.png", 30)
    assert opened(tmp_path).observations([0, 1]).mean((1, 2, 3)).tolist() == [20, 30]
    (tmp_path / "images" / "a.png").rename(tmp_path / "images" / "c.png")
    assert opened(tmp_path).observations([0, 1]).mean((1, 2, 3)).tolist() == [30, 20]
    assert len(list((tmp_path / "data" / "unpacked").glob("*.npy"))) == 1
    assert opened(tmp_path, 32).observation_shape == (1, 32, 32)
    assert len(list((tmp_path / "data" / "unpacked").glob("*.npy"))) == 2


def test_wrong_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{tmp_path / 'images'} is missing"):
        opened(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=rf"{tmp_path / 'images'} has no images"):
        opened(tmp_path)
    (tmp_path / "images" / "cat").mkdir()
    with pytest.raises(DataError, match=rf"{tmp_path / 'images'} has no images.*cat"):
        opened(tmp_path)
    save(tmp_path / "images" / "a.png", 1)
    with pytest.raises(DataError, match=r"both images \(a.png, …\) and folders \(cat, …\)"):
        opened(tmp_path)
    with pytest.raises(UsageError, match="size of 0 pixels"):
        opened(tmp_path, 0)


def test_wrong_files_are_named(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.png", 1)
    path = save(tmp_path / "images" / "b.png", 1)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=rf"{path} cannot be read as an image"):
        opened(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (80, 80)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    cut(path, 0.5)
    with pytest.raises(DataError, match=rf"{path} cannot be read as an image"):
        opened(tmp_path)
    Image.fromarray(noise.astype(np.uint16) * 256).save(path)
    with pytest.raises(DataError, match=rf"{path} has pixels of the kind I;16.* 8 bits"):
        opened(tmp_path)
