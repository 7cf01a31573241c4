"""`folder:PATH`: a user's own image files, flat in a folder or in one folder for each class."""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaebench.data.stored import StoredImages
from vaebench.data.unpacked import OnProgress, find, kept_name, silent, unpacked
from vaebench.errors import DataError, UsageError

PREFIX = "folder:"
NATIVE_SIZE = 64
_GREY = ("1", "L", "LA", "La")
_BYTES = (*_GREY, "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV")
_BLOCK = 256


def load_folder(
    path: Path, data_dir: Path, size: int | None = None, *, on_progress: OnProgress = silent
) -> StoredImages:
    """Opens a folder of image files (PNG, JPEG, and what else torchvision takes).

    If it has folders within it, each of them is a class, as for `torchvision.datasets.ImageFolder`:
    its images get its name as their label. If not, the images have no labels. Images stand in the
    order of their (class and) names.

    Each image is cut to the square in its middle, and that is scaled to `size` (bilinear, with
    anti-aliasing). If all images are grey, they have one channel, else three.
    That is done once; the result is mapped and shared by all processes. It lies in the data folder
    and is made again when a file comes, goes or changes.

    Args:
        path: The folder.
        data_dir: Folder of downloaded data sets.
        size: Height and width of the observations; None is 64.
        on_progress: Called with the numbers of images read and in all.

    Returns:
        The data set.

    Raises:
        UsageError: The size is not positive.
        DataError: The folder is missing or has no images, has both images and folders of images, or
            a file is damaged or no image of 8 bits.
    """
    width = NATIVE_SIZE if size is None else size
    if width < 1:
        raise UsageError(f"Images cannot have a size of {size} pixels. Allowed: 1 and more.")
    files, labels, names = _listed(path)
    kept = f"{kept_name('folder', path)}-{width}"
    recipe = "\n".join(str(file.relative_to(path)) for file in files)
    shapes = [(len(files), width, width, channels) for channels in (1, 3)]
    found = (find(data_dir, kept, files, shape, recipe) for shape in shapes)
    images = next((known for known in found if known is not None), None)
    if images is None:
        channels = 1 if all(_mode(file) in _GREY for file in files) else 3
        images = unpacked(
            data_dir,
            kept,
            files,
            (len(files), width, width, channels),
            lambda: _blocks(files, width, channels),
            on_progress,
            recipe,
        )
    count = f"{len(files):,} {'image' if len(files) == 1 else 'images'}"
    classes = f" in {len(names)} {'class' if len(names) == 1 else 'classes'}" if names else ""
    digest = zlib.crc32(np.ascontiguousarray(images).data, zlib.crc32(os.fsencode(recipe)))
    return StoredImages(
        f"{PREFIX}{path}",
        f"{path}, {count}{classes}, CRC-32 {digest:08x}",
        images,
        labels=labels,
        label_names=names,
    )


def read_through(path: Path) -> None:
    """Reads every image of a folder.

    Raises:
        DataError: As `load_folder`.
    """
    files = _listed(path)[0]
    for file in files:
        _mode(file)
    for _ in _blocks(files, NATIVE_SIZE, 3):
        pass


def _listed(path: Path) -> tuple[list[Path], NDArray[np.int64] | None, list[str]]:
    """The image files in order, their labels, and the names of these."""
    if path.is_file():
        raise DataError(f"{path} is a file; {PREFIX}{path} is to be a folder of images.")
    if not path.is_dir():
        raise DataError(f"{path} is missing; {PREFIX}{path} is to be a folder of images.")
    listing: Any = import_module("torchvision.datasets.folder")
    endings = listing.IMG_EXTENSIONS
    flat = sorted(f for f in path.iterdir() if f.is_file() and f.suffix.lower() in endings)
    folders = sorted(f.name for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
    if flat and folders:
        raise DataError(
            f"{path} has both images ({flat[0].name}, …) and folders ({folders[0]}, …). Leave "
            "either images alone, or one folder for each class."
        )
    if flat:
        return flat, None, []
    numbers = {name: number for number, name in enumerate(folders)}
    found = listing.make_dataset(str(path), numbers, endings, allow_empty=True) if folders else []
    labels = np.array([label for _, label in found], np.int64)
    empty = sorted(numbers.keys() - {folders[label] for label in labels})
    if empty or not folders:
        where = f" in its class folders {', '.join(empty)}" if len(empty) > 1 else ""
        where = f" in its class folder {empty[0]}" if len(empty) == 1 else where
        raise DataError(f"{path} has no images{where}. Endings taken: {' '.join(endings)}.")
    return [Path(file) for file, _ in found], labels, [_readable(name) for name in folders]


def _readable(name: str) -> str:
    """A file name that can be printed, whatever its bytes."""
    return os.fsencode(name).decode(errors="replace")


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Opens an image file, without Pillow's warnings; its errors become one that names it."""
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
            yield image
    except Image.DecompressionBombError as error:
        size = str(error).partition(",")[0]
        raise DataError(f"{file} is too large to be read: {size}. Scale it down.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{file} cannot be read as an image: {error}.") from error


def _mode(file: Path) -> str:
    """How the pixels of an image file are stored, by its header."""
    with _opened(file) as image:
        mode = str(image.mode)
    if mode not in _BYTES:
        raise DataError(f"{file} has pixels of the kind {mode}. Convert it to 8 bits a channel.")
    return mode


def _blocks(files: Sequence[Path], width: int, channels: int) -> Iterator[NDArray[np.uint8]]:
    """Reads and scales the images, in blocks [n, width, width, channels]."""
    for start in range(0, len(files), _BLOCK):
        block = [_scaled(file, width, channels) for file in files[start : start + _BLOCK]]
        yield np.stack(block).reshape(-1, width, width, channels)


def _scaled(file: Path, width: int, channels: int) -> NDArray[np.uint8]:
    """Reads one image: the square in its middle, scaled."""
    from PIL import Image

    with _opened(file) as opened:
        image = opened.convert("L" if channels == 1 else "RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
    return np.asarray(square.resize((width, width), Image.Resampling.BILINEAR))
