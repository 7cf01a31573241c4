"""A card for each data set: what it is, whose, under which licence, whether it is here, a picture.

Cards of published data sets are made without opening them, so they are there before the files are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vaebench.data import find_dataset, find_own, is_ours, load_dataset
from vaebench.data.base import Dataset, data_folder
from vaebench.data.info import Contents, DatasetInfo
from vaebench.data.tiles import tiled_png
from vaebench.hints import hint_data


@dataclass(frozen=True)
class Card:
    """All there is to say about a data set.

    Attributes:
        name: The name that `load_dataset` takes.
        about: Its record; None for a user's own images.
        contents: What it consists of, at its native size.
        available: Whether it can be opened here and now. Names and sizes of its files are looked
            at, not their contents; for these see `download.check`.
        where: The folder of its files, or where its images come from; if it is not available, how
            to get it.
        download_bytes: Size of the download, about, 0 where none is needed, None if not known.
        unpacked_bytes: Size of the images that are unpacked beside it at first use (see
            `unpacked`), 0 where none are, None if not known.
    """

    name: str
    about: DatasetInfo | None
    contents: Contents
    available: bool
    where: str
    download_bytes: int | None
    unpacked_bytes: int | None


def card(name: str, data_dir: str | Path | None = None) -> Card:
    """Makes the card of a data set.

    Args:
        name: A name that `load_dataset` takes.
        data_dir: Folder of downloaded data sets, else VAEBENCH_DATA, else ./data.

    Raises:
        UsageError: The name is not known.
        DataError: A user's own images cannot be opened.
    """
    folder = data_folder(data_dir)
    if find_own(name) is not None:
        data = load_dataset(name, folder)
        return Card(name, None, contents_of(data), True, data.source, 0, None)
    about = find_dataset(name)
    try:
        available, where = _whereabouts(about, folder)
    except Exception as error:
        if is_ours(about):
            raise
        line = " ".join(f"{type(error).__name__}: {error}".split())
        available, where = False, f"its plug-in cannot say: {line}"
    unpacked = about.contents.image_bytes if about.unpacked else 0
    return Card(name, about, about.contents, available, where, about.download_bytes, unpacked)


def sample_picture(data: Dataset, rows: int = 3, columns: int = 8) -> bytes:
    """Shows some images of a data set, chosen at random but always the same ones.

    Args:
        data: The data set.
        rows: Rows of images.
        columns: Images in a row.

    Returns:
        A PNG picture of rows · H × columns · W pixels.
    """
    chosen = np.random.default_rng(0).integers(0, len(data), rows * columns)
    return tiled_png(data.observations(chosen), rows, columns)


def contents_of(data: Dataset) -> Contents:
    """Returns what an open data set consists of."""
    return Contents(
        len(data),
        data.observation_shape,
        data.factor_names,
        data.factor_sizes,
        data.label_names,
        len(data.train_indices) if data.has_split else 0,
        data.stochastic,
    )


def _whereabouts(about: DatasetInfo, folder: Path) -> tuple[bool, str]:
    """Whether the files of a published data set are here, and where they are or how to get them."""
    if about.drawn is not None:
        return True, about.drawn(folder)
    checks = [found for file in about.needed for found in about.check(file, folder, False)]
    if all(check.problem is None for check in checks):
        return True, str(checks[0].path.parent)
    if any(check.path.exists() for check in checks):
        parent = checks[0].path.parent
        return False, f"files in {parent} are not whole: {hint_data('check', about.name, folder)}"
    return False, hint_data("download", about.name, folder)
