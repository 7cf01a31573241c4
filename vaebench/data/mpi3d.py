"""MPI3D: 1,036,800 pictures of a robot arm, each as a toy rendering, realistic, and real."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from vaebench.data.base import find_file, image_size
from vaebench.data.formats.npz import Member, open_members, read_through
from vaebench.data.grid import Grid
from vaebench.data.info import (
    Contents,
    DatasetInfo,
    FileCheck,
    RemoteFile,
    first_there,
    kept_as_published,
    readable,
)
from vaebench.data.stored import StoredImages
from vaebench.data.unpacked import OnProgress, silent, unpacked
from vaebench.errors import DataError

WIDTH = 64
SHAPE = (3, WIDTH, WIDTH)
NAMES = (
    "object_color",
    "object_shape",
    "object_size",
    "camera_height",
    "background_color",
    "horizontal_axis",
    "vertical_axis",
)
SIZES = (6, 6, 2, 3, 3, 40, 40)
SHAPES = ("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere")
EARLY_SIZES = (4, 4, 2, 3, 3, 40, 40)
EARLY_SHAPES = ("cone", "cube", "hexagonal prism", "sphere")
EARLY_IMAGES = 460_800
_BLOCK = 4096

Version = tuple[tuple[int, ...], tuple[str, ...]]
FINAL: Version = (SIZES, SHAPES)
EARLY: Version = (EARLY_SIZES, EARLY_SHAPES)


def load_mpi3d(
    name: str,
    data_dir: Path,
    size: int | None = None,
    *,
    on_progress: OnProgress = silent,
    _versions: tuple[Version, ...] = (FINAL, EARLY),
) -> StoredImages:
    """Opens a variant of MPI3D from its npz file. The label of an image is the object's shape.

    The file is mapped where its images lie uncompressed (12.7 GB on disk, shared by all processes
    in memory); a compressed one is unpacked once, which takes as much again.

    The study's implementation uses an earlier publication of the toy and the realistic images,
    with 4 colours and 4 shapes (460,800 images). Both are read; the number of images tells which
    it is, and `source` says it.

    Args:
        name: `mpi3d_toy`, `mpi3d_realistic` or `mpi3d_real`.
        data_dir: Folder of downloaded data sets; the file is `<name>/<name>.npz` in it.
        size: None or 64.
        on_progress: Called with the numbers of images unpacked and in all.

    Returns:
        The data set; factors stand in the published order, the last varies fastest.

    Raises:
        UsageError: Another size.
        DataError: The file is missing, truncated or not the published one.

    References:
        Gondal et al., "On the transfer of inductive bias from simulation to the real world: a new
        disentanglement dataset", 2019, https://arxiv.org/abs/1906.03292,
        https://github.com/rr-learning/disentanglement_dataset
    """
    image_size(name, size, (WIDTH,))
    path = find_file(name, data_dir, f"{name}.npz", (name,))
    member = open_members(path).get("images")
    shapes = [(int(np.prod(sizes)), WIDTH, WIDTH, 3) for sizes, _ in _versions]
    if member is None or member.dtype != np.uint8 or member.shape not in shapes:
        raise DataError(_wrong(path, member, shapes))
    sizes, labels = _versions[shapes.index((member.shape[0], WIDTH, WIDTH, 3))]
    if member.offset is not None:
        images = member.map()
    else:
        images = unpacked(
            data_dir, name, [path], member.shape, lambda: member.blocks(_BLOCK), on_progress
        )
    return StoredImages(
        name,
        f"{name}, Gondal et al., {member.shape[0]:,} images of {path}",
        images.view(np.uint8),
        factors=Grid(NAMES, sizes),
        label_factor=NAMES.index("object_shape"),
        label_names=labels,
    )


def header_shape(path: Path) -> tuple[int, ...] | None:
    """The shape of the images in a file by its header, or None without any."""
    try:
        member = open_members(path).get("images")
    except DataError:
        return None
    return None if member is None else member.shape


def _wrong(path: Path, member: Member | None, shapes: list[tuple[int, int, int, int]]) -> str:
    expected = " or ".join(f"uint8 {list(shape)}" for shape in shapes)
    seen = "missing" if member is None else f"{member.dtype} {list(member.shape)}"
    return f"{path} is not the MPI3D file: its images are {seen}, not {expected}."


def _check(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    path = first_there(folder, (remote.folder, "."), remote.name)
    if not thorough or not path.is_file():
        return [kept_as_published(path, remote, thorough)]
    shape = header_shape(path)
    if shape is None or shape[0] != EARLY_IMAGES:
        return [kept_as_published(path, remote, thorough)]
    # Of the early publication no checksum is known but the one within the npz file.
    return [readable(path, lambda: read_through(path))]


_CONTENTS = Contents.of_grid(Grid(NAMES, SIZES), SHAPE, SHAPES)


def _variant(name: str, title: str, what: str, md5: str) -> DatasetInfo:
    server = "https://storage.googleapis.com/disentanglement_dataset/Final_Dataset"
    file = RemoteFile(
        f"{name}.npz",
        name,
        (f"{server}/{name}.npz",),
        f"md5:{md5}",
        about=_CONTENTS.image_bytes,  # uncompressed images, of which no source gives the exact size
    )
    load = partial(load_mpi3d, name)
    return DatasetInfo(
        name=name,
        title=title,
        what=what,
        citation="Gondal, Wüthrich, Miladinović, Locatello, Breidt, Volchkov, Akpo, Bachem, "
        "Schölkopf and Bauer, On the transfer of inductive bias from simulation to the real "
        "world: a new disentanglement dataset, 2019, https://arxiv.org/abs/1906.03292",
        licence="CC BY 4.0",
        url="https://github.com/rr-learning/disentanglement_dataset",
        contents=_CONTENTS,
        files=(file,),
        load=load,
        check=_check,
        prepare=load,
    )


MPI3D_TOY = _variant(
    "mpi3d_toy",
    "MPI3D toy",
    "a robot arm with an object, in simple renderings",
    "55889cb7c7dfc655d6e0277beee88868",
)
MPI3D_REALISTIC = _variant(
    "mpi3d_realistic",
    "MPI3D realistic",
    "a robot arm with an object, in realistic renderings",
    "59a6225b88b635365f70c91b3e52f70f",
)
MPI3D_REAL = _variant(
    "mpi3d_real",
    "MPI3D real",
    "a robot arm with an object, in photographs",
    "0f33f609918fb5c97996692f91129802",
)
