"""Opening a result database: where it is, whether it is one, its version, and its errors."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from vaebench.errors import StoreError, UsageError
from vaebench.passwords import hidden, scrubbed, without_secrets
from vaebench.store import schema
from vaebench.store.making import make_indexes, make_tables, refresh_view
from vaebench.store.sqlite_file import DatabaseFile, check_file, check_kind, gone

BUSY_SECONDS = 20.0
"""How long a statement waits for another program's lock."""

SILENT_SECONDS = 1.0
"""Time for which a server's connection was not used after which it may be dead."""

_DEADLOCK = "40P01"
"""PostgreSQL's word for two transactions that waited for each other: one was undone."""

_AWAY = ("57P01", "57P02", "57P03", "53300")
"""Its words for a server that stops, has crashed, is starting, or has too many connections."""


class DatabaseLockedError(StoreError):
    """Another program holds the database's lock: the write can be tried again."""


class DatabaseAwayError(DatabaseLockedError):
    """The database server does not answer: the write can be tried again when it does."""


def open_engine(location: str | Path, *, create: bool, write: bool) -> sa.Engine:
    """Opens a database and checks that it is one of vaebench's, of a version known here.

    Args:
        location: A file's path, or a SQLAlchemy URL such as `postgresql+psycopg://host/name`.
        create: Make the file, its folder and its tables where they are missing.
        write: Open for writing; without it a file is opened read-only.

    Returns:
        The engine.

    Raises:
        StoreError: It is missing, not a database, not vaebench's, newer, locked or read-only.
    """
    name = shown(location)
    path = _sqlite_path(str(location))
    if path is None:
        engine = _server_engine(str(location))
    else:
        engine = _sqlite_engine(path, create=create, write=write)
    try:
        with translated(name):
            _check(engine, name, create=create, write=write)
    except BaseException:
        engine.dispose()
        raise
    return engine


def each_alone(engine: sa.Engine) -> Callable[[], AbstractContextManager[sa.Connection]]:
    """Returns what gives a connection of which each statement is a transaction of its own.

    A server ends such a statement where it computes it. In a transaction that the client ends, the
    locks of a statement last until the client has its turn: long, with many clients on few cores.
    """
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="AUTOCOMMIT").connect
    return engine.begin


def shown(location: str | Path) -> str:
    """Returns how messages call a database: its path, or its URL without the passwords."""
    return hidden(str(location))


def _sqlite_path(name: str) -> Path | None:
    if "://" not in name:
        return Path(name)
    if not name.startswith("sqlite"):
        return None
    path = name.partition("://")[2].removeprefix("/")
    if not path:
        raise UsageError(f"--db {name!r} names no file: use a path, as in --db results/results.db.")
    return Path(path)


def _server_engine(url: str) -> sa.Engine:
    if url.partition("?")[0].count("@") > 1:
        raise UsageError(
            f"--db {shown(url)!r} has more than one @: write those of the password as %40."
        )
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        reason = without_secrets(_one_line(error), [url])
        raise UsageError(
            f"--db {shown(url)!r} cannot be opened: {reason}. Give a file's path, or a "
            "URL such as postgresql+psycopg://user@host/name (pip install 'psycopg[binary]')."
        ) from error
    if engine.dialect.name != "postgresql":
        raise UsageError(
            f"--db {shown(url)!r} is a {engine.dialect.name} database. Known: a SQLite file, or "
            "PostgreSQL as in postgresql+psycopg://user@host/name."
        )
    _ask_after_silence(engine)
    return engine


