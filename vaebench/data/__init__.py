"""Data sets behind one small protocol: those of the literature, and a user's own images."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from vaebench import plugins
from vaebench.data.attributes import labelled
from vaebench.data.base import Dataset, StochasticDataset, data_folder, is_stochastic, own_path
from vaebench.data.cars3d import CARS3D
from vaebench.data.celeba import CELEBA
from vaebench.data.dsprites import DSPRITES
from vaebench.data.dsprites_variants import COLOR_DSPRITES, NOISY_DSPRITES, SCREAM_DSPRITES
from vaebench.data.info import DatasetInfo, OwnKind
from vaebench.data.mnist import FASHION_MNIST, MNIST
from vaebench.data.mpi3d import MPI3D_REAL, MPI3D_REALISTIC, MPI3D_TOY
from vaebench.data.own.folder import FOLDER
from vaebench.data.own.identity import check_digest, content_digest, parsed
from vaebench.data.own.npz import NPZ
from vaebench.data.shapes3d import SHAPES3D
from vaebench.data.smallnorb import SMALLNORB
from vaebench.data.wellformed import opened
from vaebench.errors import UsageError, unknown

__all__ = [
    "DATASETS",
    "OWN",
    "Dataset",
    "DatasetInfo",
    "OwnKind",
    "StochasticDataset",
    "all_datasets",
    "data_folder",
    "dataset_names",
    "find_dataset",
    "find_own",
    "is_ours",
    "is_stochastic",
    "load_dataset",
    "with_label",
]

DATASETS: tuple[DatasetInfo, ...] = (
    DSPRITES,
    COLOR_DSPRITES,
    NOISY_DSPRITES,
    SCREAM_DSPRITES,
    SMALLNORB,
    CARS3D,
    SHAPES3D,
    MPI3D_TOY,
    MPI3D_REALISTIC,
    MPI3D_REAL,
    MNIST,
    FASHION_MNIST,
    CELEBA,
)
"""The published data sets that vaebench opens itself, in the order that they are listed in."""

OWN: tuple[OwnKind, ...] = (NPZ, FOLDER)
"""Ways in which users have images of their own."""


def all_datasets() -> tuple[DatasetInfo, ...]:
    """Returns the records of all data sets: vaebench's own, then those of plug-ins."""
    return plugins.beside(DATASETS, DatasetInfo)


def dataset_names() -> list[str]:
    """Returns the names of the published data sets."""
    return [info.name for info in all_datasets()]


def find_dataset(name: str) -> DatasetInfo:
    """Looks a published data set up by its name.

    Args:
        name: One of `dataset_names()`, or of one that has attributes with one of them as the
            label, as in `celeba_eyeglasses`.

    Raises:
        UsageError: There is none of that name.
    """
    found = _named(name, DATASETS) or _named(name, all_datasets())
    if found is not None:
        return found
    for info in all_datasets():
        if info.attributes and name.startswith(start := f"{info.name}_"):
            return labelled(info, name.removeprefix(start))
    raise unknown("data set", name, (*dataset_names(), *(f"{own.name}:PATH" for own in OWN)))


def _named(name: str, infos: Iterable[DatasetInfo]) -> DatasetInfo | None:
    found = next((info for info in infos if name in info.names), None)
    if found is None or name == found.name:
        return found
    return labelled(found, name.removeprefix(f"{found.name}_"))


def is_ours(info: DatasetInfo) -> bool:
    """Says whether vaebench opens a published data set itself, and no plug-in does."""
    return any(info.name in own.names for own in DATASETS)


def with_label(name: str, label: str) -> str:
    """Returns the name of a data set that has an attribute as its label.

    Args:
        name: The data set, as `load_dataset` takes it.
        label: The attribute, in any case.

    Raises:
        UsageError: The data set has no such attribute, or none at all.
    """
    about = find_dataset(name) if find_own(name) is None else None
    if about is None or not about.attributes:
        able = " or ".join(info.name for info in all_datasets() if info.attributes)
        raise UsageError(
            f"--label is {label!r}, but {name} has no attributes to choose a label from: only "
            f"{able} has. Give --dataset {able}, or leave --label out."
        )
    return labelled(about, label).name


def find_own(name: str) -> OwnKind | None:
    """Says of what kind a user's own images are; None for any other name."""
    kind, colon, _ = name.partition(":")
    return next((own for own in OWN if colon and own.name == kind), None)


def load_dataset(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    size: int | None = None,
    *,
    skip_broken: bool = False,
) -> Dataset:
    """Opens a data set.

    Args:
        name: One of `dataset_names()`, or `npz:PATH` or `folder:PATH` for a user's own images.
            `celeba_eyeglasses` is CelebA with that one of its attributes as the label.
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
    folder, own = data_folder(data_dir), find_own(name)
    if own is None:
        info = find_dataset(name)
        return info.load(folder, size) if is_ours(info) else opened(info, folder, size)
    path, skips = own_path(name), {"skip_broken": True} if skip_broken and own.skips else {}
    data = own.load(path, folder, size, **skips)
    if (wanted := parsed(name)) is not None and path.name == Path(wanted.file).name:
        native = data if size is None else own.load(path, folder, None)
        check_digest(name, wanted, content_digest(native))
    return data
