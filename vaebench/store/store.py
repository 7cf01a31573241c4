"""The store's writing half: jobs added, claimed, kept alive, finished, released and requeued."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from vaebench.outcome import JobOutcome, Score
from vaebench.spec import JobSpec
from vaebench.store.claiming import Claiming, held, time_text
from vaebench.store.claims import Claim
from vaebench.store.database import open_engine, shown, translated
from vaebench.store.figures import AT_ONCE, latent_kl
from vaebench.store.making import refresh_view
from vaebench.store.plugged import insert_plugins
from vaebench.store.rows import Added
from vaebench.store.schema import RELATIVE, jobs, representations, scores, sweep_jobs, sweeps
from vaebench.store.writing import (
    anew,
    clean,
    environment_id,
    insert_figures,
    insert_missing,
    job_row,
    mend_specs,
    one_at_a_time,
    replace_scores,
)

if TYPE_CHECKING:
    from vaebench.plugins.plugin import Plugin

MAX_LOSSES = 3
"""How often a job may take its worker process with it before it counts as failed."""


class Store(Claiming):
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
        self.recall()

    def remember(self, used: Sequence[Plugin]) -> None:
        """Writes down the plug-ins that runs are made with; `results` gets their columns."""
        if not used:
            return
        with translated(self.location):
            with self.engine.begin() as connection:
                insert_plugins(connection, used)
            refresh_view(self.engine)

    def add_sweep(self, specs: Sequence[JobSpec], command: str) -> Added:
        """Records a sweep, with the plug-ins that it uses, and adds those of its jobs that are new.

        Args:
            specs: The jobs, in the order to run them.
            command: What the user typed.
        """
        from vaebench.plugging import in_use

        self.remember(in_use(specs))
        with translated(self.location), self.engine.begin() as connection:
            one_at_a_time(connection)
            now = time_text()
            row = {"command": clean(command), "created_at": now}
            inserted = sa.insert(sweeps).values(row).returning(sweeps.c.id)
            sweep = connection.execute(inserted).scalar_one()
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

    def complete(self, claim: Claim, outcome: JobOutcome) -> bool:
        """Records a finished job with all its figures.

        Returns:
            Whether the claim was still held; if not, nothing was written.
        """

        def write(connection: sa.Connection) -> None:
            insert_figures(connection, claim.job_id, outcome)

        return self._end(claim, outcome, "COMPLETE", write)

    def unranked(self, sweep_id: int) -> list[str]:
        """Returns the sweep's cells whose relative scores are missing or of fewer runs.

        Runs of damaged codes or KL count for nothing. They are looked for, and are in
        `unreadable` afterwards, in cells that have scores: without them it may be of all runs.
        """
        found = self._unranked(sweep_id)
        scored = [cell for cell, scored in found if scored]
        for cell in scored:
            self.representations(cell)
            latent_kl(self, cell=cell)
        return [cell for cell, _ in (self._unranked(sweep_id) if scored else found)]

    def _unranked(self, sweep_id: int) -> list[tuple[str, bool]]:
        """Returns those cells by the rows at hand, each with whether any of its runs is scored."""
        members = sa.select(sweep_jobs.c.job_id).where(sweep_jobs.c.sweep_id == sweep_id)
        cells = sa.select(jobs.c.cell).where(jobs.c.id.in_(members))
        ranked = sa.and_(scores.c.job_id == jobs.c.id, scores.c.name.in_(RELATIVE))
        runs, scored = sa.func.count(), sa.func.coalesce(sa.func.sum(scores.c.points), 0)
        statement = (
            sa.select(jobs.c.cell, scored)
            .join(representations)
            .outerjoin(scores, ranked)
            .where(jobs.c.cell.in_(cells), jobs.c.state == "COMPLETE")
            .where(jobs.c.job_key.not_in(self.unreadable))
            .group_by(jobs.c.cell)
            .having(runs > 1, scored != runs * runs)
            .order_by(sa.func.min(jobs.c.id))
        )
        return [(row[0], row[1] > 0) for row in self._rows(statement)]

    def rank(self, cell: str, found: Mapping[str, Score]) -> bool:
        """Records a relative score of a cell's runs, in place of the one they had.

        Args:
            cell: The cell.
            found: The score by job key, of every run with a representation, but of those in
                `unreadable`.

        Returns:
            Whether those are still the cell's runs; if not, nothing was written.
        """
        with translated(self.location), self.engine.begin() as connection:
            statement = sa.select(jobs.c.job_key, jobs.c.id).join(representations)
            statement = statement.where(jobs.c.cell == cell, jobs.c.state == "COMPLETE")
            rows = [*connection.execute(statement.order_by(jobs.c.id))]
            ids = {row.job_key: row.id for row in rows if row.job_key not in self.unreadable}
            if set(ids) != set(found):
                return False
            replace_scores(connection, {job: found[key] for key, job in ids.items()})
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
                .where(*held(claim))
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
            chosen = list(keys)
            changed += sum(anew(connection, key) for key in chosen if key in self.unreadable)
            failed = [key for key in chosen if key not in self.unreadable]
            for first in range(0, len(failed), AT_ONCE):
                some = jobs.c.job_key.in_(failed[first : first + AT_ONCE])
                result = connection.execute(
                    sa.update(jobs)
                    .where(some, jobs.c.state == "FAILED")
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
                .where(*held(claim))
                .values(
                    state=state,
                    claim_token=None,
                    heartbeat_at=None,
                    finished_at=time_text(),
                    environment_id=environment,
                    train_seconds=outcome.train_seconds,
                    eval_seconds=outcome.eval_seconds,
                    error=clean(outcome.error),
                    traceback=clean(outcome.traceback),
                    **values,
                )
            )
            ours = result.rowcount == 1
            if ours and write is not None:
                write(connection)
        return ours


def _ids(connection: sa.Connection) -> dict[str, int]:
    return {row.job_key: row.id for row in connection.execute(sa.select(jobs.c.job_key, jobs.c.id))}
