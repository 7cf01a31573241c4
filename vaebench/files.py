"""Files that are written: whole or not at all, and never over what must not be replaced."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vaebench.errors import OutputError

Mine = Callable[[bytes], bool]
"""Says by a file's first bytes whether the caller may replace it."""

_START_BYTES = 1 << 14
_SQLITE_START = b"SQLite format 3\x00"
_BESIDE_A_DATABASE = ("-journal", "-wal", "-shm")
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def anything(start: bytes) -> bool:
    """Takes every regular file for one that may be replaced."""
    del start
    return True


def not_regular(mode: int) -> str | None:
    """Names what a file is by its `st_mode`, such as `a FIFO`; None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((name for test, name in _KINDS if test(mode)), "no regular file")


def check_replaceable(
    path: Path, *, mine: Mine = anything, instead: str = "Name another file."
) -> None:
    """Says whether a file may be written here: a new one, or one that the caller may replace.

    What is no regular file is never replaced: no folder, FIFO, socket or device, and no symbolic
    link, whatever it leads to (links among the folders on the way are followed). Neither is a
    file that may not be written, a SQLite database, or a name that SQLite gives to the journal of
    a database that is here.

    Args:
        path: The file.
        mine: Asked of a regular file that is there and not empty.
        instead: What to do where it may not be written, one sentence.

    Raises:
        OutputError: It may not be written.
    """
    try:
        reason = _reason(path, mine)
    except (OSError, ValueError) as error:
        raise unwritable(path, error, instead) from error
    if reason:
        raise OutputError(f"{path} {reason}; it was left as it is. {instead}")


def write_atomically(
    path: Path,
    content: bytes | memoryview,
    *,
    mine: Mine = anything,
    instead: str = "Name another file.",
) -> None:
    """Writes a file whole or not at all, where `check_replaceable` lets it; makes its folder.

    Args:
        path: The file.
        content: All of it.
        mine: See `check_replaceable`.
        instead: What to do where it cannot be written, one sentence.

    Raises:
        OutputError: It may not or cannot be written; what was there is as it was.
    """
    check_replaceable(path, mine=mine, instead=instead)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content)
    except OSError as error:
        raise unwritable(path, error, instead) from error


@contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[IO[bytes]]:
    """Opens a file beside `path` that takes its place, and its permissions, once it is whole.

    Where the block fails, `path` is as it was. Nothing is asked of what is there before: that is
    for names that vaebench itself has chosen; others go through `write_atomically`.

    Args:
        path: The file, in a folder that is there.
        sync: Wait until it is on disk, so that not even a power cut leaves half of it.

    Raises:
        OSError: It cannot be written.
    """
    part = path.with_name(f".{path.name[:40]}-{secrets.token_hex(8)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        if path.is_file():
            part.chmod(stat.S_IMODE(path.stat().st_mode))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError | ValueError, instead: str) -> OutputError:
    """Builds the error for a file that the system would not let be written."""
    reason = getattr(error, "strerror", None) or error
    return OutputError(f"{path} cannot be written: {reason}. {instead}")


def _reason(path: Path, mine: Mine) -> str | None:
    """Says why a file may not be written here; None where it may."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return _journal(path)
    if kind := not_regular(mode):
        return f"is {kind}, not a regular file"
    start = _first_bytes(path)
    if start.startswith(_SQLITE_START):
        return "is a SQLite database"
    if not os.access(path, os.W_OK):
        return "is read-only"
    if start and not mine(start):
        return "is there and was not made by this command"
    return _journal(path)


def _journal(path: Path) -> str | None:
    """Says whose journal a name is, where it is that of a database that is here."""
    for ending in _BESIDE_A_DATABASE:
        if path.name.endswith(ending) and path.name != ending:
            database = path.with_name(path.name.removesuffix(ending))
            if database.is_file() and _first_bytes(database).startswith(_SQLITE_START):
                return f"is where SQLite keeps the journal of {database}"
    return None


def _first_bytes(path: Path) -> bytes:
    """Reads a file's beginning; what has become another kind of file meanwhile does not block."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        return file.read(_START_BYTES)
