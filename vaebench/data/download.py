"""Downloads published data sets, and makes their images ready for use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from vaebench.data import cars3d, celeba, mpi3d, own_folder, own_npz, shapes3d, smallnorb
from vaebench.data.base import Dataset, data_folder, own_path
from vaebench.data.checking import CELEBA_FOLDER, FileCheck, check, checks_of
from vaebench.data.published import RemoteFile, remote_files
from vaebench.data.transfer import UnwritableError, fetch
from vaebench.data.unpacking import extract_tar, extract_zip, gunzip
from vaebench.errors import DataError

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
_PREPARED: dict[str, Callable[..., Dataset]] = {
    "smallnorb": smallnorb.load_smallnorb,
    "cars3d": cars3d.load_cars3d,
    "shapes3d": shapes3d.load_shapes3d,
    **{name: partial(mpi3d.load_mpi3d, name) for name in mpi3d.VARIANTS},
    "celeba": celeba.load_celeba,
}
_OWN: dict[str, Callable[..., Dataset]] = {
    "npz": own_npz.load_npz,
    "folder": own_folder.load_folder,
}


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
        name: A key of `published.PUBLISHED`.
        data_dir: Folder of downloaded data sets, else VAEBENCH_DATA, else ./data.
        on_event: Called at each step.

    Returns:
        The files, all of them whole.

    Raises:
        UsageError: The name is not known, or names a user's own images.
        DataError: The download failed, or what came is not the published data set.
    """
    remotes = remote_files(name)
    folder = data_folder(data_dir)
    needed = [file for file in remotes if not file.optional] or list(remotes)
    states = [(file, checks_of(name, file, folder)) for file in needed]
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
    files = [found for file in needed for found in checks_of(name, file, folder)]
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
    folder = data_folder(data_dir)
    kind, colon, _ = name.partition(":")
    load = _PREPARED.get(name)
    if colon and kind in _OWN:
        load = partial(_OWN[kind], own_path(name))
        if skip_broken and kind == "folder":
            load = partial(load, skip_broken=True)
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
    if remote.unpack == "gz":
        gunzip(path, path.with_suffix(""))
    elif remote.unpack == "tar":
        extract_tar(path, path.parent, cars3d.PATTERN, lambda *count: tell("unpacking", *count))
    elif remote.unpack == "zip":
        images = path.parent / CELEBA_FOLDER
        extract_zip(path, images, "*.jpg", lambda *count: tell("unpacking", *count))
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
