"""Data sets behind one small protocol: those of the literature, and a user's own images."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from vaebench.data.base import Dataset, StochasticDataset, data_folder, is_stochastic, own_path
from vaebench.data.cars3d import load_cars3d
from vaebench.data.celeba import load_celeba
from vaebench.data.dsprites import load_dsprites
from vaebench.data.dsprites_variants import (
    load_color_dsprites,
    load_noisy_dsprites,
    load_scream_dsprites,
)
from vaebench.data.identity import check_digest, content_digest, parsed
from vaebench.data.mnist import load_fashion_mnist, load_mnist
from vaebench.data.mpi3d import load_mpi3d
from vaebench.data.own_folder import load_folder
from vaebench.data.own_npz import load_npz
from vaebench.data.shapes3d import load_shapes3d
from vaebench.data.smallnorb import load_smallnorb
from vaebench.data.stored import StoredImages
from vaebench.errors import unknown

__all__ = [
    "DATASETS",
    "OWN",
    "Dataset",
    "StochasticDataset",
    "data_folder",
    "is_stochastic",
    "load_dataset",
]

DATASETS: dict[str, Callable[[Path, int | None], Dataset]] = {
    "dsprites": load_dsprites,
    "color_dsprites": load_color_dsprites,
    "noisy_dsprites": load_noisy_dsprites,
    "scream_dsprites": load_scream_dsprites,
    "smallnorb": load_smallnorb,
    "cars3d": load_cars3d,
    "shapes3d": load_shapes3d,
    "mpi3d_toy": partial(load_mpi3d, "mpi3d_toy"),
    "mpi3d_realistic": partial(load_mpi3d, "mpi3d_realistic"),
    "mpi3d_real": partial(load_mpi3d, "mpi3d_real"),
    "mnist": load_mnist,
    "fashion-mnist": load_fashion_mnist,
    "celeba": load_celeba,
}
OWN: dict[str, Callable[..., StoredImages]] = {
    "npz": load_npz,
    "folder": load_folder,
}


def load_dataset(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    size: int | None = None,
    *,
    skip_broken: bool = False,
) -> Dataset:
    """Opens a data set.

    Args:
        name: A key of `DATASETS`, or `npz:PATH` or `folder:PATH` for a user's own images.
        data_dir: Folder of downloaded data sets, else the environment variable VAEBENCH_DATA,
            else ./data. dSprites needs no file, but uses the official one where the folder has it.
        size: Height and width of the images in pixels: 28 or 32 for MNIST and Fashion-MNIST, up to
            148 for CelebA, any for a folder, the images' own or more for an npz file, 64 for all
            others. None is 28 for the first two, the images' own for an npz file, else 64.
        skip_broken: Leave out images of a `folder:` that cannot be read, as if they were not there.

    Returns:
        The data set. Of smallnorb, cars3d, shapes3d, celeba and folders the first call takes
        seconds to minutes, and disk (see `unpacked`); from then on all take next to no time.

    Raises:
        UsageError: The name is not known or lacks its path, or the data set cannot have that size.
        DataError: A file is missing, truncated or not the published one.
    """
    folder = data_folder(data_dir)
    kind, colon, _ = name.partition(":")
    if colon and kind in OWN:
        path, skips = own_path(name), {"skip_broken": True} if skip_broken else {}
        data = OWN[kind](path, folder, size, **(skips if kind == "folder" else {}))
        if (wanted := parsed(name)) is not None and path.name == Path(wanted.file).name:
            native = data if size is None else OWN[kind](path, folder, None)
            check_digest(name, wanted, content_digest(native))
        return data
    if name not in DATASETS:
        raise unknown("data set", name, (*DATASETS, *(f"{own}:PATH" for own in OWN)))
    return DATASETS[name](folder, size)
