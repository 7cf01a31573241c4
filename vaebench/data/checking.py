"""Says of the files of data sets whether they are there and whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vaebench.data import cars3d, celeba, mpi3d, own_folder, own_npz, shapes3d, smallnorb
from vaebench.data.base import data_folder, own_path
from vaebench.data.dsprites import official_file, read_official
from vaebench.data.dsprites_variants import SCREAM_FILE, SCREAM_FOLDERS, read_picture
from vaebench.data.mnist import COLLECTIONS, file_problem
from vaebench.data.npz_members import open_members
from vaebench.data.published import PUBLISHED, RemoteFile
from vaebench.errors import DataError, unknown

CELEBA_FOLDER = "img_align_celeba"


@dataclass(frozen=True)
class FileCheck:
    """What was found about one file.

    Attributes:
        path: Where it is, or would be.
        problem: What is wrong with it in one sentence, or None if it is whole.
    """

    path: Path
    problem: str | None


def check(name: str, data_dir: str | Path | None = None) -> list[FileCheck]:
    """Says of each file of a data set whether it is there and whole.

    Files with a published checksum are compared with it; the others are read from their beginning
    to their end. dSprites, Color- and Noisy-dSprites need no file, so their lists are empty unless
    the official file is there.

    Args:
        name: A name that `load_dataset` takes.
        data_dir: Folder of downloaded data sets, else VAEBENCH_DATA, else ./data.

    Returns:
        One entry for each file.

    Raises:
        UsageError: The name is not known.
    """
    folder = data_folder(data_dir)
    if name.startswith((own_npz.PREFIX, own_folder.PREFIX)):
        return _check_own(name)
    if name not in PUBLISHED:
        raise unknown("data set", name, PUBLISHED)
    found = []
    for remote in PUBLISHED[name]:
        checks = checks_of(name, remote, folder)
        found += [file for file in checks if file.path.exists() or not remote.optional]
    return found


def checks_of(
    name: str, remote: RemoteFile, folder: Path, *, thorough: bool = True
) -> list[FileCheck]:
    """Checks what is here of one published file, or of the files that come out of it.

    Args:
        name: Of a published data set.
        remote: One of its files.
        folder: The data folder.
        thorough: Whether to compare checksums or read the contents, beyond names and sizes.

    Returns:
        One entry for each file; at least one.
    """
    return _CHECKS[name](remote, folder, thorough)


def file_check(
    path: Path, remote: RemoteFile, thorough: bool, read: Callable[[Path], object] | None = None
) -> FileCheck:
    """Checks a file that is kept as published.

    Args:
        path: Where it is, or would be.
        remote: What it should be.
        thorough: Whether to compare its checksum, or to read it.
        read: Reads it and raises DataError, for a file without a known checksum.
    """
    if not path.is_file():
        return FileCheck(path, f"{path} is missing.")
    size = path.stat().st_size
    if remote.bytes is not None and size != remote.bytes:
        state = "truncated" if size < remote.bytes else "not the published file"
        return FileCheck(path, f"{path} is {state}: {size:,} bytes instead of {remote.bytes:,}.")
    if not thorough:
        return FileCheck(path, None)
    if read is not None:
        return _try(path, lambda: read(path))
    if remote.checksum is not None:
        kind, digits = remote.checksum.split(":")
        seen = digest(path, kind)
        if seen != digits:
            kind = {"md5": "MD5", "sha256": "SHA-256"}[kind]
            return FileCheck(
                path, f"{path} is not the published file: its {kind} is {seen}, not {digits}."
            )
    return FileCheck(path, None)


def digest(path: Path, kind: str) -> str:
    """The checksum of a file, `md5` or `sha256`."""
    with path.open("rb") as stream:
        return hashlib.file_digest(
            stream, lambda: hashlib.new(kind, usedforsecurity=False)
        ).hexdigest()


def _check_mnist(name: str) -> Callable[[RemoteFile, Path, bool], list[FileCheck]]:
    collection = COLLECTIONS[name]

    def checks(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
        (file,) = (file for file in collection.files if f"{file.name}.gz" == remote.name)
        path = collection.folder(folder) / file.name
        problem = file_problem(path, file)
        if problem is None and thorough:
            seen = digest(path, "md5")
            if seen != file.md5:
                problem = f"{path} is not the published file: its MD5 is {seen}, not {file.md5}."
        return [FileCheck(path, problem)]

    return checks


def _check_dsprites(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    if remote.name == SCREAM_FILE:
        places = [folder / place / SCREAM_FILE for place in (*SCREAM_FOLDERS, ".")]
        path = next((place for place in places if place.is_file()), places[0])
        return [file_check(path, remote, thorough, read_picture)]
    path = official_file(folder) or folder / remote.folder / remote.name
    return [file_check(path, remote, thorough, read_official)]


def _check_smallnorb(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    part, kind = remote.name.removesuffix(".mat.gz").rsplit("-", 1)
    try:
        path = smallnorb.norb_file(folder, part, kind)
    except DataError:
        path = folder / remote.folder / remote.name
    if path.suffix == ".gz":
        return [file_check(path, remote, thorough)]
    if not thorough:
        return [FileCheck(path, None)]
    return [_try(path, lambda: smallnorb.read_whole(path, kind))]


def _check_cars3d(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    paths = cars3d.car_files(folder)
    if not paths:
        path = folder / remote.folder / cars3d.PATTERN
        return [FileCheck(path, f"{path} are missing.")]
    checks = [
        _try(path, partial(cars3d.read_car, path)) if thorough else FileCheck(path, None)
        for path in paths
    ]
    if len(paths) != cars3d.OBJECTS:
        parent = paths[0].parent
        problem = f"{parent} has {len(paths)} files {cars3d.PATTERN}, not {cars3d.OBJECTS}."
        checks.insert(0, FileCheck(parent, problem))
    return checks


def _check_shapes3d(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    places = [folder / place / shapes3d.FILE for place in (*shapes3d.FOLDERS, ".")]
    path = next((place for place in places if place.is_file()), places[0])
    return [file_check(path, remote, thorough)]


def _check_mpi3d(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    places = (folder / remote.folder / remote.name, folder / remote.name)
    path = next((place for place in places if place.is_file()), places[0])
    if not thorough or not path.is_file():
        return [file_check(path, remote, thorough)]
    shape = mpi3d.header_shape(path)
    if shape is None or shape[0] != mpi3d.EARLY_IMAGES:
        return [file_check(path, remote, thorough)]
    # Of the early publication no checksum is known but the one within the npz file.
    return [_try(path, lambda: read_through(path))]


def _check_celeba(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    if remote.unpack is None:
        return [file_check(folder / remote.folder / remote.name, remote, thorough)]
    path = folder / remote.folder / CELEBA_FOLDER
    if not path.is_dir():
        return [FileCheck(path, f"{path} is missing.")]
    count = sum(1 for file in path.iterdir() if file.suffix == ".jpg")
    problem = f"{path} has {count:,} images, not {celeba.IMAGES:,}."
    return [FileCheck(path, None if count == celeba.IMAGES else problem)]


def _check_own(name: str) -> list[FileCheck]:
    """Reads a user's own images; of a folder, each that is broken is told."""
    path = own_path(name)
    if name.startswith(own_npz.PREFIX):
        return [_try(path, lambda: own_npz.read_through(path))]
    try:
        found = own_folder.broken(path)
    except DataError as error:
        return [FileCheck(path, str(error))]
    return [FileCheck(file, problem) for file, problem in found] or [FileCheck(path, None)]


def read_through(path: Path) -> None:
    """Reads all of an npz file, whose own checksums are compared thereby.

    Raises:
        DataError: It is missing or damaged.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing.")
    for member in open_members(path).values():
        if member.shape:
            for _ in member.blocks(4096):
                pass


def _try(path: Path, read: Callable[[], object]) -> FileCheck:
    """Reads something; the DataError that is raised is the problem."""
    try:
        read()
    except DataError as error:
        return FileCheck(path, str(error))
    return FileCheck(path, None)


_CHECKS: dict[str, Callable[[RemoteFile, Path, bool], list[FileCheck]]] = {
    **dict.fromkeys(
        ("dsprites", "color_dsprites", "noisy_dsprites", "scream_dsprites"), _check_dsprites
    ),
    "smallnorb": _check_smallnorb,
    "cars3d": _check_cars3d,
    "shapes3d": _check_shapes3d,
    **dict.fromkeys(mpi3d.VARIANTS, _check_mpi3d),
    **{name: _check_mnist(name) for name in COLLECTIONS},
    "celeba": _check_celeba,
}
