"""Downloads MNIST and Fashion-MNIST through torchvision, and checks downloaded files."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from vaebench.data.base import data_folder
from vaebench.data.dsprites import OFFICIAL_FILE, read_official
from vaebench.data.mnist import COLLECTIONS, Collection, file_problem
from vaebench.errors import DataError, UsageError, unknown

CHECKABLE = ("dsprites", *sorted(COLLECTIONS))


@dataclass(frozen=True)
class FileCheck:
    """What was found about one file.

    Attributes:
        path: Where it is, or would be.
        problem: What is wrong with it in one sentence, or None if it is whole.
    """

    path: Path
    problem: str | None


@dataclass(frozen=True)
class DownloadEvent:
    """A step of a download.

    Attributes:
        dataset: Name of the data set.
        stage: `present` (all files were whole, nothing to do), `removed` (a damaged file was
            deleted, to be replaced), `started`, or `done`.
        path: The file removed, else the folder of the files.
    """

    dataset: str
    stage: Literal["present", "removed", "started", "done"]
    path: Path


def check(name: str, data_dir: str | Path | None = None) -> list[FileCheck]:
    """Says of each file of a data set whether it is there and whole.

    MNIST and Fashion-MNIST are checked by size, header and MD5 checksum. dSprites needs no file,
    so its list is empty unless the official file is there; then all of that is read.

    Args:
        name: `dsprites`, `fashion-mnist` or `mnist`.
        data_dir: Folder of downloaded data sets, else VAEBENCH_DATA, else ./data.

    Returns:
        One entry for each file.

    Raises:
        UsageError: The name is not known.
    """
    folder = data_folder(data_dir)
    if name == "dsprites":
        places = (folder / OFFICIAL_FILE, folder / "dsprites" / OFFICIAL_FILE)
        return [_check_official(path) for path in places if path.is_file()]
    if name not in COLLECTIONS:
        raise unknown("data set", name, CHECKABLE)
    return _check_collection(COLLECTIONS[name], folder)


def download(
    name: str,
    data_dir: str | Path | None = None,
    on_event: Callable[[DownloadEvent], None] = lambda event: None,
) -> list[FileCheck]:
    """Downloads what is missing of MNIST or Fashion-MNIST, and replaces damaged files.

    Args:
        name: `fashion-mnist` or `mnist`.
        data_dir: Folder of downloaded data sets, else VAEBENCH_DATA, else ./data.
        on_event: Called at each step.

    Returns:
        The files, all of them whole.

    Raises:
        UsageError: The name is not known, or the data set is not downloaded but drawn.
        DataError: The download failed, or what came is not the published data set.
    """
    if name == "dsprites":
        raise UsageError(
            "dsprites needs no download: it is drawn from formulas. To use the official file, put "
            f"{OFFICIAL_FILE} into the data folder."
        )
    if name not in COLLECTIONS:
        raise unknown("data set", name, sorted(COLLECTIONS))
    folder = data_folder(data_dir)
    collection = COLLECTIONS[name]
    raw = collection.folder(folder)
    checks = _check_collection(collection, folder)
    if not _problems(checks):
        on_event(DownloadEvent(name, "present", raw))
        return checks
    for found in checks:
        if found.problem is not None and found.path.is_file():
            _remove(found.path)
            on_event(DownloadEvent(name, "removed", found.path))
    on_event(DownloadEvent(name, "started", raw))
    _fetch(name, collection, folder)
    checks = _check_collection(collection, folder)
    problems = _problems(checks)
    if problems:
        raise DataError(f"The download of {name} is not whole: {problems[0]} Run it again.")
    on_event(DownloadEvent(name, "done", raw))
    return checks


def _fetch(name: str, collection: Collection, folder: Path) -> None:
    """Lets torchvision download and unpack, without its progress bars."""
    datasets = import_module("torchvision.datasets")
    dataset: Any = getattr(datasets, collection.torchvision_name)
    silence = io.StringIO()
    try:
        with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            dataset(root=folder, train=True, download=True)
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{name} could not be downloaded into {folder}: {reason}. Is this machine online, and "
            "is the folder writable?"
        ) from error


def _check_collection(collection: Collection, folder: Path) -> list[FileCheck]:
    """Checks sizes, headers and checksums."""
    checks = []
    for file in collection.files:
        path = collection.folder(folder) / file.name
        problem = file_problem(path, file)
        if problem is None:
            seen = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            if seen != file.md5:
                problem = f"{path} is not the published file: its MD5 is {seen}, not {file.md5}."
        checks.append(FileCheck(path, problem))
    return checks


def _check_official(path: Path) -> FileCheck:
    """Reads the whole official file of dSprites."""
    try:
        read_official(path)
    except DataError as error:
        return FileCheck(path, str(error))
    return FileCheck(path, None)


def _problems(checks: Iterable[FileCheck]) -> list[str]:
    """The sentences about files that are not whole."""
    return [found.problem for found in checks if found.problem is not None]


def _remove(path: Path) -> None:
    """Deletes a damaged file, or says that it cannot."""
    try:
        path.unlink()
    except OSError as error:
        raise DataError(
            f"{path} is damaged and cannot be replaced: {error.strerror}. Make it writable, or "
            "choose another --data-dir."
        ) from error
