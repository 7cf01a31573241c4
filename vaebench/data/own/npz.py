"""`npz:PATH`: a user's own images, with factors and labels where there are some."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vaebench.data.formats.npz import Member, open_members, read_array
from vaebench.data.grid import ListedFactors
from vaebench.data.info import OwnKind, readable
from vaebench.data.stored import StoredImages
from vaebench.data.unpacked import OnProgress, kept_name, silent, unpacked
from vaebench.errors import DataError, unknown

PREFIX = "npz:"
ARRAYS = ("images", "layout", "factors", "factor_names", "labels", "label_names")
CHANNELS = (1, 3)
IN_MEMORY_BYTES = 256_000_000
_BLOCK = 4096


def load_npz(
    path: Path, data_dir: Path, size: int | None = None, *, on_progress: OnProgress = silent
) -> StoredImages:
    """Opens a user's own npz file, as `numpy.savez` or `numpy.savez_compressed` write it.

    Its arrays:

    - `images`: uint8, 0 black to 255 white, [N, H, W], [N, H, W, C] or [N, C, H, W], C being 1 or
      3. Which axis holds the channels: the one of the second and the last whose size is 1 or 3;
      if that is so of both or of neither, the file is refused, unless `layout` says it.
    - `layout`, optional: the text `NHWC` or `NCHW`.
    - `factors`, optional: integers [N, F]. The values of each factor are numbered anew, from 0
      upwards. `index` works where every combination has exactly one image (`has_grid`).
    - `factor_names`, optional: F texts; else `factor 0`, `factor 1`, ...
    - `labels`, optional: integers or texts [N].
    - `label_names`, optional: texts; labels are then integers that index it. Without it, the
      different labels, sorted, are the names.

    Other arrays are refused: they may be one of these, misspelt.

    Uncompressed images are mapped, so processes share them and loading takes no time. Compressed
    ones are held in memory up to 256 MB, and beyond that unpacked once into the data folder.

    Args:
        path: The file.
        data_dir: Folder of downloaded data sets.
        size: Height and width of the observations; the images get a black margin. None is none.
        on_progress: Called with the numbers of images unpacked and in all.

    Returns:
        The data set.

    Raises:
        UsageError: The images are larger than `size`.
        DataError: The file is missing, damaged, or an array is not as above.
    """
    members = _members(path)
    member = members["images"]
    channels_first = _channels_first(member, _texts(path, members, "layout"))
    images = _images(member, data_dir, on_progress)
    labels, label_names = _labels(path, members, len(images))
    count = f"{len(images):,} {'image' if len(images) == 1 else 'images'}"
    return StoredImages(
        f"{PREFIX}{path}",
        f"{path}, {count} of CRC-32 {member.crc:08x}",
        images if images.ndim == 4 else images[..., None],
        channels_first=channels_first,
        factors=_factors(path, members, len(images)),
        labels=labels,
        label_names=label_names,
        size=size,
    )


def read_through(path: Path) -> None:
    """Reads all of a file, whose own checksums are compared thereby.

    Raises:
        DataError: As `load_npz`.
    """
    members = _members(path)
    images = members["images"]
    _channels_first(images, _texts(path, members, "layout"))
    _factors(path, members, images.shape[0])
    _labels(path, members, images.shape[0])
    if _held(images):
        read_array(images)
    else:
        for _ in images.blocks(_BLOCK):
            pass


def _members(path: Path) -> dict[str, Member]:
    """The headers of the arrays, which have known names; among them are the images."""
    if path.is_dir():
        raise DataError(f"{path} is a folder, not an npz file. For images in it: folder:{path}.")
    if not path.is_file():
        raise DataError(f"{path} is missing; {PREFIX}{path} is to be an npz file with `images`.")
    members = open_members(path)
    if "images" not in members:
        raise DataError(f"{path} has no `images`, but {', '.join(sorted(members)) or 'nothing'}.")
    for name in members:
        if name not in ARRAYS:
            raise DataError(f"{path}: {unknown('array', name, ARRAYS)} Rename it or leave it out.")
    for names, named in (("factor_names", "factors"), ("label_names", "labels")):
        if names in members and named not in members:
            raise DataError(f"{path} has {names} but no {named}. Save {named}, too.")
    _check_images(members["images"])
    return members


def _check_images(member: Member) -> None:
    shape = list(member.shape)
    if shape and shape[0] == 0:
        raise DataError(f"{member.path} has no images: `images` have the shape {shape}.")
    if member.dtype != np.uint8 or len(shape) not in (3, 4) or 0 in shape:
        raise DataError(
            f"{member.path}: images are {member.dtype} {shape}, not uint8 [N, H, W], [N, H, W, C] "
            "or [N, C, H, W], 0 black to 255 white."
        )


def _channels_first(member: Member, layout: list[str] | None) -> bool:
    """Whether images are [N, C, H, W] and not [N, H, W, C]."""
    if len(member.shape) == 3:
        return False
    shape = list(member.shape)
    possible = [name for name, axis in (("NHWC", 3), ("NCHW", 1)) if member.shape[axis] in CHANNELS]
    if layout is not None:
        if len(layout) != 1 or layout[0] not in possible:
            raise DataError(
                f"{member.path}: images of shape {shape} cannot have the layout "
                f"{', '.join(layout)}. Possible: {' or '.join(possible) or 'none'}."
            )
        return layout == ["NCHW"]
    if not possible:
        raise DataError(
            f"{member.path}: images have the shape {shape}; neither the second nor the last axis "
            "is 1 or 3 channels."
        )
    if len(possible) > 1:
        raise DataError(
            f"{member.path}: images have the shape {shape}; both the second and the last axis can "
            "be the channels. Save the text NHWC or NCHW as `layout` beside them."
        )
    return possible == ["NCHW"]


def _images(member: Member, data_dir: Path, on_progress: OnProgress) -> NDArray[np.uint8]:
    """The images, mapped, read, or unpacked."""
    if _held(member):
        return np.ascontiguousarray(read_array(member)).view(np.uint8)
    if member.offset is not None:
        return member.map().view(np.uint8)
    name = kept_name("npz", member.path)
    return unpacked(
        data_dir, name, [member.path], member.shape, lambda: member.blocks(_BLOCK), on_progress
    )


def _held(member: Member) -> bool:
    """Whether the images are held in memory, and not mapped where they lie or once unpacked."""
    return member.offset is None and member.bytes <= IN_MEMORY_BYTES


def _factors(path: Path, members: Mapping[str, Member], count: int) -> ListedFactors | None:
    """The factors with their names, or None without any."""
    if "factors" not in members:
        return None
    values = read_array(members["factors"])
    if values.ndim != 2 or len(values) != count or values.shape[1] == 0:
        raise DataError(f"{path}: factors have the shape {list(values.shape)}, not [{count}, F].")
    if values.dtype.kind not in "iu":
        raise DataError(
            f"{path}: factors are {values.dtype}, not integers. Number the values of each factor "
            "0, 1, 2, …"
        )
    names = _texts(path, members, "factor_names")
    if names is None:
        names = [f"factor {place}" for place in range(values.shape[1])]
    if len(names) != values.shape[1] or len(set(names)) != len(names):
        raise DataError(
            f"{path}: factor_names are {', '.join(names)}, not {values.shape[1]} different names."
        )
    return ListedFactors(names, values, str(path))


def _labels(
    path: Path, members: Mapping[str, Member], count: int
) -> tuple[NDArray[np.int64] | None, list[str]]:
    """The labels, numbered from 0, and their names."""
    names = _texts(path, members, "label_names")
    if "labels" not in members:
        return None, []
    values = read_array(members["labels"])
    if values.shape != (count,) or values.dtype.kind not in "iuUS":
        raise DataError(
            f"{path}: labels are {values.dtype} {list(values.shape)}, not integers or texts "
            f"[{count}]."
        )
    if names is None:
        found, numbers = np.unique(values, return_inverse=True)
        return numbers.astype(np.int64), _as_texts(path, "labels", found)
    numeric = values.dtype.kind in "iu"
    if not numeric or values.min() < 0 or values.max() >= len(names):
        seen = f"go from {values.min()} to {values.max()}" if numeric else "are texts"
        raise DataError(
            f"{path}: labels {seen}; with {len(names)} label_names they are integers from 0 to "
            f"{len(names) - 1}."
        )
    return values.astype(np.int64), names


def _texts(path: Path, members: Mapping[str, Member], name: str) -> list[str] | None:
    """An array of texts, or None without it."""
    if name not in members:
        return None
    values = np.atleast_1d(read_array(members[name]))
    if values.ndim != 1 or values.dtype.kind not in "US":
        raise DataError(f"{path}: {name} is {values.dtype} {list(values.shape)}, not text.")
    return _as_texts(path, name, values)


def _as_texts(path: Path, name: str, values: NDArray[np.generic]) -> list[str]:
    """Numbers and texts as texts; those of bytes have to be UTF-8."""
    try:
        return [v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist()]
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: {name} has the bytes {error.object!r}, which are not UTF-8. Save it as texts."
        ) from error


NPZ = OwnKind(
    name="npz",
    what="your own images, in an npz file",
    load=load_npz,
    check=lambda path: [readable(path, lambda: read_through(path))],
)
