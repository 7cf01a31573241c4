"""Downloads published data sets, and makes their images ready for use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from vaebench.data import data_folder, find_dataset, find_own
from vaebench.data.base import Dataset, own_path
from vaebench.data.info import FileCheck, RemoteFile
from vaebench.download.checking import check
from vaebench.download.transfer import UnwritableError, fetch
from vaebench.download.unpacking import extract_tar, extract_zip, gunzip
from vaebench.errors import DataError, UsageError

__all__ = ["DownloadEvent", "FileCheck", "check", "download", "prepare"]


@dataclass(frozen=True)
class DownloadEvent:
    """A step of a download.

    Attributes:
        dataset: Name of the data set.
        stage: `present` (all files were whole, nothing to download), `removed` (a damaged file was
            deleted, to be replaced), `started`, `progress` (of a file), `unpacking` (an archive),
            `preparing` (images are scaled or unpacked for use) or `done`.
        path: The file that is removed, downloaded or unpacked, else the folder of the files.
        done: With `progress`, bytes that are here, earlier attempts included; with `unpacking`
            bytes or files, with `preparing` images; else None.
        total: Of which `done` is a part; None if it is not known.
    """

    dataset: str
    stage: Literal["present", "removed", "started", "progress", "unpacking", "preparing", "done"]
    path: Path
    done: int | None = None
    total: int | None = None


OnEvent = Callable[[DownloadEvent], None]


def download(
    name: str,
    data_dir: str | Path | None = None,
    on_event: OnEvent = lambda event: None,
) -> list[FileCheck]:
    """Downloads what is missing of a published data set, and replaces damaged files.

    A download that was cut off goes on where it was. At the end images that have to be unpacked or
    scaled are, so that jobs need not wait for it. dSprites is drawn from formulas and needs no
    file; its download gets the official one, which is then used instead of the drawing.

    Args:
        name: One of `vaebench.data.dataset_names()`.
        data_dir: Folder of downloaded data sets, else VAEBENCH_DATA, else ./data.
        on_event: Called at each step.

    Returns:
        The files, all of them whole.

    Raises:
        UsageError: The name is not known, or names a user's own images.
        DataError: The download failed, or what came is not the published data set.
    """
    if find_own(name) is not None:
        raise UsageError(f"{name} is your own: there is nothing to download.")
    about, folder = find_dataset(name), data_folder(data_dir)
    needed = about.needed or about.files
    states = [(file, about.check(file, folder, True)) for file in needed]
    todo = [(file, checks) for file, checks in states if _problems(checks)]
    where = folder / needed[0].folder
    if not todo:
        on_event(DownloadEvent(name, "present", where))
        prepare(name, folder, on_event)
        return [found for _, checks in states for found in checks]
    _check_place(where)
    for _, checks in todo:
        for found in checks:
            if found.problem is not None and found.path.is_file():
                _remove(found.path)
                on_event(DownloadEvent(name, "removed", found.path))
    on_event(DownloadEvent(name, "started", where))
    for remote, _ in todo:
        _get(name, remote, folder, on_event)
    files = [found for file in needed for found in about.check(file, folder, True)]
    problems = _problems(files)
    if problems:
        raise DataError(f"The download of {name} is not whole: {problems[0]} Run it again.")
    prepare(name, folder, on_event)
    on_event(DownloadEvent(name, "done", where))
    return files


def prepare(
    name: str,
    data_dir: str | Path | None = None,
    on_event: OnEvent = lambda event: None,
    *,
    skip_broken: bool = False,
) -> None:
    """Unpacks or scales the images of a data set whose files are here, if that must be done.

    It is done at the first `load_dataset` otherwise.

    Args:
        name: A name that `load_dataset` takes; nothing is done for most.
        data_dir: Folder of downloaded data sets, else VAEBENCH_DATA, else ./data.
        on_event: Called with `preparing` and the number of images done.
        skip_broken: As `load_dataset` takes it.

    Raises:
        DataError: A file is missing or not the published one, or there is no room.
    """
    folder, own = data_folder(data_dir), find_own(name)
    if own is not None:
        skips = {"skip_broken": True} if skip_broken and own.skips else {}
        load: Callable[..., Dataset] | None = partial(own.load, own_path(name), **skips)
    else:
        load = find_dataset(name).prepare
    if load is not None:
        load(
            folder,
            on_progress=lambda done, total: on_event(
                DownloadEvent(name, "preparing", folder, done, total)
            ),
        )


def _get(name: str, remote: RemoteFile, folder: Path, on_event: OnEvent) -> None:
    """Downloads a file from the first server that has it, and unpacks it."""
    path = folder / remote.folder / remote.name

    def tell(stage: Literal["progress", "unpacking"], done: int, total: int | None) -> None:
        on_event(DownloadEvent(name, stage, path, done, total))

    failures = []
    for url in remote.urls:
        try:
            fetch(url, path, remote.checksum, lambda *count: tell("progress", *count))
            break
        except UnwritableError:  # no fault of the server, so no other is asked
            raise
        except DataError as error:
            failures.append(str(error))
    else:
        raise DataError(f"{name}: {' '.join(failures)} Is this machine online?")
    into = path.parent / remote.into
    if remote.unpack == "gz":
        gunzip(path, path.with_suffix(""))
    elif remote.unpack == "tar":
        extract_tar(path, into, remote.wanted, lambda *count: tell("unpacking", *count))
    elif remote.unpack == "zip":
        extract_zip(path, into, remote.wanted, lambda *count: tell("unpacking", *count))
    if remote.unpack:
        path.unlink()


def _problems(checks: Iterable[FileCheck]) -> list[str]:
    """The sentences about files that are not whole."""
    return [found.problem for found in checks if found.problem is not None]


def _check_place(folder: Path) -> None:
    """Says it where a file lies at the place of a folder or of one above it."""
    for place in (folder, *folder.parents):
        if place.is_file():
            raise DataError(f"{place} is a file, not a folder. Choose another --data-dir.")


def _remove(path: Path) -> None:
    """Deletes a damaged file, or says that it cannot."""
    try:
        path.unlink()
    except OSError as error:
        raise DataError(
            f"{path} is damaged and cannot be replaced: {error.strerror}. Make it writable, or "
            "choose another --data-dir."
        ) from error
