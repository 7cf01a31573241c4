"""The store's writing half: jobs added, claimed, kept alive, finished, released and requeued."""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from vaebench.outcome import JobOutcome, Progress, Score
from vaebench.spec import JobSpec
from vaebench.store.claims import STALE_SECONDS, Claim, abandoned
from vaebench.store.database import open_engine, shown, translated
from vaebench.store.queue import next_anywhere, next_near, taking
from vaebench.store.reading import Reader
from vaebench.store.rows import Added, read_spec
from vaebench.store.schema import jobs, representations, scores, sweep_jobs, sweeps
from vaebench.store.writing import (
    anew,
    clean,
    environment_id,
    insert_figures,
    insert_missing,
    job_row,
    mend_specs,
    set_aside,
)

MAX_LOSSES = 3
"""How often a job may take its worker process with it before it counts as failed."""


class Store(Reader):
    """A result database, opened for writing.

    All times are UTC. Every method is one transaction; none of them reads and then writes what
    another process may have changed in between.

    Args:
        location: A file's path or a SQLAlchemy URL.
        create: Make the file and its tables where they are missing.

    Raises:
        StoreError: The database cannot be opened.
    """

    def __init__(self, location: str | Path, *, create: bool = True) -> None:
        super().__init__(open_engine(location, create=create, write=True), shown(location))
        self._passed: dict[int, int] = {}
        """By sweep, the position up to which its jobs were pending no more, as far as known."""

    def add_sweep(self, specs: Sequence[JobSpec], command: str) -> Added:
        """Records a sweep and adds those of its jobs that are new.

        Args:
            specs: The jobs, in the order to run them.
            command: What the user typed.
        """
        with translated(self.location), self.engine.begin() as connection:
            now = _now()
            sweep = connection.execute(
                sa.insert(sweeps).values(command=command, created_at=now).returning(sweeps.c.id)
            ).scalar_one()
            chosen = {spec.key: spec for spec in specs}
            ids = _ids(connection)
            rows = [job_row(spec, now) for key, spec in chosen.items() if key not in ids]
            new = insert_missing(connection, jobs, "job_key", rows)
            mend_specs(connection, chosen)
            if rows:
                ids = _ids(connection)
            if chosen:
                connection.execute(
                    sa.insert(sweep_jobs),
                    [
                        {"sweep_id": sweep, "position": position, "job_id": ids[key]}
                        for position, key in enumerate(chosen)
                    ],
                )
        return Added(sweep, new, len(chosen) - new)

    def claim(self, sweep_id: int) -> Claim | None:
        """Claims the sweep's next pending job, in one statement.

        The search goes on behind the job claimed last, so that it takes no longer as the sweep
        fills. Jobs that this store puts back have their turn again at once, those that another
        process puts back after the next `requeue_abandoned`, or when no others are near.

        Args:
            sweep_id: The sweep.

        Returns:
            The claim, or None where no job is pending.
        """
        me = psutil.Process()
        statement = sa.update(jobs).values(
            state="RUNNING",
            claim_token=uuid.uuid4().hex,
            claim_host=platform.node(),
            claim_pid=os.getpid(),
            claim_started=me.create_time(),
            heartbeat_at=time.time(),
            started_at=sa.func.coalesce(jobs.c.started_at, _now()),
            phase="loading",
            error=None,
            traceback=None,
        )
        while (row := self._take(sweep_id, statement)) is not None:
            try:
                spec = read_spec(row.spec, row.job_key)
                return Claim(row.id, row.claim_token, spec, row.attempts)
            except ValueError as error:
                with translated(self.location), self.engine.begin() as connection:
                    set_aside(connection, row, str(error))
        return None

    def _take(self, sweep_id: int, statement: sa.Update) -> sa.Row[Any] | None:
        """Updates the sweep's next pending job, near the one taken last or else anywhere."""
        near = next_near(sweep_id, self._passed.get(sweep_id, -1))
        for waiting in (near, next_anywhere(sweep_id)):
            with translated(self.location), self.engine.begin() as connection:
                row = connection.execute(taking(statement, sweep_id, waiting)).first()
            if row is not None:
                self._passed[sweep_id] = row.position
                return row
        return None

    def heartbeat(self, claims: Iterable[Claim], progress: Mapping[str, Progress]) -> None:
        """Shows that claims are alive, with how far each job is.

        Args:
            claims: The claims held.
            progress: The latest sign of life by job key.
        """
        with translated(self.location), self.engine.begin() as connection:
            for claim in claims:
                values: dict[str, Any] = {"heartbeat_at": time.time()}
                seen = progress.get(claim.spec.key)
                if seen is not None:
                    values |= {"phase": seen.phase, "step": seen.step}
                    if seen.steps_here and seen.phase == "training":
                        values["step_seconds"] = seen.seconds / seen.steps_here
                connection.execute(sa.update(jobs).where(*_held(claim)).values(**values))

    def complete(self, claim: Claim, outcome: JobOutcome) -> bool:
        """Records a finished job with all its figures.

        Returns:
            Whether the claim was still held; if not, nothing was written.
        """

        def write(connection: sa.Connection) -> None:
            insert_figures(connection, claim.job_id, outcome)

        return self._end(claim, outcome, "COMPLETE", write)

    def rank(self, cell: str, found: Mapping[str, Score]) -> bool:
        """Records a relative score of a cell's runs, in place of the one they had.

        Args:
            cell: The cell.
            found: The score by job key, of every run with a representation.

        Returns:
            Whether those are still the cell's runs; if not, nothing was written.
        """
        with translated(self.location), self.engine.begin() as connection:
            statement = sa.select(jobs.c.job_key, jobs.c.id).join(representations)
            statement = statement.where(jobs.c.cell == cell, jobs.c.state == "COMPLETE")
            ids = {row.job_key: row.id for row in connection.execute(statement)}
            if set(ids) != set(found):
                return False
            for key, score in found.items():
                mine = (scores.c.job_id == ids[key], scores.c.name == score.name)
                connection.execute(sa.delete(scores).where(*mine))
                connection.execute(sa.insert(scores).values(job_id=ids[key], **vars(score)))
        return True

    def fail(self, claim: Claim, outcome: JobOutcome, *, retries: int) -> bool:
        """Records a failure: pending again while attempts are left, else failed.

        Args:
            claim: The claim.
            outcome: With `error` and `traceback`.
            retries: How often a failed job is tried again.

        Returns:
            Whether the claim was still held; if not, nothing was written.
        """
        state = "PENDING" if claim.attempts < retries else "FAILED"
        self._passed.clear()
        return self._end(claim, outcome, state, None, attempts=claim.attempts + 1)

    def lose(self, claim: Claim, error: str) -> bool:
        """Puts back a job whose worker process died, or fails it after `MAX_LOSSES` of them.

        Returns:
            Whether the claim was still held; if not, nothing was written.
        """
        self._passed.clear()
        lost = jobs.c.losses + 1
        state = sa.case((lost >= MAX_LOSSES, "FAILED"), else_="PENDING")
        with translated(self.location), self.engine.begin() as connection:
            result = connection.execute(
                sa.update(jobs)
                .where(*_held(claim))
                .values(
                    state=state,
                    losses=lost,
                    claim_token=None,
                    heartbeat_at=None,
                    error=clean(error),
                    traceback=clean(error),
                )
            )
        return result.rowcount == 1

    def release(self, claims: Iterable[Claim]) -> None:
        """Puts claimed jobs back, to be gone on with later from their checkpoints."""
        self._passed.clear()
        with translated(self.location), self.engine.begin() as connection:
            for claim in claims:
                connection.execute(
                    sa.update(jobs)
                    .where(*_held(claim))
                    .values(state="PENDING", claim_token=None, heartbeat_at=None)
                )

    def requeue_abandoned(self, stale_seconds: float = STALE_SECONDS) -> int:
        """Puts back jobs whose process is gone, or has shown no sign of life for too long.

        On this host a claim is abandoned once its process is; elsewhere, or where the process
        hangs, once its last heartbeat is `stale_seconds` old.

        Returns:
            The number of jobs put back.
        """
        self._passed.clear()
        put_back = 0
        with translated(self.location), self.engine.begin() as connection:
            running = connection.execute(
                sa.select(
                    jobs.c.id,
                    jobs.c.claim_token,
                    jobs.c.claim_host,
                    jobs.c.claim_pid,
                    jobs.c.claim_started,
                    jobs.c.heartbeat_at,
                ).where(jobs.c.state == "RUNNING")
            ).all()
            for row in running:
                if abandoned(row._asdict(), stale_seconds):
                    result = connection.execute(
                        sa.update(jobs)
                        .where(jobs.c.id == row.id, jobs.c.claim_token == row.claim_token)
                        .values(state="PENDING", claim_token=None, heartbeat_at=None)
                    )
                    put_back += result.rowcount
        return put_back

    def requeue_failed(self, sweep_id: int, retries: int) -> int:
        """Puts back those failed jobs of a sweep that have attempts left.

        Args:
            sweep_id: The sweep.
            retries: How often a failed job is tried again.

        Returns:
            The number of jobs put back.
        """
        self._passed.clear()
        members = sa.select(sweep_jobs.c.job_id).where(sweep_jobs.c.sweep_id == sweep_id)
        with translated(self.location), self.engine.begin() as connection:
            result = connection.execute(
                sa.update(jobs)
                .where(jobs.c.id.in_(members), jobs.c.state == "FAILED")
                .where(jobs.c.attempts <= retries, jobs.c.losses < MAX_LOSSES)
                .values(state="PENDING")
            )
        return result.rowcount

    def retry(self, keys: Iterable[str]) -> int:
        """Makes failed jobs, and those in `unreadable`, pending again, with all their attempts.

        Returns:
            The number of jobs that are pending now.
        """
        self._passed.clear()
        changed = 0
        with translated(self.location), self.engine.begin() as connection:
            for key in keys:
                if key in self.unreadable:
                    changed += anew(connection, key)
                    continue
                result = connection.execute(
                    sa.update(jobs)
                    .where(jobs.c.job_key == key, jobs.c.state == "FAILED")
                    .values(state="PENDING", attempts=0, losses=0)
                )
                changed += result.rowcount
        return changed

    def _end(
        self,
        claim: Claim,
        outcome: JobOutcome,
        state: str,
        write: Callable[[sa.Connection], None] | None,
        **values: Any,
    ) -> bool:
        with translated(self.location), self.engine.begin() as connection:
            environment = environment_id(connection, outcome.environment)
            result = connection.execute(
                sa.update(jobs)
                .where(*_held(claim))
                .values(
                    state=state,
                    claim_token=None,
                    heartbeat_at=None,
                    finished_at=_now(),
                    environment_id=environment,
                    train_seconds=outcome.train_seconds,
                    eval_seconds=outcome.eval_seconds,
                    error=clean(outcome.error),
                    traceback=clean(outcome.traceback),
                    **values,
                )
            )
            held = result.rowcount == 1
            if held and write is not None:
                write(connection)
        return held


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _ids(connection: sa.Connection) -> dict[str, int]:
    return {row.job_key: row.id for row in connection.execute(sa.select(jobs.c.job_key, jobs.c.id))}


def _held(claim: Claim) -> tuple[sa.ColumnElement[bool], ...]:
    return (jobs.c.id == claim.job_id, jobs.c.claim_token == claim.token)
