"""Plug-ins that the runs of a database were made with: written down, and read again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa

from vaebench.plugins.plugin import Plugin, Reference
from vaebench.store.schema import RESULTS, plugins
from vaebench.store.writing import clean, insert_missing

Row = sa.Row[tuple[object, ...]]

_COLUMN = re.compile("[a-z][a-z0-9_]{0,63}")
"""What the name of a score's column can be: the view is made of it, and a database is anybody's."""


def insert_plugins(connection: sa.Connection, used: Iterable[Plugin]) -> None:
    """Writes down plug-ins with their scores; these are then the ones that were used last."""
    from vaebench.plugging import score_columns

    rows = []
    for plugin in used:
        path = None if plugin.path is None else clean(str(plugin.path))
        row = {
            "name": plugin.name,
            "version": plugin.version,
            "path": path,
            "scores": json.dumps(score_columns(plugin)),
        }
        rows.append({**row, "identity": _identity(row)})
    same = plugins.c.identity.in_([row["identity"] for row in rows])
    connection.execute(sa.delete(plugins).where(same))
    insert_missing(connection, plugins, "identity", rows)


def copy_plugins(connection: sa.Connection, rows: Iterable[Row]) -> int:
    """Writes down the plug-ins of another database; returns how many were new."""
    names = ("identity", "name", "version", "path", "scores")
    values = [{name: row._mapping[name] for name in names} for row in rows]
    return insert_missing(connection, plugins, "identity", values)


def _identity(row: dict[str, str | None]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:16]


def plugin_rows(connection: sa.Connection) -> list[Row]:
    """Returns what a database knows of plug-ins, as written; nothing where it has no such table."""
    if not sa.inspect(connection).has_table(plugins.name):
        return []
    return list(connection.execute(sa.select(plugins).order_by(plugins.c.id)))


def references(rows: Iterable[Row]) -> list[Reference]:
    """Returns the plug-ins of a database; what is damaged is left out."""
    texts = [tuple(row._mapping[name] for name in ("name", "version", "path")) for row in rows]
    return [
        Reference(name, version, None if path is None else Path(path))
        for name, version, path in texts
        if isinstance(name, str) and isinstance(version, str) and isinstance(path, str | None)
    ]


def columns_of(rows: Iterable[Row]) -> list[str]:
    """Returns the scores of a database's plug-ins that `results` has columns of."""
    found: dict[str, None] = {}
    for row in rows:
        try:
            names = json.loads(row._mapping["scores"])
        except (TypeError, ValueError):
            continue
        for name in names if isinstance(names, list) else ():
            if isinstance(name, str) and _COLUMN.fullmatch(name) and name not in RESULTS:
                found[name] = None
    return list(found)
