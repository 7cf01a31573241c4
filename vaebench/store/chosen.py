"""Which jobs of a database a condition chooses, and whether a database has changed since."""

from __future__ import annotations

import difflib
import re
import sqlite3
from contextlib import closing
from typing import Any

import sqlalchemy as sa

from vaebench.errors import UsageError
from vaebench.store.database import translated
from vaebench.store.reading import Reader
from vaebench.store.schema import jobs, scores
from vaebench.store.tables import table_of

MORE = ("state", "error")
"""Columns that every job has beside those of `results`."""


def chosen(reader: Reader, condition: str) -> set[str]:
    """Returns the keys of the jobs, in whatever state, for which a condition holds.

    The condition is what may stand after WHERE in SQLite, whatever the database is kept in, on
    the columns of `results`, `state` and `error`. Of a job that is not finished what comes of it
    is NULL. It is asked of a copy: nothing that it says can change the database.

    Args:
        reader: The database.
        condition: As in `dataset = 'dsprites' AND seed < 3`.

    Raises:
        UsageError: It is no condition, or names a column that there is not.
    """
    columns, rows = table_of(reader, "results")
    job_columns, all_jobs = table_of(reader, "jobs")
    names = [*columns, *MORE]
    done = {row[0]: row for row in rows}
    records = []
    for values in all_jobs:
        job = dict(zip(job_columns, values, strict=True))
        result = dict(zip(columns, done.get(job["job_key"], ()), strict=False))
        records.append([result.get(name, job.get(name)) for name in names])
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.execute(f"CREATE TABLE runs ({', '.join(names)})")
        copy.executemany(f"INSERT INTO runs VALUES ({', '.join('?' * len(names))})", records)
        try:
            found = copy.execute(f"SELECT job_key FROM runs WHERE (\n{condition}\n)").fetchall()
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise _wrong(condition, " ".join(str(error).split()), names) from error
    return {row[0] for row in found}


def _wrong(condition: str, said: str, names: list[str]) -> UsageError:
    quotes = "A text stands in single quotes, as in dataset = 'dsprites'."
    missing = re.fullmatch(r"no such column: (.+)", said)
    if missing is None:
        return UsageError(f"--where {condition!r} is no condition: {said}. {quotes}")
    close = difflib.get_close_matches(missing[1], names, n=1, cutoff=0.5)
    meant = f"Did you mean {close[0]!r}? " if close else ""
    return UsageError(
        f"--where {condition!r}: there is no column {missing[1]!r}. {meant}{quotes} The columns "
        "are those that `vaebench runs --format csv` prints."
    )


def revision(reader: Reader) -> tuple[Any, ...]:
    """Returns what changes whenever a job changes its state or a run its figures."""
    states = sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state).order_by(jobs.c.state)
    last = sa.select(sa.func.max(jobs.c.finished_at))
    figures = sa.select(sa.func.count(), sa.func.sum(scores.c.value))
    with translated(reader.location), reader.engine.connect() as connection:
        asked = [connection.execute(each).all() for each in (states, last, figures)]
    return tuple(tuple(map(tuple, rows)) for rows in asked)
