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

from vaebench.data.info import FileCheck, OwnKind
from vaebench.data.stored import StoredImages
from vaebench.data.unpacked import OnProgress, find, kept_name, silent, unpacked
from vaebench.errors import DataError, UsageError, VaebenchError
from vaebench.hints import hint_data

PREFIX = "folder:"
NATIVE_SIZE = 64
_GREY = ("1", "L", "LA", "La")
_BYTES = (*_GREY, "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV")
_BLOCK = 256
_NAMED = 20
"""Broken images that one line names."""


class BrokenImageError(DataError):
    """An image file that cannot be used; the others of its folder may be whole."""


def load_folder(
    path: Path,
    data_dir: Path,
    size: int | None = None,
    *,
    skip_broken: bool = False,
    on_progress: OnProgress = silent,
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
        skip_broken: Leave out images that cannot be used, as if their files were not there: the
            others are numbered without them.
        on_progress: Called with the numbers of images read and in all.

    Returns:
        The data set.

    Raises:
        UsageError: The size is not positive.
        DataError: The folder is missing or has no images, has both images and folders of images, or
            files are damaged or no images of 8 bits; all of them are named.
    """
    width = NATIVE_SIZE if size is None else size
    if width < 1:
        raise UsageError(f"Images cannot have a size of {size} pixels. Allowed: 1 and more.")
    files, labels, names = _listed(path)
    kept = kept_name("folder", path)
    left_out = 0
    if skip_broken:
        whole = _whole(path, files, kept, data_dir, on_progress)
        left_out = len(files) - int(whole.sum())
        files = [file for file, good in zip(files, whole, strict=True) if good]
        labels = None if labels is None else labels[whole]
        _check_classes(path, labels, names)
    elif not all(file.is_file() for file in files):
        raise _broken_images(path, files)
    recipe = "\n".join(str(file.relative_to(path)) for file in files)
    shapes = [(len(files), width, width, channels) for channels in (1, 3)]
    found = (find(data_dir, f"{kept}-{width}", files, shape, recipe) for shape in shapes)
    images = next((known for known in found if known is not None), None)
    if images is None:
        try:
            channels = 1 if all(_mode(file) in _GREY for file in files) else 3
            images = unpacked(
                data_dir,
                f"{kept}-{width}",
                files,
                (len(files), width, width, channels),
                lambda: _blocks(files, width, channels),
                on_progress,
                recipe,
            )
        except BrokenImageError:
            raise _broken_images(path, files) from None
    count = f"{len(files):,} {'image' if len(files) == 1 else 'images'}"
    classes = f" in {len(names)} {'class' if len(names) == 1 else 'classes'}" if names else ""
    skipped = f" ({left_out:,} broken left out)" if left_out else ""
    digest = zlib.crc32(np.ascontiguousarray(images).data, zlib.crc32(os.fsencode(recipe)))
    return StoredImages(
        f"{PREFIX}{path}",
        f"{path}, {count}{classes}, CRC-32 {digest:08x}{skipped}",
        images,
        labels=labels,
        label_names=names,
    )


def broken(path: Path) -> list[tuple[Path, str]]:
    """Reads every image of a folder; returns those that cannot be used, with what is wrong.

    Raises:
        DataError: As `load_folder`, but for broken images.
    """
    found = ((file, _problem(file)) for file in _listed(path)[0])
    return [(file, problem) for file, problem in found if problem is not None]


def _broken_images(path: Path, files: Sequence[Path]) -> DataError:
    """Builds the error that names all images that cannot be used."""
    problems = [problem for problem in map(_problem, files) if problem is not None]
    advice = "Mend or remove what is broken, or leave it out with --skip-broken."
    if len(problems) < 2:
        return DataError(" ".join([*problems, advice]))
    more = len(problems) - _NAMED
    rest = [f"And {more:,} more: {hint_data('check', f'{PREFIX}{path}')}"] if more > 0 else []
    start = f"{len(problems):,} of {len(files):,} images of {path} cannot be used."
    return DataError(" ".join([start, *problems[:_NAMED], *rest, advice]))


def _whole(
    path: Path, files: Sequence[Path], kept: str, data_dir: Path, on_progress: OnProgress
) -> NDArray[np.bool_]:
    """Says of each file whether its image can be used; what was found is kept, as images are."""
    there = [file for file in files if file.is_file()]
    recipe = "\n".join(str(file.relative_to(path)) for file in there)

    def checked() -> Iterator[NDArray[np.uint8]]:
        for file in there:
            yield np.full((1, 1, 1, 1), _problem(file) is None, np.uint8)

    shape = (len(there), 1, 1, 1)
    good = unpacked(data_dir, f"{kept}-whole", there, shape, checked, on_progress, recipe)
    usable = {file for file, whole in zip(there, good.ravel(), strict=True) if whole}
    if not usable:
        raise DataError(f"{path} has no image that can be used; it has {len(files):,} files.")
    return np.array([file in usable for file in files])


def _problem(file: Path) -> str | None:
    """Says what is wrong with an image file, read whole; None where nothing is."""
    try:
        _mode(file)
        _scaled(file, 1, 3)
    except BrokenImageError as error:
        return str(error)
    return None


def _listed(path: Path) -> tuple[list[Path], NDArray[np.int64] | None, list[str]]:
    """The image files in order, their labels, and the names of these.

    What has the name of an image but is no file, such as a link that leads nowhere, is among them.
    """
    if path.is_file():
        raise DataError(f"{path} is a file; {PREFIX}{path} is to be a folder of images.")
    if not path.is_dir():
        raise DataError(f"{path} is missing; {PREFIX}{path} is to be a folder of images.")
    listing: Any = import_module("torchvision.datasets.folder")
    endings: tuple[str, ...] = listing.IMG_EXTENSIONS
    try:
        entries = sorted(path.iterdir())
        folders = [f.name for f in entries if f.is_dir() and not f.name.startswith(".")]
        flat = [f for f in entries if f.suffix.lower() in endings and not f.is_dir()]
        within = [(number, _below(path / name, endings)) for number, name in enumerate(folders)]
    except OSError as error:
        raise DataError(f"{error.filename or path} cannot be read: {error.strerror}.") from error
    if flat and folders:
        raise DataError(
            f"{path} has both images ({flat[0].name}, …) and folders ({folders[0]}, …). Leave "
            "either images alone, or one folder for each class."
        )
    if flat:
        return flat, None, []
    labels = np.array([number for number, found in within for _ in found], np.int64)
    names = [_readable(name) for name in folders]
    _check_classes(path, labels, names)
    return [file for _, found in within for file in found], labels, names


def _check_classes(path: Path, labels: NDArray[np.int64] | None, names: Sequence[str]) -> None:
    """Refuses a folder without images, or with a class without any."""
    if labels is None:
        return
    there = set(labels.tolist())
    empty = [name for number, name in enumerate(names) if number not in there]
    if empty or not names:
        endings = import_module("torchvision.datasets.folder").IMG_EXTENSIONS
        where = f" in its class folders {', '.join(empty)}" if len(empty) > 1 else ""
        where = f" in its class folder {empty[0]}" if len(empty) == 1 else where
        raise DataError(f"{path} has no images{where}. Endings taken: {' '.join(endings)}.")


def _below(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """The image files in a class folder and the folders in it, in torchvision's order.

    Raises:
        DataError: A link leads back to a folder that it lies in.
        OSError: A folder cannot be read.
    """

    def stop(error: OSError) -> None:
        raise error

    walked = []
    for root, folders, names in os.walk(folder, followlinks=True, onerror=stop):
        for link in (Path(root, name) for name in folders):
            if link.is_symlink() and Path(root).resolve().is_relative_to(link.resolve()):
                raise DataError(f"{link} is a link to a folder that it lies in. Remove it.")
        walked.append((root, names))
    return [
        Path(root, name)
        for root, names in sorted(walked)
        for name in sorted(names)
        if name.lower().endswith(endings)
    ]


def _readable(name: str) -> str:
    """A file name that can be printed, whatever its bytes."""
    return os.fsencode(name).decode(errors="replace")


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Opens an image file, without Pillow's warnings; its errors become one that names it."""
    from PIL import Image

    if not file.is_file():
        what = "is a link that leads nowhere" if file.is_symlink() else "is no regular file"
        raise BrokenImageError(f"{file} {what}.")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
            yield image
    except Image.DecompressionBombError as error:
        size = str(error).partition(",")[0]
        raise BrokenImageError(f"{file} is too large to be read: {size}. Scale it down.") from error
    except VaebenchError:
        raise
    except Exception as error:  # of a damaged file Pillow's readers raise nearly any
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise BrokenImageError(f"{file} cannot be read as an image: {reason}.") from error


def _mode(file: Path) -> str:
    """How the pixels of an image file are stored, by its header."""
    with _opened(file) as image:
        mode = str(image.mode)
    if mode not in _BYTES:
        raise BrokenImageError(
            f"{file} has pixels of the kind {mode}. Convert it to 8 bits a channel."
        )
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


def _check(path: Path) -> list[FileCheck]:
    """Reads all images; each that is broken is told."""
    try:
        found = broken(path)
    except DataError as error:
        return [FileCheck(path, str(error))]
    return [FileCheck(file, problem) for file, problem in found] or [FileCheck(path, None)]


FOLDER = OwnKind(
    name="folder",
    what="your own images, in a folder of image files",
    load=load_folder,
    check=_check,
    skips=True,
)
