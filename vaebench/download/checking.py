"""Says of the files of data sets whether they are there and whole."""

from __future__ import annotations

from pathlib import Path

from vaebench.data import data_folder, find_dataset, find_own
from vaebench.data.base import own_path
from vaebench.data.info import FileCheck


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
    folder, own = data_folder(data_dir), find_own(name)
    if own is not None:
        return own.check(own_path(name))
    about = find_dataset(name)
    found = []
    for remote in about.files:
        checks = about.check(remote, folder, True)
        found += [file for file in checks if file.path.exists() or not remote.optional]
    return found
