"""Small files in the exact formats of the published data sets: bytes, types, names and order.

Sizes are those of the grids given; a colour or grey level tells of which factors an image is.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vaebench import data
from vaebench.data import smallnorb
from vaebench.data.grid import Grid

TOYS = Grid(smallnorb.TOYS.names, (3, 4, 2, 3, 2))
ROOMS = Grid(
    ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"), (2, 3, 2, 2, 4, 3)
)
ARM_SIZES = (2, 6, 2, 1, 3, 2, 2)


def binary_matrix(array: NDArray[Any]) -> bytes:
    """A matrix as NYU writes it: magic number, dimensions, sizes (at least 3), elements."""
    magic = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54, "float32": 0x1E3D4C51}[array.dtype.name]
    sizes = [*array.shape, *[1] * (3 - array.ndim)]
    header = struct.pack(f"<2i{len(sizes)}i", magic, array.ndim, *sizes)
    return header + array.astype(array.dtype.newbyteorder("<")).tobytes()


def toy_levels(toys: Grid) -> NDArray[np.uint8]:
    """The grey level of each toy's image, by its place in the grid."""
    return (np.arange(np.prod(toys.sizes)) * 7 % 251).astype(np.uint8)


def write_smallnorb(folder: Path, toys: Grid = TOYS, *, packed: bool = True) -> Path:
    """Writes the six files: the first half of the instances is for training, in random order.

    The left camera's image has the level of `toy_levels`, the right one's is white.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    factors = toys.of(np.arange(np.prod(toys.sizes)))
    training = factors[:, 1] < toys.sizes[1] // 2
    for part, chosen in zip(smallnorb.PARTS, (training, ~training), strict=True):
        places = rng.permutation(np.flatnonzero(chosen))
        pairs = np.full((len(places), 2, 96, 96), 255, np.uint8)
        pairs[:, 0] = toy_levels(toys)[places, None, None]
        details = factors[places, 1:].astype(np.int32)
        details[:, 2] *= 2
        matrices = {"dat": pairs, "cat": factors[places, 0].astype(np.int32), "info": details}
        for kind, matrix in matrices.items():
            content = binary_matrix(matrix)
            if packed:
                (folder / f"{part}-{kind}.mat.gz").write_bytes(gzip.compress(content, 1))
            else:
                (folder / f"{part}-{kind}.mat").write_bytes(content)
    return folder


def car_colour(elevation: int, azimuth: int, car: int) -> tuple[int, int, int]:
    """The colour of an image of Cars3D."""
    return 60 * elevation + 5, 10 * azimuth + 3, 100 * car + 7


def write_cars3d(folder: Path, numbers: Sequence[int]) -> Path:
    """Writes one .mat file (MATLAB 5, compressed, as published) for each number."""
    from scipy.io import savemat

    folder.mkdir(parents=True, exist_ok=True)
    for car, number in enumerate(sorted(numbers)):
        im = np.zeros((128, 128, 3, 24, 4), np.uint8)
        for azimuth, elevation in np.ndindex(24, 4):
            im[:, :, :, azimuth, elevation] = car_colour(elevation, azimuth, car)
        mask = np.ones((128, 128, 24, 4), np.uint8)
        savemat(folder / f"car_{number:03}_mesh.mat", {"im": im, "mask": mask}, do_compression=True)
    return folder


def write_shapes3d(path: Path, rooms: Grid = ROOMS, *, chunks: int = 7) -> NDArray[np.uint8]:
    """Writes the h5 file, in compressed chunks of several images; returns the images."""
    h5py = pytest.importorskip("h5py")

    path.parent.mkdir(parents=True, exist_ok=True)
    count = int(np.prod(rooms.sizes))
    images = np.random.default_rng(1).integers(0, 256, (count, 64, 64, 3)).astype(np.uint8)
    spans = ((0, 1), (0, 1), (0, 1), (0.75, 1.25), (0, rooms.sizes[4] - 1), (-30, 30))
    values = [np.linspace(*span, size) for span, size in zip(spans, rooms.sizes, strict=True)]
    factors = rooms.of(np.arange(count))
    labels = np.column_stack([v[factors[:, place]] for place, v in enumerate(values)])
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=images, chunks=(chunks, 16, 16, 1), compression="gzip")
        file.create_dataset("labels", data=labels.astype(np.float64), compression="gzip")
    return images


def write_mpi3d(
    path: Path, sizes: Sequence[int] = ARM_SIZES, *, compressed: bool = False
) -> NDArray[np.uint8]:
    """Writes the npz file; returns the images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = int(np.prod(sizes))
    images = np.random.default_rng(2).integers(0, 256, (count, 64, 64, 3)).astype(np.uint8)
    (np.savez_compressed if compressed else np.savez)(path, images=images)
    return images


CELEBA_ATTRIBUTES = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose "
    "Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee "
    "Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard "
    "Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling "
    "Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace "
    "Wearing_Necktie Young "
)
"""The second line of the published list, with the space at its end."""


def write_celeba(folder: Path, count: int, patch: pytest.MonkeyPatch | None) -> Path:
    """Writes the lists and faces (level 10 · number) as torchvision lays them out.

    With `patch`, torchvision takes these lists for the published ones.
    """
    images = folder / "img_align_celeba"
    images.mkdir(parents=True, exist_ok=True)
    names = [f"{number:06}.jpg" for number in range(1, count + 1)]
    for number, name in enumerate(names):
        Image.new("RGB", (178, 218), (10 * number,) * 3).save(images / name, quality=95)
    rows = [[1 if (n + place) % 3 == 0 else -1 for place in range(40)] for n in range(count)]
    lists = {
        "list_attr_celeba.txt": [str(count), CELEBA_ATTRIBUTES]
        + [
            f"{name} {' '.join(f'{v:2}' for v in row)}"
            for name, row in zip(names, rows, strict=True)
        ],
        "identity_CelebA.txt": [f"{name} {n % 3}" for n, name in enumerate(names)],
        "list_bbox_celeba.txt": [str(count), "image_id x_1 y_1 width height"]
        + [f"{name}    95   71  226  313" for name in names],
        "list_landmarks_align_celeba.txt": [str(count), " ".join("abcdefghij")]
        + [f"{name} {' '.join(['69'] * 10)}" for name in names],
        "list_eval_partition.txt": [
            f"{name} {0 if n < count - 4 else 1 if n < count - 2 else 2}"
            for n, name in enumerate(names)
        ],
    }
    for name, lines in lists.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    if patch is not None:
        from torchvision.datasets import CelebA

        sums = [("", hashlib.md5((folder / name).read_bytes()).hexdigest(), name) for name in lists]
        patch.setattr(CelebA, "file_list", [("", "", "img_align_celeba.zip"), *sums])
    return folder


def cut(path: Path, share: float) -> Path:
    """Leaves the first part of a file, as a download that was cut off does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def recompress(path: Path, **changes: NDArray[Any]) -> Path:
    """Writes an npz file anew with other arrays."""
    with np.load(path) as archive:
        arrays = dict(archive) | changes
    np.savez(path, **arrays)
    assert zipfile.is_zipfile(path)
    return path


def altered(patch: pytest.MonkeyPatch, name: str, **changes: object) -> None:
    """Puts another record in the place of a published data set's."""
    records = [replace(info, **changes) if info.name == name else info for info in data.DATASETS]
    patch.setattr(data, "DATASETS", tuple(records))
