"""A user's own image folder: classes, order, scaling, channels, and files that are no images."""

from __future__ import annotations

import os
import re
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
    Image.new("L", (8, 8)).save(tmp_path / "images" / "a.gif")
    with pytest.raises(DataError, match=rf"{tmp_path / 'images'} has no images\. .* \.jpg .*\.png"):
        opened(tmp_path)
    (tmp_path / "images" / "cat").mkdir()
    save(tmp_path / "images" / "dog" / "a.png", 1)
    with pytest.raises(DataError, match=r"no images in its class folder cat\. Endings.* \.png"):
        opened(tmp_path)
    (tmp_path / "images" / "dog" / "a.png").unlink()
    with pytest.raises(DataError, match=r"no images in its class folders cat, dog\. "):
        opened(tmp_path)
    save(tmp_path / "images" / "a.png", 1)
    with pytest.raises(DataError, match=r"both images \(a.png, …\) and folders \(cat, …\)"):
        opened(tmp_path)
    with pytest.raises(UsageError, match="size of 0 pixels"):
        opened(tmp_path, 0)
    with pytest.raises(DataError, match=r"a\.gif is a file; .* a folder of images"):
        load_dataset(f"folder:{tmp_path / 'images' / 'a.gif'}", tmp_path)
    with pytest.raises(UsageError, match="folder: names no path"):
        load_dataset("folder:", tmp_path)


def test_the_source_tells_when_the_files_change(tmp_path: Path) -> None:
    path = save(tmp_path / "images" / "cat" / "a.png", 10)
    times = path.stat()
    one = opened(tmp_path).source
    assert re.search(r"images, 1 image in 1 class, CRC-32 [0-9a-f]{8}$", one)
    os.utime(path)  # a new date alone is no change
    assert opened(tmp_path).source == one
    (tmp_path / "images").rename(tmp_path / "moved")
    moved = load_dataset(f"folder:{tmp_path / 'moved'}", tmp_path / "other").source
    assert moved.rpartition(" ")[2] == one.rpartition(" ")[2]
    (tmp_path / "moved").rename(tmp_path / "images")
    save(path, 20)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1_000_000))
    assert opened(tmp_path).source != one


def test_names_need_not_be_utf8(tmp_path: Path) -> None:
    for name in (b"caf\xe9/1.png", b"caf\xe9/\xff.png"):
        try:
            save(tmp_path / "images" / os.fsdecode(name), 10)
        except OSError:
            pytest.skip("the file system takes UTF-8 names alone")
    data = opened(tmp_path)
    assert (len(data), data.label_names) == (2, ("caf\N{REPLACEMENT CHARACTER}",))
    place = os.fsdecode(os.fsencode(tmp_path) + b"/images/caf\xe9")
    assert len(load_dataset(f"folder:{place}", tmp_path)) == 2


def test_hidden_folders_are_no_classes(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        save(tmp_path / "images" / name / "a.png", 10)
    (tmp_path / "images" / ".ipynb_checkpoints").mkdir()
    assert opened(tmp_path).label_names == ("cat", "dog")


@pytest.mark.filterwarnings("error")
def test_large_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    path = save(tmp_path / "images" / "a.png", 10)
    assert opened(tmp_path).observations([0]).mean() == 10  # Pillow warns from 3000 pixels on
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    message = rf"{path} is too large to be read: .*4800 pixels.* limit of 4000 pixels.* Scale it"
    with pytest.raises(DataError, match=message):
        opened(tmp_path, 32)


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
