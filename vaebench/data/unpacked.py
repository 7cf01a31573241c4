"""Images unpacked once into a file that every process maps, so that memory holds them once.

The published files of shapes3d, smallnorb, cars3d and celeba are compressed, or hold images of
another size. Reading them takes seconds to minutes and up to 13 GB; so the first process that needs
them writes the images that it wants, uncompressed, as one npy file into the folder `unpacked` of
the data folder (or, where that is not writable, into the user's cache folder). From then on each
process maps that file read-only, which takes no time, and all of them share the memory.

The name of the file holds a hash of the sizes and dates of the published files, so a changed file
is unpacked again, and the old images are deleted. The file gets its name when it is whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from vaebench.errors import DataError
from vaebench.files import replacing

OnProgress = Callable[[int, int], None]
Blocks = Callable[[], Iterable[NDArray[np.uint8]]]
FOLDER = "unpacked"
_LONGEST_STEM = 150
"""Bytes of a user's own file name in ours, which gets some 60 more and may have 255."""


def silent(done: int, total: int) -> None:
    """Tells nobody of progress."""


def unpacked(
    data_dir: Path,
    name: str,
    sources: Sequence[Path],
    shape: tuple[int, ...],
    blocks: Blocks,
    on_progress: OnProgress = silent,
    recipe: str = "1",
) -> NDArray[np.uint8]:
    """Maps the images of a data set, after writing them out if no process has done so.

    Args:
        data_dir: Folder of downloaded data sets.
        name: Of the data set; part of the file's name.
        sources: The published files.
        shape: Of all images, [N, H, W, C].
        blocks: Reads the images in order, in blocks [n, H, W, C].
        on_progress: Called with the number of images written and N.
        recipe: Changes with what is done to the images.

    Returns:
        The images, uint8 [N, H, W, C], mapped read-only.

    Raises:
        DataError: A published file is wrong, or no folder can take the images.
    """
    images = find(data_dir, name, sources, shape, recipe)
    if images is not None:
        return images
    file = f"{name}-{_fingerprint(sources, shape, recipe)}.npy"
    folder = _room(_folders(data_dir), name, int(np.prod(shape, dtype=np.float64)))
    with _locked(folder / f".{name}.lock") as alone:
        images = _mapped(folder / file, shape)  # written by another process meanwhile
        if images is not None:
            return images
        if alone:
            _delete(folder.glob(f".{escape(name)}-*.part"))
        _write(folder / file, name, shape, blocks(), on_progress)
        others = folder.glob(f"{escape(name)}-{'[0-9a-f]' * 16}.npy")
        _delete(path for path in others if path.name != file)
    images = _mapped(folder / file, shape)
    if images is None:
        raise DataError(f"{folder / file} vanished or changed while it was opened. Run it again.")
    return images


def find(
    data_dir: Path, name: str, sources: Sequence[Path], shape: tuple[int, ...], recipe: str = "1"
) -> NDArray[np.uint8] | None:
    """Maps the images of a data set if they were written out; see `unpacked`."""
    file = f"{name}-{_fingerprint(sources, shape, recipe)}.npy"
    found = (_mapped(folder / file, shape) for folder in _folders(data_dir))
    return next((images for images in found if images is not None), None)


def kept_name(kind: str, path: Path) -> str:
    """What the unpacked images of a user's own file or folder are called, by its place."""
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]
    name = os.fsdecode(os.fsencode(path.stem if kind == "npz" else path.name)[:_LONGEST_STEM])
    return f"{kind}-{name}-{place}"


def _fingerprint(sources: Sequence[Path], shape: tuple[int, ...], recipe: str) -> str:
    """A hash of what the unpacked images depend on, 16 hexadecimal digits."""
    parts = [recipe, repr(shape)]
    for path in sources:
        found = path.stat()
        parts.append(f"{path.name} {found.st_size} {found.st_mtime_ns}")
    content = "\n".join(parts).encode(errors="surrogateescape")  # names need not be UTF-8
    return hashlib.sha256(content).hexdigest()[:16]


def _folders(data_dir: Path) -> tuple[Path, Path]:
    """Where unpacked images may lie: in the data folder, or in the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return data_dir / FOLDER, cache / "vaebench" / FOLDER


def _room(folders: Sequence[Path], name: str, size: int) -> Path:
    """The first folder that can be written to and has room for the images."""
    reasons = []
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f".{name}.lock").touch()
        except OSError as error:
            reasons.append(f"{folder} is not writable ({error.strerror})")
            continue
        free = shutil.disk_usage(folder).free
        if free > 1.01 * size:
            return folder
        reasons.append(f"{folder} has {free / 1e9:.1f} GB free")
    raise DataError(
        f"The unpacked images of {name} need {size / 1e9:.1f} GB on disk, but "
        f"{', and '.join(reasons)}. Make room, or choose another --data-dir."
    )


def _mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Maps an npy file of that shape, or None where there is no such file."""
    try:
        images = np.load(path, mmap_mode="r")
    except Exception:  # of a damaged header NumPy raises nearly any: it is written anew
        return None
    return np.asarray(images) if images.shape == shape and images.dtype == np.uint8 else None


def _write(
    path: Path,
    name: str,
    shape: tuple[int, ...],
    blocks: Iterable[NDArray[np.uint8]],
    on_progress: OnProgress,
) -> None:
    """Writes the npy file under another name, and renames it when it is whole and on disk."""
    try:
        with replacing(path) as stream:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
            done = 0
            on_progress(0, shape[0])
            for block in blocks:
                if block.shape[1:] != shape[1:] or done + len(block) > shape[0]:
                    raise AssertionError(f"{block.shape} after {done} images of {shape}")
                stream.write(np.ascontiguousarray(block).data)
                done += len(block)
                on_progress(done, shape[0])
            if done != shape[0]:
                raise AssertionError(f"{done} images instead of {shape[0]}")
    except OSError as error:
        raise DataError(
            f"The unpacked images of {name} could not be written to {path.parent}: "
            f"{error.strerror or error}. Make room, or choose another --data-dir."
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Waits until no other process unpacks the same data set; yields whether that is certain.

    The lock ends with the process, however it ends. Where the system has no such locks, two
    processes may both write, each a file of its own, which is only wasteful.
    """
    with path.open("w") as stream:
        yield _lock(stream)


def _lock(stream: IO[str]) -> bool:
    try:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX)
    except (ImportError, OSError):
        return False
    return True


def _delete(paths: Iterable[Path]) -> None:
    """Deletes files; processes that have them mapped keep them until they end."""
    for path in paths:
        with suppress(OSError):
            path.unlink()
