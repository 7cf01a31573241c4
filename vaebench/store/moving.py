"""Pictures and codes moved between the database and a folder of files, and files nobody names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from vaebench.errors import StoreError
from vaebench.store.database import translated
from vaebench.store.outside import (
    CODES,
    MARK,
    delete,
    file_of,
    files_of,
    hold,
    is_file,
    keep,
    place_of,
    read_file,
    settle,
)
from vaebench.store.reading import Reader
from vaebench.store.schema import artifacts, jobs, outside, representations
from vaebench.store.store import Store

AT_ONCE = 100
"""Contents that are moved in one transaction."""

SHOWN = 3
"""Files that a message names one by one, at most."""

_PICTURES = (artifacts, artifacts.c.png, artifacts.c.name)
_CODES = (representations, representations.c.codes, sa.literal(CODES))


@dataclass(frozen=True)
class Kept:
    """Where pictures and codes lie.

    Attributes:
        place: The folder of files; None where they lie in the database.
        inside: How many lie in the database.
        inside_bytes: Their size.
        files: How many are files.
    """

    place: Path | None
    inside: int
    inside_bytes: int
    files: int


@dataclass(frozen=True)
class _Content:
    """A picture or codes by where the database holds them, with the beginning of what it holds."""

    table: sa.Table
    column: sa.Column[bytes]
    job_id: int
    key: str
    name: str
    begins: bytes
    size: int

    def of(self, statement: Any) -> Any:
        """Narrows a statement about its table to its row, as it was read."""
        its = [self.table.c.job_id == self.job_id, _begins(self.column) == self.begins]
        if self.table is artifacts:
            its.append(artifacts.c.name == self.name)
        return statement.where(*its)


def kept(store: Store) -> Kept:
    """Says where pictures and codes lie."""
    with translated(store.location), store.engine.connect() as connection:
        all_of_them = list(_listed(connection))
        place = place_of(connection)
    sizes = [content.size for content in all_of_them if not is_file(content.begins)]
    return Kept(place, len(sizes), sum(sizes), len(all_of_them) - len(sizes))


def move_out(store: Store, folder: Path, on_moved: Callable[[int], Any]) -> int:
    """Makes pictures and codes files of a folder, now and from now on.

    A database that has its files elsewhere has them here from then on, where they all are here.
    Begun again it goes on where it stopped; sweeps may run beside it.

    Args:
        store: The database.
        folder: The folder, absolute.
        on_moved: Called with how many were moved, again and again.

    Returns:
        How many were moved.

    Raises:
        StoreError: They are files elsewhere, and not all of them here: nothing has changed. Or a
            file cannot be written: those before it are moved.
    """

    def as_file(connection: sa.Connection, content: _Content) -> bytes | None:
        stored = connection.scalar(content.of(sa.select(content.column)))
        return None if stored is None else keep(folder, content.key, content.name, stored)

    with translated(store.location), store.engine.begin() as connection:
        hold(connection, alone=True)
        before = place_of(connection)
        files = [content for content in _listed(connection) if is_file(content.begins)]
        if before != folder and (bad := _bad(folder, files)):
            move = f"move the folder {before} there first, with whatever moves folders"
            raise StoreError(f"{_named(bad)}: {move}. Nothing was changed.")
        settle(connection, folder)
    moved = 0
    while some := _some(store, files=False):
        with translated(store.location), store.engine.begin() as connection:
            hold(connection)
            moved += _replaced(connection, some, as_file)
        on_moved(moved)
    return moved


def move_in(store: Store, on_moved: Callable[[int], Any]) -> int:
    """Takes pictures and codes into the database, now and from now on, and deletes their files.

    Begun again it goes on where it stopped; sweeps may run beside it.

    Args:
        store: The database.
        on_moved: Called with how many were moved, again and again.

    Returns:
        How many were moved.

    Raises:
        StoreError: Files are not there, or not as they were: those before them are inside.
    """
    with translated(store.location), store.engine.connect() as connection:
        folder = place_of(connection)
    if folder is None:
        return 0
    moved, last = 0, False
    while not last:
        some = _some(store, files=True)
        last = len(some) < AT_ONCE
        with translated(store.location), store.engine.begin() as connection:
            if last:  # those of whoever has finished a run meanwhile, and from now on nobody
                hold(connection, alone=True)
                some = [content for content in _listed(connection) if is_file(content.begins)]
            if bad := _bad(folder, some):
                raise StoreError(
                    f"{_named(bad)}. Put them back, or remove their runs, and try again."
                )
            moved += _replaced(
                connection, some, lambda _, c: read_file(folder, c.key, c.name, c.begins)
            )
            if last:
                settle(connection, None)
        on_moved(moved)
    with translated(store.location), store.engine.connect() as connection:
        for path in _unnamed(connection, folder):  # and nobody writes there any more
            delete(path)
    return moved


def shrink(store: Store) -> bool:
    """Gives the space of what was moved back to the disk, where the database is a file.

    Returns:
        Whether that was possible: not while another program writes, or where the disk is full.
    """
    if store.engine.dialect.name != "sqlite":
        return True
    raw = store.engine.raw_connection()
    try:
        raw.cursor().execute("VACUUM")
    except store.engine.dialect.loaded_dbapi.Error:
        return False
    finally:
        raw.close()
    return True


def unnamed(reader: Reader, *, deleting: bool = False) -> dict[Path, int]:
    """Returns the sizes of files of pictures and codes that no run of the database has any more.

    Runs that were scored anew, or whose end was cut short, leave some.

    Args:
        reader: The database; to delete them it must be a `Store`.
        deleting: Delete them, while nobody writes any.
    """
    with translated(reader.location), reader.engine.begin() as connection:
        if not sa.inspect(connection).has_table(outside.name):  # older databases have none
            return {}
        if deleting:
            hold(connection, alone=True)
        folder = place_of(connection)
        found = {} if folder is None else _unnamed(connection, folder)
        for path in found if deleting else ():
            delete(path)
    return found


def _unnamed(connection: sa.Connection, folder: Path) -> dict[Path, int]:
    """Returns the sizes of files in a folder that are of the database's runs, which name others."""
    files = [content for content in _listed(connection) if is_file(content.begins)]
    named = _paths(folder, files)
    keys = {key for (key,) in connection.execute(sa.select(jobs.c.job_key))}
    return {
        path: path.stat().st_size
        for key in sorted(keys)
        for path in files_of(folder, key)
        if path not in named
    }


