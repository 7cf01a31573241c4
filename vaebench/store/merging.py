"""Two databases made one: what the other one knows is taken over, and what disagrees is listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from vaebench.errors import StoreError
from vaebench.outcome import JobOutcome
from vaebench.store.claiming import time_text
from vaebench.store.database import translated
from vaebench.store.making import refresh_view
from vaebench.store.plugged import copy_plugins
from vaebench.store.reading import Reader
from vaebench.store.renewal import put, stored_outcome
from vaebench.store.rows import JobRow, SweepRow
from vaebench.store.schema import jobs, sweep_jobs, sweeps
from vaebench.store.store import Store
from vaebench.store.writing import (
    clean,
    insert_missing,
    job_row,
    one_at_a_time,
)

UNTAKEN = ("PENDING", "FAILED")
"""States of jobs here whose finished runs are taken over."""


@dataclass(frozen=True)
class Merged:
    """What came of a merge.

    Attributes:
        new: Jobs that were not known here.
        taken: Finished runs that were taken over.
        same: Runs that are finished in both, with the same figures.
        conflicts: Key -> what differs, of runs that are finished in both; this database's stay.
        busy: Keys of runs that are finished there, and being trained here: they were left alone.
        sweeps: Numbers of the sweeps that were added, and of those that had been before.
        unreadable: By key, why runs there could not be read.
    """

    new: int
    taken: int
    same: int
    conflicts: Mapping[str, str]
    busy: tuple[str, ...]
    sweeps: tuple[int, ...]
    unreadable: Mapping[str, str]


def merge(store: Store, other: Reader) -> Merged:
    """Takes over what another database knows; merging it again changes nothing.

    Each run is taken in one transaction of its own, so that a merge that was killed is gone on
    with by the next.

    Args:
        store: The database that gets it.
        other: The one that it comes from; it is not changed.
    """
    rows = other.jobs()
    new, numbers = _take_jobs(store, other, rows)
    refresh_view(store.engine)
    states = store.states()
    taken = same = 0
    conflicts: dict[str, str] = {}
    busy: list[str] = []
    for row in rows:
        if row.state == "FAILED" and states[row.key] == "PENDING":
            _take_failure(store, row)
        if row.state != "COMPLETE":
            continue
        outcome = _whole(other, row.key)
        if outcome is None:
            continue
        if states[row.key] == "COMPLETE":
            mine = _whole(store, row.key)
            found = "it cannot be read here" if mine is None else difference(mine, outcome)
            conflicts |= {row.key: found} if found else {}
            same += not found
        elif put(store, outcome, UNTAKEN, started_at=row.started_at, finished_at=row.finished_at,
                 error=None, traceback=None):  # fmt: skip
            taken += 1
        else:
            busy.append(row.key)
    return Merged(new, taken, same, conflicts, tuple(busy), numbers, dict(other.unreadable))


def difference(mine: JobOutcome, theirs: JobOutcome) -> str:
    """Names the first figure in which two finished runs of a job differ; empty where none does.

    Scores that only one vaebench knows, times and pictures are not compared.
    """
    before, now = ({score.name: score.value for score in one.scores} for one in (mine, theirs))
    for name in sorted(before.keys() & now.keys()):
        if before[name] != now[name]:
            return f"{name} is {before[name]} here and {now[name]} there"
    return "" if mine.curves == theirs.curves else "the training curves differ"


def _whole(reader: Reader, key: str) -> JobOutcome | None:
    """Reads a finished run; None where a part of it is damaged, for half a run is none."""
    try:
        outcome = stored_outcome(reader, key)
    except StoreError:
        if key not in reader.unreadable:
            raise
        return None
    return None if key in reader.unreadable else outcome


def _take_jobs(store: Store, other: Reader, rows: list[JobRow]) -> tuple[int, tuple[int, ...]]:
    """Adds sweeps and jobs that are not known; returns how many jobs, and the sweeps' numbers."""
    members = [(sweep, other.keys(sweep.id)) for sweep in other.sweeps()]
    known = other.plugin_rows()
    with translated(store.location), store.engine.begin() as connection:
        one_at_a_time(connection)
        now = time_text()
        new = insert_missing(
            connection,
            jobs,
            "job_key",
            [job_row(row.spec, now) for row in rows],
        )
        ids = {row[1]: row[0] for row in connection.execute(sa.select(jobs.c.id, jobs.c.job_key))}
        copy_plugins(connection, known)
        numbers = tuple(
            _take_sweep(connection, sweep, [ids[key] for key in keys if key in ids])
            for sweep, keys in members
        )
    return new, numbers


def _take_sweep(connection: sa.Connection, sweep: SweepRow, job_ids: list[int]) -> int:
    """Adds a sweep with its jobs, where none of that command and moment is known."""
    said = {"command": clean(sweep.command), "created_at": sweep.created_at}
    alike = [sweeps.c[name] == value for name, value in said.items()]
    known = connection.execute(sa.select(sweeps.c.id).where(*alike)).scalar()
    if known is not None:
        return int(known)
    number = connection.execute(sa.insert(sweeps).values(said).returning(sweeps.c.id)).scalar_one()
    if job_ids:
        places = [
            {"sweep_id": number, "position": position, "job_id": job_id}
            for position, job_id in enumerate(job_ids)
        ]
        connection.execute(sa.insert(sweep_jobs), places)
    return int(number)


def _take_failure(store: Store, row: JobRow) -> None:
    """Takes over what went wrong with a job that has not been tried here."""
    with translated(store.location), store.engine.begin() as connection:
        untried = (jobs.c.state == "PENDING", jobs.c.attempts == 0, jobs.c.losses == 0)
        connection.execute(
            sa.update(jobs)
            .where(jobs.c.job_key == row.key, *untried)
            .values(
                state="FAILED",
                attempts=row.attempts,
                error=clean(row.error),
                traceback=clean(row.traceback),
                finished_at=row.finished_at,
            )
        )