def _ask_after_silence(engine: sa.Engine) -> None:
    """Has a pooled connection asked whether it still lives, where it was not just used.

    SQLAlchemy's own `pool_pre_ping` asks every time: half of what a claim waits for.
    """

    @sa.event.listens_for(engine, "checkin")
    def used(connection: Any, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def ask(connection: Any, record: sa.pool.ConnectionPoolEntry, proxy: Any) -> None:
        if time.monotonic() - record.info.get("used", math.inf) > SILENT_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise sa.exc.DisconnectionError from error  # the pool then makes another


def _sqlite_engine(path: Path, *, create: bool, write: bool) -> sa.Engine:
    try:
        folder, missing = path.is_dir(), not path.exists()
        check_kind(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}.") from error
    if folder:
        raise StoreError(f"{path} is a folder: give the file, as in --db {path}/results.db.")
    if missing and not create:
        raise StoreError(
            f"There is no database at {path}. Run `vaebench sweep` first, or name another with "
            "--db."
        )
    if not missing:
        check_file(path, write=write)
    if create:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"Folder {path.parent} cannot be made: {error.strerror}. Name another with --db."
            ) from error
    # A reader opens the file for writing too, where it may: only so can SQLite roll back what a
    # killed writer left half done. `query_only` keeps the reader itself from writing.
    file = DatabaseFile(path)
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"

    def connect() -> sqlite3.Connection:
        file.check()
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        if not write:
            connection.execute("PRAGMA query_only = ON")
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.QueuePool)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        file.check()
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _check(engine: sa.Engine, name: str, *, create: bool, write: bool) -> None:
    with engine.connect() as connection:
        tables = set(sa.inspect(connection).get_table_names())
    if schema.schema_version.name not in tables:
        if tables:
            raise StoreError(
                f"{name} is a database, but not one of vaebench's (it has the tables "
                f"{', '.join(sorted(tables)[:5])}). Name another with --db."
            )
        if not create:
            raise StoreError(
                f"{name} is empty. Run `vaebench sweep` first, or name another with --db."
            )
        make_tables(engine)
    with engine.connect() as connection:
        version = connection.scalar(sa.select(schema.schema_version.c.version))
    if not isinstance(version, int) or version < 1:
        raise StoreError(
            f"{name} is damaged: its schema is {version!r}, and was 1 or more when it was made. It "
            "was left as it is: put a copy back, or name another with --db."
        )
    if version > schema.VERSION:
        raise StoreError(
            f"{name} is of schema {version}, this vaebench knows those up to {schema.VERSION}: a "
            "newer one has written it. Install that (pip install -U vaebench), or name another "
            "with --db."
        )
    if write:
        if version < schema.VERSION:
            from vaebench.store.revisions import upgrade

            upgrade(engine)
        if not tables.issuperset(schema.metadata.tables):
            make_tables(engine)  # those that an older vaebench of this version did not have
        make_indexes(engine)
        refresh_view(engine)


def _is_away(error: sa.exc.DBAPIError) -> bool:
    """Says whether a server is gone, for now: SQLite has no such words."""
    if not hasattr(error.orig, "sqlstate"):
        return False
    state = getattr(error.orig, "sqlstate", None)
    lost = isinstance(error, sa.exc.OperationalError) and state is None
    return error.connection_invalidated or lost or state in _AWAY or str(state).startswith("08")


def _one_line(error: BaseException | None) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _damaged(name: str, text: str) -> StoreError:
    return StoreError(
        f"{name} is damaged ({text}). It was left as it is: put a copy back, or name another with "
        "--db."
    )


@contextmanager
def translated(location: str | Path) -> Iterator[None]:
    """Turns a driver's errors into one line about the database at `location`.

    Raises:
        DatabaseAwayError: The server does not answer.
        DatabaseLockedError: Another program holds the lock.
        StoreError: Any other fault of the database.
    """
    try:
        yield
    except UnicodeDecodeError as error:  # of SQLite's own tables, or of its words about them
        raise _damaged(shown(location), _one_line(error)) from error
    except sa.exc.DBAPIError as error:
        name, text = shown(location), scrubbed(_one_line(error.orig))
        if "locked" in text or getattr(error.orig, "sqlstate", None) == _DEADLOCK:
            raise DatabaseLockedError(
                f"{name} is locked by another program. Close it there, then run the command again."
            ) from error
        if _is_away(error):
            raise DatabaseAwayError(f"{name} cannot be reached ({text}).") from error
        if "not a database" in text:
            raise StoreError(
                f"{name} is not a vaebench database ({text}). It was left as it is; name another "
                "with --db."
            ) from error
        if "malformed" in text:
            raise _damaged(name, text) from error
        if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_READONLY_DBMOVED":
            raise gone(name) from error
        if "readonly" in text or "unable to open" in text:
            raise StoreError(
                f"{name} cannot be written ({text}). Make the file and its folder writable, or "
                "name another with --db."
            ) from error
        if "disk is full" in text or "No space left" in text:
            raise StoreError(
                f"{name} cannot be written: the disk is full. Free some space, then run the same "
                "command again: it goes on where it stopped."
            ) from error
        raise StoreError(f"{name}: {text}.") from error