def _begins(column: Any) -> sa.ColumnElement[bytes]:
    """The beginning of a content: all of it, where it names a file."""
    return sa.func.substr(column, 1, len(MARK) + 64, type_=sa.LargeBinary)


def _listed(
    connection: sa.Connection, where: Callable[[Any], Any] | None = None, limit: int | None = None
) -> Iterator[_Content]:
    """Gives pictures, then codes: all, or some of those for which `where` of their column holds."""
    for table, column, name in (_PICTURES, _CODES):
        told = [table.c.job_id, jobs.c.job_key, name, _begins(column), sa.func.length(column)]
        statement = sa.select(*told).join(jobs, jobs.c.id == table.c.job_id).limit(limit)
        statement = statement.order_by(*table.primary_key.columns)
        if where is not None:
            statement = statement.where(where(column))
        for row in connection.execute(statement):
            yield _Content(table, column, *row)


def _some(store: Store, *, files: bool) -> list[_Content]:
    """Returns the first contents that are files, or that are not, a hundred or two."""

    def where(column: Any) -> Any:
        named = sa.func.substr(column, 1, len(MARK), type_=sa.LargeBinary) == MARK
        return named if files else sa.not_(named)

    with translated(store.location), store.engine.connect() as connection:
        return list(_listed(connection, where, AT_ONCE))


def _replaced(
    connection: sa.Connection,
    contents: Sequence[_Content],
    by: Callable[[sa.Connection, _Content], bytes | None],
) -> int:
    """Puts something else in the place of contents that are as they were; returns of how many."""
    moved = 0
    for content in contents:
        if (stored := by(connection, content)) is not None:  # else it is gone meanwhile
            statement = content.of(sa.update(content.table))
            moved += connection.execute(statement.values({content.column.name: stored})).rowcount
    return moved


def _bad(folder: Path, files: Sequence[_Content]) -> list[str]:
    """Returns what is wrong with files in a folder."""
    found = []
    for content in files:
        try:
            read_file(folder, content.key, content.name, content.begins)
        except ValueError as error:
            found.append(f"run {content.key}: {error}")
    return found


def _paths(folder: Path, files: Sequence[_Content]) -> set[Path]:
    """Returns the paths of files; a damaged row names none."""
    found = set()
    for content in files:
        with suppress(ValueError):
            found.add(file_of(folder, content.key, content.name, content.begins))
    return found


def _named(bad: Sequence[str]) -> str:
    more = f", and {len(bad) - SHOWN:,} more" * (len(bad) > SHOWN)
    return f"{len(bad):,} files are not as they were: {'; '.join(bad[:SHOWN])}{more}"
