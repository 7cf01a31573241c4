"""Pictures and codes as files outside the database, where that is wished: kept, and read again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from vaebench.errors import StoreError
from vaebench.files import replacing
from vaebench.store.schema import outside

MARK = b"sha256:"
"""What a stored content begins with that is the digest of a file, and not the content itself."""

CODES = "codes"
"""How the file of a run's codes is called, as pictures are by their names."""

_HELD = 0x7661656266
"""PostgreSQL's advisory lock that those who write files share, and who deletes some has alone."""

_NAME = re.compile(r"[\w-]{1,64}", re.ASCII)
_FILE = re.compile(r"[\w-]{1,64}-[0-9a-f]{16}\.(png|f32)", re.ASCII)


def place_of(connection: sa.Connection) -> Path | None:
    """Returns the folder in which pictures and codes lie; None where they lie in the database.

    One beside a SQLite file is stored as it lies to that, so that both can be moved together.
    """
    place = connection.scalar(sa.select(outside.c.place))
    return None if place is None else _home(connection) / place


def settle(connection: sa.Connection, folder: Path | None) -> None:
    """Writes down where pictures and codes lie from now on; see `place_of`."""
    connection.execute(sa.delete(outside))
    if folder is not None:
        home = _home(connection)
        near = home.is_absolute() and folder.is_relative_to(home)
        place = folder.relative_to(home) if near else folder
        connection.execute(sa.insert(outside).values(place=place.as_posix()))


def _home(connection: sa.Connection) -> Path:
    """Returns the folder of a SQLite file; a server's database has none."""
    if connection.dialect.name == "postgresql":
        return Path()
    file = connection.exec_driver_sql("PRAGMA database_list").first()
    return Path(file[2]).parent if file else Path()


def hold(connection: sa.Connection, *, alone: bool = False) -> None:
    """Keeps files from being deleted until the transaction ends, since they are about to be named.

    Args:
        connection: A transaction; on SQLite no other writes beside it.
        alone: Wait until nobody else writes any: who deletes asks for this.
    """
    if connection.dialect.name == "postgresql":
        locked = sa.func.pg_advisory_xact_lock if alone else sa.func.pg_advisory_xact_lock_shared
        connection.execute(sa.select(locked(_HELD)))


def keeper(connection: sa.Connection, key: str) -> Callable[[str, bytes], bytes]:
    """Returns what makes of a content, by its name, what is to be stored of it in the database.

    Args:
        connection: A transaction, which the files are held for.
        key: The job key of the run.
    """
    hold(connection)  # first: whoever moves files settles their place while nobody writes any
    folder = place_of(connection)
    if folder is None:
        return lambda name, content: content
    return lambda name, content: keep(folder, key, name, content)


def keep(folder: Path, key: str, name: str, content: bytes) -> bytes:
    """Writes a file, whole and onto the disk, and returns what names it in the database.

    Raises:
        StoreError: It cannot be written.
    """
    stored = MARK + hashlib.sha256(content).hexdigest().encode()
    try:
        path = file_of(folder, key, name, stored)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"{folder / key} cannot be written: {reason}. Pictures and codes of this database are "
            "files there (`vaebench files`); make that possible, then run the same command again."
        ) from error
    return stored


def is_file(stored: object) -> bool:
    """Says whether what is stored names a file."""
    return isinstance(stored, bytes) and stored.startswith(MARK)


def file_of(folder: Path, key: str, name: str, stored: bytes) -> Path:
    """Returns the path of a file: what it is of can be read off it, and its content, too.

    Raises:
        ValueError: A key or a name is none; a database may hold anything.
    """
    digest = stored.removeprefix(MARK)[:16].decode("ascii", "replace")
    for part in (key, name, digest):
        if not _NAME.fullmatch(part):
            raise ValueError(f"{part!a} names no file")
    return folder / key / f"{name}-{digest}.{'f32' if name == CODES else 'png'}"


def files_of(folder: Path, key: str) -> list[Path]:
    """Returns the files of a run in a folder by their names; others there are somebody's own."""
    if not _NAME.fullmatch(key):
        return []
    return [path for path in sorted((folder / key).glob("*")) if _FILE.fullmatch(path.name)]


def delete(path: Path) -> None:
    """Deletes a file, and its folder where that is empty then."""
    path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()


def contents(engine: sa.Engine, key: str, name: str, stored: bytes) -> bytes:
    """Returns a content that may be a file's.

    Args:
        engine: The database.
        key: The job key of the run.
        name: The picture's name, or `CODES`.
        stored: What the database holds.

    Raises:
        ValueError: It is a file's that is not there, or not as it was.
    """
    if not is_file(stored):
        return stored
    with engine.connect() as connection:
        folder = place_of(connection)
    if folder is None:
        raise ValueError(f"its {name} is a file, and the database names no folder of files")
    return read_file(folder, key, name, stored)


def read_file(folder: Path, key: str, name: str, stored: bytes) -> bytes:
    """Returns the content of a file that the database names; raises a `ValueError` as above."""
    path = file_of(folder, key, name, stored)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"its {name} is a file that cannot be read: {path}") from error
    if hashlib.sha256(content).hexdigest().encode() != stored.removeprefix(MARK):
        raise ValueError(f"its {name} is a file that is damaged: {path}")
    return content
