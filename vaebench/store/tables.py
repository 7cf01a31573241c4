"""Whole tables of a database, as they are exported and handed to pandas."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from vaebench.store import schema
from vaebench.store.database import translated
from vaebench.store.plugged import columns_of
from vaebench.store.reading import Reader
from vaebench.store.revisions import said_later
from vaebench.store.rows import Kind, kinds
from vaebench.store.schema import curves, environments, jobs, scores

TABLES = ("results", "scores", "curves", "jobs")
"""What `table_of` reads."""

Rows = list[tuple[Any, ...]]


def table_of(
    reader: Reader, name: str, keys: Collection[str] | None = None
) -> tuple[dict[str, type], Rows]:
    """Returns a whole table.

    Args:
        reader: The database; one of an older schema has the columns of this one, too.
        name: One of `TABLES`.
        keys: Of `results`, only the rows of these few runs.

    Returns:
        The columns' names and types, and the rows; those that hold another type are left out.
    """
    lacking = [c.name for c in jobs.c if c not in reader.job_columns]
    if name == "results":
        must, rows = _results(reader, lacking, keys)
    elif name == "jobs":
        columns = [sa.null().label(c.name) if c.name in lacking else c for c in jobs.c]
        must, rows = kinds(jobs.c), _rows(reader, sa.select(*columns).order_by(jobs.c.id))
    else:
        table = {"scores": scores, "curves": curves}[name]
        of_run = [jobs.c.job_key, *(c for c in table.c if c.name != "job_id")]
        chosen = sa.select(*of_run).join(table).order_by(*table.primary_key.columns)
        must, rows = kinds(of_run), _rows(reader, chosen)
    names = [column.name for column in must]
    if lacking and name in {"results", "jobs"}:
        rows = _filled(reader, names, rows, lacking)
    return {column.name: column.kind for column in must}, reader.without_damaged(rows, must)


def results_of(reader: Reader) -> list[dict[str, Any]]:
    """Returns the rows of the `results` view: one per finished run."""
    columns, rows = table_of(reader, "results")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _results(
    reader: Reader, lacking: Collection[str], keys: Collection[str] | None
) -> tuple[list[Kind], Rows]:
    """Reads the SELECT behind the view `results`, with what its columns must be."""
    known = {**environments.c, **jobs.c}
    few = "" if keys is None else " AND j.job_key IN :keys"
    others = columns_of(reader.plugin_rows())
    statement = sa.text(f"{schema.results_view(lacking, others)}{few}\nORDER BY j.id")
    if keys is not None:
        among: sa.BindParameter[Any] = sa.bindparam("keys", list(keys), sa.String, expanding=True)
        statement = statement.bindparams(among)
    with translated(reader.location), reader.engine.connect() as connection:
        result = connection.execute(statement)
        names, rows = list(result.keys()), [tuple(row) for row in result]
    must = [
        Kind(
            column,
            known[column].type.python_type if column in known else float,
            finite=column not in (*schema.SCORES, *others),
        )
        for column in names
    ]
    return must, rows


def _rows(reader: Reader, statement: sa.Executable) -> Rows:
    with translated(reader.location), reader.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(statement)]


def _filled(reader: Reader, names: Sequence[str], rows: Rows, lacking: Collection[str]) -> Rows:
    """Fills columns that an older schema lacks with what they say of each job."""
    stored = _rows(reader, sa.select(jobs.c.job_key, jobs.c.spec))
    specs = dict[str, Any](stored)
    place = names.index("job_key")
    whole = []
    for row in rows:
        said = said_later(specs.get(row[place]))
        whole.append(
            tuple(
                said.get(name) if name in lacking else value
                for name, value in zip(names, row, strict=True)
            )
        )
    return whole
