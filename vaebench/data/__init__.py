"""Data sets behind one small protocol: dSprites, Fashion-MNIST and MNIST."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from vaebench.data.base import Dataset, data_folder
from vaebench.data.dsprites import load_dsprites
from vaebench.data.mnist import load_fashion_mnist, load_mnist
from vaebench.errors import unknown

__all__ = ["DATASETS", "Dataset", "data_folder", "load_dataset"]

DATASETS: dict[str, Callable[[Path, int | None], Dataset]] = {
    "dsprites": load_dsprites,
    "fashion-mnist": load_fashion_mnist,
    "mnist": load_mnist,
}


def load_dataset(
    name: str, data_dir: str | os.PathLike[str] | None = None, size: int | None = None
) -> Dataset:
    """Opens a data set.

    Args:
        name: A key of `DATASETS`.
        data_dir: Folder of downloaded data sets, else the environment variable VAEBENCH_DATA,
            else ./data. dSprites needs no file, but uses the official one where the folder has it.
        size: Height and width of the images in pixels: 28 or 32 for MNIST and Fashion-MNIST, 64
            for dSprites. None is the native size.

    Returns:
        The data set.

    Raises:
        UsageError: The name is not known, or the data set cannot have that size.
        DataError: A file is missing, truncated or not the published one.
    """
    if name not in DATASETS:
        raise unknown("data set", name, DATASETS)
    return DATASETS[name](data_folder(data_dir), size)
