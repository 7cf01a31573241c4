"""Two databases made one: what the other one knows is taken over, and what disagrees is listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from vaebench.outcome import JobOutcome
from vaebench.store.database import translated
from vaebench.store.reading import Reader
from vaebench.store.renewal import stored_outcome
from vaebench.store.rows import JobRow, SweepRow
from vaebench.store.schema import RELATIVE, jobs, sweep_jobs, sweeps
from vaebench.store.store import Store
from vaebench.store.writing import (
    clean,
    environment_id,
    insert_figures,
    insert_missing,
    job_row,
    one_at_a_time,
)


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
    """

    new: int
    taken: int
    same: int
    conflicts: Mapping[str, str]
    busy: tuple[str, ...]
    sweeps: tuple[int, ...]


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
    known = {row.key: row for row in store.jobs(keys=[row.key for row in rows])}
    taken = same = 0
    conflicts: dict[str, str] = {}
    busy: list[str] = []
    for row in rows:
        mine = known.get(row.key)
        if row.state == "FAILED" and mine is not None and mine.state == "PENDING":
            _take_failure(store, row)
        if row.state != "COMPLETE" or mine is None:
            continue
        outcome = stored_outcome(other, row.key)
        if mine.state == "COMPLETE":
            if found := difference(stored_outcome(store, row.key), outcome):
                conflicts[row.key] = found
            else:
                same += 1
        elif _take_run(store, row, outcome):
            taken += 1
        else:
            busy.append(row.key)
    return Merged(new, taken, same, conflicts, tuple(busy), numbers)


def difference(mine: JobOutcome, theirs: JobOutcome) -> str:
    """Names the first figure in which two finished runs of a job differ; empty where none does.

    Scores of a cell, times and pictures are not compared: the first are of the other runs, too.
    """
    before, now = ({score.name: score.value for score in one.scores} for one in (mine, theirs))
    for name in sorted((before.keys() & now.keys()) - {*RELATIVE}):
        if before[name] != now[name]:
            return f"{name} is {before[name]} here and {now[name]} there"
    return "" if mine.curves == theirs.curves else "the training curves differ"


def _take_jobs(store: Store, other: Reader, rows: list[JobRow]) -> tuple[int, tuple[int, ...]]:
    """Adds sweeps and jobs that are not known; returns how many jobs, and the sweeps' numbers."""
    members = {sweep.id: other.keys(sweep.id) for sweep in other.sweeps()}
    readable = {row.key: row.spec for row in rows}
    with translated(store.location), store.engine.begin() as connection:
        one_at_a_time(connection)
        created = {row.key: row.started_at or row.finished_at or "" for row in rows}
        new = insert_missing(
            connection,
            jobs,
            "job_key",
            [job_row(spec, created[key]) for key, spec in readable.items()],
        )
        ids = {row[1]: row[0] for row in connection.execute(sa.select(jobs.c.id, jobs.c.job_key))}
        numbers = tuple(
            _take_sweep(connection, sweep, [ids[key] for key in members[sweep.id] if key in ids])
            for sweep in other.sweeps()
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


def _take_run(store: Store, row: JobRow, outcome: JobOutcome) -> bool:
    """Takes over a finished run, where nobody trains it here; returns whether it was taken."""
    with translated(store.location), store.engine.begin() as connection:
        free = jobs.c.state.in_(("PENDING", "FAILED"))
        statement = (
            sa.update(jobs)
            .where(jobs.c.job_key == row.key, free)
            .values(
                state="COMPLETE",
                environment_id=environment_id(connection, outcome.environment),
                train_seconds=outcome.train_seconds,
                eval_seconds=outcome.eval_seconds,
                started_at=row.started_at,
                finished_at=row.finished_at,
                error=None,
                traceback=None,
            )
            .returning(jobs.c.id)
        )
        found = connection.execute(statement).first()
        if found is not None:
            insert_figures(connection, found.id, outcome)
    return found is not None


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
