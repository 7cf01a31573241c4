"""The file of a SQLite database: whether it can be one, may be written, and is still there."""

from __future__ import annotations

import os
from pathlib import Path

from vaebench.errors import StoreError
from vaebench.files import not_regular

_SQLITE_START = b"SQLite format 3\x00"


class DatabaseFile:
    """A database's file, known again: SQLite goes on reading one that has been deleted.

    Args:
        path: The file; it may be made later.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = self._identity()

    def check(self) -> None:
        """Makes sure that the file is still the one it was.

        Raises:
            StoreError: It is gone, or another one is in its place.
        """
        now = self._identity()
        if self._known is None:
            self._known = now
        elif now != self._known:
            raise gone(self.path)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino


def gone(name: str | Path) -> StoreError:
    """Builds the error for a database whose file went away while it was in use."""
    return StoreError(
        f"{name} was deleted, moved or replaced while it was in use; what it had is in no database "
        "here. Put it back, or run the sweep's command again to begin a new one."
    )


def check_kind(path: Path) -> None:
    """Refuses what would keep whoever opens it waiting: FIFOs, sockets and devices.

    Raises:
        StoreError: The database or its journal is one.
    """
    endings = ("", "-journal", "-wal") if path.name else ("",)  # `/` and `.` have no name
    for name in (path.with_name(f"{path.name}{end}") if end else path for end in endings):
        kind = not_regular(name.stat().st_mode) if name.exists() else None
        if kind and not name.is_dir():
            raise StoreError(f"{name} is {kind}, not a regular file: name another with --db.")


def check_file(path: Path, *, write: bool) -> None:
    """Refuses what SQLite would take for an empty database, or find read-only only later.

    Raises:
        StoreError: It is not a SQLite file, or may not be written.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_SQLITE_START))
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
    if start and start != _SQLITE_START:
        raise StoreError(
            f"{path} is not a vaebench database (it does not begin as a SQLite file does). It was "
            "left as it is; name another with --db."
        )
    for place in (path, path.parent):
        if write and not os.access(place, os.W_OK):
            raise StoreError(
                f"{path} cannot be written: {place} is read-only. Make the file and its folder "
                "writable, or name another with --db."
            )
