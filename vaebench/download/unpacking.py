"""Unpacks downloaded archives: only the files that are wanted, and only into their folder."""

from __future__ import annotations

import fnmatch
import gzip
import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from vaebench.data.base import reading
from vaebench.data.unpacked import OnProgress
from vaebench.files import replacing

CANNOT = "cannot be unpacked"


def gunzip(path: Path, target: Path) -> None:
    """Unpacks a gz file.

    Raises:
        DataError: It is truncated or damaged, or the target cannot be written.
    """
    with reading(path, CANNOT), gzip.open(path) as packed:
        _write(packed, target)


def extract_tar(path: Path, folder: Path, pattern: str, on_progress: OnProgress) -> int:
    """Unpacks the files of a tar archive whose own name matches, into one flat folder.

    The archive's folders are left out, so nothing in it can say where files go.

    Args:
        path: The archive, compressed or not.
        folder: Where the files go.
        pattern: Such as `car_*_mesh.mat`.
        on_progress: Called with the bytes of the archive that were read, and its size.

    Returns:
        The number of files.

    Raises:
        DataError: The archive is truncated or damaged, or the folder cannot be written.
    """
    count, size = 0, path.stat().st_size
    with (
        reading(path, CANNOT),
        path.open("rb") as file,
        tarfile.open(fileobj=file, mode="r|*") as archive,
    ):
        for member in archive:
            name = PurePosixPath(member.name).name
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None and fnmatch.fnmatchcase(name, pattern):
                _write(content, folder / name)
                count += 1
            on_progress(min(file.tell(), size), size)
    return count


def extract_zip(path: Path, folder: Path, pattern: str, on_progress: OnProgress) -> int:
    """Unpacks the files of a zip archive whose own name matches, into one flat, new folder.

    The folder gets its name when all files are in it.

    Args:
        path: The archive.
        folder: Where the files go; an older one is replaced.
        pattern: Such as `*.jpg`.
        on_progress: Called with the numbers of files unpacked and in all.

    Returns:
        The number of files.

    Raises:
        DataError: The archive is truncated or damaged, or the folder cannot be written.
    """
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    with reading(path, CANNOT), zipfile.ZipFile(path) as archive:
        wanted = [
            info
            for info in archive.infolist()
            if not info.is_dir() and fnmatch.fnmatchcase(PurePosixPath(info.filename).name, pattern)
        ]
        part.mkdir(parents=True)
        for place, info in enumerate(wanted):
            with archive.open(info) as content:
                _write(content, part / PurePosixPath(info.filename).name)
            if place % 100 == 0 or place + 1 == len(wanted):
                on_progress(place + 1, len(wanted))
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    return len(wanted)


def _write(content: IO[bytes] | gzip.GzipFile, target: Path) -> None:
    """Writes a file under another name, and renames it when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Archives hold up to 200,000 files: to wait for the disk at each would take hours.
    with replacing(target, sync=False) as stream:
        shutil.copyfileobj(content, stream, 1 << 20)
