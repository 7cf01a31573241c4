"""Files in NORB's binary matrix format, packed by gzip or not, read in blocks of rows."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from vaebench.data.base import reading
from vaebench.errors import DataError

TYPES = {
    0x1E3D4C51: "<f4",
    0x1E3D4C53: "<f8",
    0x1E3D4C54: "<i4",
    0x1E3D4C55: "|u1",
    0x1E3D4C56: "<i2",
}
_ROWS = 1024


def read_matrix(
    path: Path, dtype: type[np.generic], shape: tuple[int, ...]
) -> Iterator[NDArray[np.generic]]:
    """Reads a file in NORB's binary matrix format, in blocks of rows.

    The format is little-endian: a magic number for the type, the number of dimensions, the size of
    each (at least three numbers stand there), and the elements, the last dimension fastest.

    Args:
        path: The file, packed by gzip if its name ends in `.gz`.
        dtype: The type that the matrix must have.
        shape: The shape that it must have.

    Yields:
        Rows [n, ...], in order.

    Raises:
        DataError: The file is truncated, damaged, or holds something else.
    """
    expected = f"{np.dtype(dtype)} {list(shape)}"
    with _opened(path) as stream:
        try:
            magic, dimensions = struct.unpack("<2i", stream.read(8))
            written = max(3, dimensions) if dimensions < 10 else 0
            sizes = struct.unpack(f"<{written}i", stream.read(4 * written))[:dimensions]
        except struct.error:
            raise DataError(f"{path} is truncated: it ends within its header.") from None
        if magic not in TYPES:
            raise DataError(
                f"{path} is not a file of smallNORB: its magic number is "
                f"{magic & 0xFFFFFFFF:#010x}, not one of a binary matrix."
            )
        found = np.dtype(TYPES[magic])
        if found != dtype or sizes != shape:
            raise DataError(
                f"{path} is not the published file: it holds {found} {list(sizes)}, not {expected}."
            )
        width = found.itemsize * int(np.prod(shape[1:]))
        for start in range(0, shape[0], _ROWS):
            count = min(_ROWS, shape[0] - start)
            content = stream.read(count * width)
            if len(content) != count * width:
                raise DataError(
                    f"{path} is truncated: it ends within row {start + len(content) // width:,} of "
                    f"{shape[0]:,}."
                )
            yield np.frombuffer(content, found).reshape(count, *shape[1:])
        if stream.read(1):
            raise DataError(f"{path} is not the published file: it is longer than {expected}.")


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file, packed or not; errors of reading become a DataError that names it."""
    packed = path.suffix == ".gz"
    with (
        reading(path),
        cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb") as stream,
    ):
        yield stream
