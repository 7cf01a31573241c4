"""CelebA: 202,599 faces with 40 attributes each, any of which can be the label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench.data.attributes import Attribute
from vaebench.data.base import as_indices, missing, reading
from vaebench.data.info import Contents, DatasetInfo, FileCheck, RemoteFile, kept_as_published
from vaebench.data.stored import StoredImages
from vaebench.data.unpacked import OnProgress, silent, unpacked
from vaebench.errors import DataError, UsageError
from vaebench.hints import hint_data

NAME = "celeba"
FOLDER = "celeba"
IMAGES = 202_599
TRAIN_IMAGES = 162_770
WIDTH = 64
SHAPE = (3, WIDTH, WIDTH)
LABEL = "Smiling"
ATTRIBUTES = tuple(
    (
        "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose "
        "Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses "
        "Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache "
        "Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks "
        "Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick "
        "Wearing_Necklace Wearing_Necktie Young"
    ).split()
)
_SAID_WITH_NOT = "Attractive Bald Blurry Chubby Male Mouth_Slightly_Open Smiling Young".split()
LISTS = (
    "list_attr_celeba.txt",
    "identity_CelebA.txt",
    "list_bbox_celeba.txt",
    "list_landmarks_align_celeba.txt",
    "list_eval_partition.txt",
)
IMAGE_FOLDER = "img_align_celeba"
_CROP = 148
_BLOCK = 256


class CelebA(StoredImages):
    """The aligned faces in the published order, with the published split.

    The 162,770 training images are the training part and the 19,962 test images the test part;
    the 19,867 images for validation in between belong to neither. Labels have to be classes, so
    one attribute is the label: whether the person smiles, which nearly half of them do, unless
    another is chosen.

    Attributes:
        attribute_names: Names of the 40 attributes.
    """

    def __init__(
        self,
        source: str,
        images: NDArray[np.uint8],
        attribute_names: tuple[str, ...],
        attributes: NDArray[np.uint8],
        partition: NDArray[np.int64],
        label: str = LABEL,
    ) -> None:
        self.attribute_names = attribute_names
        self._attributes = attributes
        chosen = _attribute(label)
        super().__init__(
            NAME if label == LABEL else chosen.of(NAME),
            source,
            images,
            labels=attributes[:, attribute_names.index(label)].astype(np.int64),
            label_names=chosen.labels,
            split=(np.flatnonzero(partition == 0), np.flatnonzero(partition == 2)),
        )

    def attributes(self, indices: ArrayLike) -> NDArray[np.int64]:
        """Attributes, int64 [N, 40], 0 or 1, in the order of `attribute_names`."""
        return self._attributes[as_indices(indices, len(self))].astype(np.int64)


def load_celeba(
    data_dir: Path,
    size: int | None = None,
    *,
    label: str = LABEL,
    on_progress: OnProgress = silent,
    _images: int = IMAGES,
) -> CelebA:
    """Opens CelebA from the folder `celeba`, as torchvision lays it out.

    The aligned images of 178×218 are cut to the 148×148 in their middle and scaled (bilinear, with
    anti-aliasing, as by torchvision's transforms CenterCrop and Resize). That is done once, and
    takes some minutes; the result, 2.5 GB at 64 pixels, is mapped and shared by all processes.

    Args:
        data_dir: Folder of downloaded data sets.
        size: Height and width of the images, up to 148 pixels; None is 64.
        label: The attribute that is the label, as it is published.
        on_progress: Called with the numbers of images unpacked and in all.

    Returns:
        The data set.

    Raises:
        UsageError: The size is not 1 to 148.
        DataError: A file is missing, damaged or not the published one.

    References:
        Liu, Luo, Wang and Tang, "Deep learning face attributes in the wild", 2015,
        https://arxiv.org/abs/1411.7766, http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html
        Larsen, Sønderby, Larochelle and Winther, "Autoencoding beyond pixels using a learned
        similarity metric", 2016, https://arxiv.org/abs/1512.09300 (the crop of 148 pixels)
    """
    width = WIDTH if size is None else size
    if not 0 < width <= _CROP:
        raise UsageError(f"Images of {NAME} cannot have {size} pixels. Allowed: 1 to {_CROP}.")
    folder = data_dir / FOLDER
    for name in LISTS:
        if not (folder / name).is_file():
            raise missing(NAME, data_dir, folder / name)
    names, attributes = _read_attributes(folder / LISTS[0], _images, label)
    partition = _read_partition(folder / LISTS[-1], _images)
    images = unpacked(
        data_dir,
        f"{NAME}{width}",
        [folder / name for name in LISTS],
        (_images, width, width, 3),
        lambda: _blocks(data_dir, width),
        on_progress,
    )
    return CelebA(f"CelebA, Liu et al., {folder}", images, names, attributes, partition, label)


def _blocks(data_dir: Path, width: int) -> Iterator[NDArray[np.uint8]]:
    """Reads and scales all images, in blocks [n, width, width, 3]."""
    from PIL import Image

    datasets = import_module("torchvision.datasets")
    try:
        faces: Any = datasets.CelebA(data_dir, split="all", download=False)
    except (RuntimeError, OSError, ValueError, IndexError) as error:
        raise DataError(
            f"{data_dir / FOLDER} is not whole: {error}. Run "
            f"`{hint_data('check', NAME, data_dir)}`, which names the file."
        ) from error
    for start in range(0, len(faces.filename), _BLOCK):
        block = []
        for name in faces.filename[start : start + _BLOCK]:
            path = data_dir / FOLDER / IMAGE_FOLDER / name
            with reading(path, "cannot be read as an image"), Image.open(path) as file:
                face = file.convert("RGB")
            left, top = (face.width - _CROP) // 2, (face.height - _CROP) // 2
            face = face.crop((left, top, left + _CROP, top + _CROP))
            block.append(np.asarray(face.resize((width, width), Image.Resampling.BILINEAR)))
        yield np.stack(block)


def _read_attributes(
    path: Path, images: int, label: str = LABEL
) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
    """Reads `list_attr_celeba.txt`: a count, the names, and for each image a name and -1 or 1."""
    lines = path.read_text(errors="replace").splitlines()
    names = tuple(lines[1].split()) if len(lines) > 1 else ()
    words = [line.split() for line in lines[2:]]
    values = np.array([found[1:] for found in words if len(found) == len(names) + 1])
    if label not in names:
        raise DataError(f"{path} is not the published file: it has no attribute {label}.")
    if values.shape != (images, len(names)):
        raise DataError(
            f"{path} is not the published file: it has {len(values):,} images with attributes, "
            f"not {images:,}."
        )
    return names, (values == "1").astype(np.uint8)


def _read_partition(path: Path, images: int) -> NDArray[np.int64]:
    """Reads `list_eval_partition.txt`: for each image a name and 0, 1 or 2 (train, valid, test)."""
    lines = path.read_text(errors="replace").splitlines()
    parts = [line.split()[-1] for line in lines if line.strip()]
    if len(parts) != images or not set(parts) <= {"0", "1", "2"}:
        raise DataError(
            f"{path} is not the published file: it puts {len(parts):,} images into the parts "
            f"{', '.join(sorted(set(parts))[:5])}, not {images:,} into 0, 1, 2."
        )
    return np.array(parts).astype(np.int64)


def _attribute(name: str) -> Attribute:
    """What a face has or has not, with English words for both."""
    words = name.lower().replace("_", " ")
    if words.startswith("no "):
        return Attribute(name, (words.removeprefix("no "), words))
    without = "not" if name in _SAID_WITH_NOT or name.startswith("Wearing_") else "no"
    return Attribute(name, (f"{without} {words}", words))


def _check(remote: RemoteFile, folder: Path, thorough: bool) -> list[FileCheck]:
    if remote.unpack is None:
        return [kept_as_published(folder / remote.folder / remote.name, remote, thorough)]
    path = folder / remote.folder / IMAGE_FOLDER
    if not path.is_dir():
        return [FileCheck(path, f"{path} is missing.")]
    count = sum(1 for file in path.iterdir() if file.suffix == ".jpg")
    problem = f"{path} has {count:,} images, not {IMAGES:,}."
    return [FileCheck(path, None if count == IMAGES else problem)]


def _file(name: str, identity: str, md5: str, size: int | None) -> RemoteFile:
    server = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
    return RemoteFile(name, FOLDER, (server + identity,), f"md5:{md5}", size)


_PUBLISHED = (
    ("0B7EVK8r0v71pblRyaVFSWGxPY0U", "75e246fa4810816ffd6ee81facbd244c", 26_721_026),
    ("1_ee_0u7vcNLOfNLegJRHmolfH5ICW-XS", "32bd1bd63d3c78cd57e08160ec5ed1e2", None),
    ("0B7EVK8r0v71pbThiMVRxWXZ4dU0", "00566efa6fedff7a56946cd1c10f1c16", None),
    ("0B7EVK8r0v71pd0FJY3Blby1HUTQ", "cc24ecafdb5b50baae59b03474781f8c", 12_156_055),
    ("0B7EVK8r0v71pY0NSMzRuSXJEVkk", "d32c9cbf5e040fd4025c592c306e6668", 2_836_386),
)
_ARCHIVE = _file(
    f"{IMAGE_FOLDER}.zip",
    "0B7EVK8r0v71pZjFTYXZWM3FlRnM",
    "00d2c5bc6d35e252742224ab0c1e8fcb",
    1_443_490_838,
)

CELEBA = DatasetInfo(
    name=NAME,
    title="CelebA",
    what="faces of celebrities, cut to the square in their middle",
    citation="Liu, Luo, Wang and Tang, Deep learning face attributes in the wild, ICCV 2015, "
    "https://arxiv.org/abs/1411.7766",
    licence="for non-commercial research purposes only; see the home page",
    url="http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    contents=Contents(
        IMAGES, SHAPE, label_names=_attribute(LABEL).labels, train_images=TRAIN_IMAGES
    ),
    files=(
        *(_file(name, *about) for name, about in zip(LISTS, _PUBLISHED, strict=True)),
        replace(_ARCHIVE, unpack="zip", wanted="*.jpg", into=IMAGE_FOLDER),
    ),
    load=load_celeba,
    check=_check,
    prepare=load_celeba,
    unpacked=True,
    attributes=tuple(map(_attribute, ATTRIBUTES)),
)
