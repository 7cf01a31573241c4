"""Files in the IDX format, of which size and header tell whether they are the published ones."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class IdxFile:
    """One published file, unpacked.

    Attributes:
        name: File name.
        header: The whole numbers that it begins with, big-endian, four bytes each.
        bytes: Its size.
        md5: Its checksum.
    """

    name: str
    header: tuple[int, ...]
    bytes: int
    md5: str


def file_problem(path: Path, file: IdxFile) -> str | None:
    """Says what is wrong with a file by its size and its header, or None if nothing is."""
    if not path.is_file():
        return f"{path} is missing."
    size = path.stat().st_size
    if size != file.bytes:
        state = "truncated" if size < file.bytes else "not the published file"
        return f"{path} is {state}: {size:,} bytes instead of {file.bytes:,}."
    count = len(file.header)
    with path.open("rb") as stream:
        header = struct.unpack(f">{count}i", stream.read(4 * count))
    if header != file.header:
        return f"{path} is not the published file: its header is {header}, not {file.header}."
    return None
