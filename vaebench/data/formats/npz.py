"""Arrays within npz files: mapped where they lie uncompressed, else read in blocks."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from vaebench.data.base import reading
from vaebench.errors import DataError

Header = tuple[tuple[int, ...], bool, np.dtype[Any]]
_LOCAL_HEADER = 30


@dataclass(frozen=True)
class Member:
    """One array of an npz file, of which only the header was read.

    Attributes:
        path: The npz file.
        name: Name of the array.
        shape: Its shape.
        dtype: Its data type.
        fortran_order: Whether its first axis varies fastest in the file.
        crc: CRC-32 checksum that the file gives for it.
        offset: Where its numbers begin in the file, in bytes, or None if it is compressed.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    crc: int
    offset: int | None

    @property
    def bytes(self) -> int:
        """Size of the unpacked numbers."""
        return math.prod((self.dtype.itemsize, *self.shape))

    def map(self) -> NDArray[Any]:
        """Maps an uncompressed array read-only; processes that do so share its memory.

        Raises:
            DataError: The file is shorter than the array, or that is in Fortran order.
        """
        assert self.offset is not None
        self._check_order()
        size = self.path.stat().st_size
        if self.offset + self.bytes > size:
            raise DataError(
                f"{self.path} is truncated: its {self.name} need {self.offset + self.bytes:,} "
                f"bytes, it has {size:,}."
            )
        return np.asarray(np.memmap(self.path, self.dtype, "r", self.offset, self.shape))

    def blocks(self, rows: int) -> Iterator[NDArray[Any]]:
        """Reads the array from its beginning to its end, so many rows at once.

        Raises:
            DataError: The file is truncated or damaged, or the array is in Fortran order.
        """
        self._check_order()
        width = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        with (
            reading(self.path),
            zipfile.ZipFile(self.path) as archive,
            archive.open(f"{self.name}.npy") as stream,
        ):
            read_npy_header(cast(BinaryIO, stream), self.name)
            for start in range(0, self.shape[0], rows):
                count = min(rows, self.shape[0] - start)
                content = stream.read(count * width)
                if len(content) != count * width:
                    raise DataError(
                        f"{self.path} is truncated: its {self.name} end within row "
                        f"{start + len(content) // width:,} of {self.shape[0]:,}."
                    )
                yield np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])
            stream.read(1)  # at the end of the array, zipfile compares its checksum

    def _check_order(self) -> None:
        if self.fortran_order:
            raise DataError(
                f"{self.path}: {self.name} are in Fortran order, so no row lies in one piece. Save "
                f"them in C order: {self.name}=np.ascontiguousarray({self.name})."
            )


def open_members(path: Path) -> dict[str, Member]:
    """Reads the headers of all arrays of an npz file.

    Raises:
        DataError: It cannot be read, or holds Python objects or what is no array.
    """
    found = {}
    with reading(path), zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for info in archive.infolist():
            if not info.filename.endswith(".npy"):
                raise ValueError(f"it holds {info.filename}, which is no array")
            name = info.filename.removesuffix(".npy")
            with archive.open(info) as stream:
                shape, fortran_order, dtype = read_npy_header(cast(BinaryIO, stream), name)
                inner = stream.tell()
            needed = math.prod((dtype.itemsize, *shape))
            if info.file_size - inner != needed:
                raise ValueError(
                    f"its {name} are said to be {dtype} {list(shape)}, {needed:,} bytes, and it "
                    f"has {info.file_size - inner:,} of them"
                )
            offset = None
            if info.compress_type == zipfile.ZIP_STORED:
                file.seek(info.header_offset)
                local = file.read(_LOCAL_HEADER)
                lengths = (int.from_bytes(local[at : at + 2], "little") for at in (26, 28))
                offset = info.header_offset + _LOCAL_HEADER + sum(lengths) + inner
            found[name] = Member(path, name, shape, dtype, fortran_order, info.CRC, offset)
    return found


def read_array(member: Member) -> NDArray[Any]:
    """Reads a whole array into memory, and compares its checksum.

    Raises:
        DataError: The file is truncated or damaged.
    """
    with (
        reading(member.path),
        zipfile.ZipFile(member.path) as archive,
        archive.open(f"{member.name}.npy") as stream,
    ):
        array: NDArray[Any] = np.lib.format.read_array(cast(BinaryIO, stream), allow_pickle=False)
        stream.read(1)  # at the end of the array, zipfile compares its checksum
    return array


def read_npy_header(stream: BinaryIO, name: str = "imgs") -> Header:
    """Reads the shape of an npy array, whether it is in Fortran order, and its data type.

    Args:
        stream: The npy file, at its beginning.
        name: Name of the array, for the message.

    Raises:
        ValueError: It is not such an array, or its elements are Python objects or nothing.
    """
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"npy version {version} instead of (1, 0) or (2, 0)")
    shape, fortran_order, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError(f"the array {name} holds Python objects, which are not read")
    if any(size < 0 for size in shape):
        raise ValueError(f"the array {name} has the shape {list(shape)}; no size can be negative")
    return shape, fortran_order and len(shape) > 1, dtype


def read_through(path: Path) -> None:
    """Reads all of an npz file, whose own checksums are compared thereby.

    Raises:
        DataError: It is missing or damaged.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing.")
    for member in open_members(path).values():
        if member.shape:
            for _ in member.blocks(4096):
                pass
