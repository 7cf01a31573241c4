"""Files of tensors: written whole or not at all, sealed by a digest, read without running code."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import torch

from vaebench.errors import DamagedError, OutputError
from vaebench.files import not_regular, write_atomically
from vaebench.memory import ran_out

MARK = b"vaebench SHA-256"
"""Stands before the digest of all that is before it, in the comment that ends a ZIP file."""

_DIGEST = hashlib.sha256().digest_size
_FORMAT = "format"


def write_tensors(path: Path, values: dict[str, Any]) -> None:
    """Writes tensors and plain values to a temporary file, and renames it when it is complete.

    The file is one of `torch.save`; its ZIP comment is the SHA-256 of all bytes before it.

    Args:
        path: The file to replace or make; its folder is made where it is missing.
        values: Tensors, numbers, text, and lists and dicts of these.

    Raises:
        OutputError: The folder cannot be written, or the disk is full.
    """
    content = io.BytesIO()  # a full disk is then an OSError that says so, not torch's own
    torch.save({**values, _FORMAT: 2}, content)
    _seal(content)
    again = (
        "Free space or make the folder writable, then run the same command again: it goes on "
        "where it stopped."
    )
    write_atomically(path, content.getbuffer(), instead=again)


def read_tensors(path: Path) -> dict[str, Any] | None:
    """Reads what `write_tensors` wrote; unpickles tensors and plain values only.

    A file is used only where its content is what was written: its SHA-256 is compared. Files of
    before there was one are told by the CRC-32 that a ZIP file keeps of each of its members.

    Returns:
        The values, or None where there is no file.

    Raises:
        DamagedError: The file is not what was written.
        OutputError: The file cannot be read now, which says nothing of what it holds.
        MemoryError: There is not the memory to read it; PyTorch has a RuntimeError for it.
    """
    read = _read(path)
    if read is None:
        return None
    content, sealed = read
    try:
        values = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # what a broken archive or pickle raises has no common class
        _pass_on_memory(error)
        raise _not_ours(path, content, error) from error
    if not isinstance(values, dict):
        raise DamagedError(f"{path} is none of vaebench's files: it holds no table of values.")
    if not sealed and _FORMAT in values:
        raise DamagedError(f"{path} is damaged: it has lost its SHA-256.")
    values.pop(_FORMAT, None)
    return values


def check_file(path: Path) -> None:
    """Compares a file's digest, without reading what it holds.

    Raises:
        DamagedError: The file is not what was written.
        OutputError: The file cannot be read now.
    """
    _read(path)


def _read(path: Path) -> tuple[bytes, bool] | None:
    """Returns a file's content, compared, and whether its seal was there to compare with."""
    try:
        if kind := not_regular(path.stat().st_mode):
            raise DamagedError(f"{path} is {kind}, not one of vaebench's files.")
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        _pass_on_memory(error)
        raise OutputError(
            f"{path} cannot be read ({error.strerror}); it was left as it is. Make it readable, or "
            "move it away, then run the same command again."
        ) from error
    sealed = content[-_DIGEST - len(MARK) : -_DIGEST] == MARK
    if sealed and hashlib.sha256(memoryview(content)[:-_DIGEST]).digest() != content[-_DIGEST:]:
        raise DamagedError(f"{path} is damaged: its content is not what its SHA-256 says.")
    if not sealed:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if archive.testzip() is not None:
                    raise zipfile.BadZipFile
        except Exception as error:  # likewise
            _pass_on_memory(error)
            raise _not_ours(path, content, error) from error
    return content, sealed


def _pass_on_memory(error: Exception) -> None:
    """Raises an error again that says nothing of the file: there was no memory to read it."""
    if ran_out(f"{type(error).__name__}: {error}"):
        raise error


def _not_ours(path: Path, content: bytes, error: Exception) -> DamagedError:
    seen = "it is empty" if not content else f"{type(error).__name__}, {len(content):,} bytes"
    return DamagedError(f"{path} is damaged, or none of vaebench's files ({seen}).")


def set_aside(path: Path) -> Path:
    """Renames a file that is not to be used, beside itself and over no other.

    Returns:
        Its new place, `NAME.aside` or `NAME.aside-2` and so on.

    Raises:
        OutputError: It cannot be renamed.
    """
    place, number = path.with_name(f"{path.name}.aside"), 1
    while os.path.lexists(place):
        number += 1
        place = path.with_name(f"{path.name}.aside-{number}")
    try:
        path.rename(place)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be used and not be renamed ({error.strerror}). Make its folder "
            "writable, or move it away, then run the same command again."
        ) from error
    return place


def _seal(content: io.BytesIO) -> None:
    """Makes mark and digest the comment of a ZIP file that has none yet."""
    content.seek(-2, os.SEEK_END)
    content.write(struct.pack("<H", len(MARK) + _DIGEST) + MARK)
    content.write(hashlib.sha256(content.getbuffer()).digest())
