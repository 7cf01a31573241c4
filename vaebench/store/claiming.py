"""The store's claiming quarter: jobs taken, kept alive, released, and put back where abandoned."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from vaebench.outcome import Place, Progress
from vaebench.store.claimants import Claimant, add_claimant, move, of_other_software
from vaebench.store.claims import STALE_SECONDS, Claim, add_holder, clock, moment, new_token
from vaebench.store.database import each_alone, translated
from vaebench.store.holders import Watch, created, this_process
from vaebench.store.queue import taking
from vaebench.store.reading import Reader
from vaebench.store.rows import read_spec
from vaebench.store.schema import jobs
from vaebench.store.writing import set_aside


class Claiming(Reader):
    """A result database from which jobs are claimed.

    Args:
        engine: The open engine.
        location: Its name, for messages.
    """

    def __init__(self, engine: sa.Engine, location: str) -> None:
        super().__init__(engine, location)
        self._passed: dict[int, tuple[int, int]] = {}
        """By sweep, the position of the job claimed last, and how many lay between it and the one
        before."""
        self._holder_id: str | None = None
        self._alone = each_alone(engine)
        self._places: dict[str, Place] = {}
        """By the tokens of claims, where their jobs are trained, as far as it is written down."""
        self._created = created()
        self._watch = Watch()

    def claim(self, sweep_id: int) -> Claim | None:
        """Claims the sweep's next pending job, in one statement.

        The search goes on behind the job claimed last, so that it takes no longer as the sweep
        fills. On a server it leaves out three quarters of as many as others claimed between this
        store's last two: of 64 processes each would look at 63 claimed jobs for nothing. Jobs that
        are passed over so, or that another process puts back, have their turn after the next
        `requeue_abandoned`, or when no others are near; those that this store puts back at once.

        Args:
            sweep_id: The sweep.

        Returns:
            The claim, or None where no job is pending.
        """
        token = new_token(self._holder())
        while (row := self._take(sweep_id, token)) is not None:
            try:
                spec = read_spec(row.spec, row.job_key)
                if not isinstance(row.attempts, int):
                    raise ValueError(f"attempts is {row.attempts!a}, not a whole number")
                return Claim(row.id, row.claim_token, spec, row.attempts)
            except ValueError as error:
                with translated(self.location), self.engine.begin() as connection:
                    set_aside(connection, row, str(error))
        return None

    def _take(self, sweep_id: int, token: str) -> sa.Row[Any] | None:
        """Updates the sweep's next pending job, near the one taken last or else anywhere."""
        server = self.engine.dialect.name == "postgresql"
        values = {
            "of_sweep": sweep_id,
            "token": token,
            "host": platform.node(),
            "pid": os.getpid(),
            "created": self._created,
            "now": time_text(),
        }
        passed, between = self._passed.get(sweep_id, (-1, 0))
        for near in (True, False):
            known = values | ({"after": passed + between * 3 // 4} if near else {})
            with translated(self.location), self._alone() as connection:
                known |= {} if server else {"by_this_host": time.time()}
                row = connection.execute(taking(near=near, server=server), known).first()
            if row is not None:
                behind = server and near and passed >= 0
                between = row.position - passed - 1 if behind else 0
                self._passed[sweep_id] = row.position, between
                return row
        return None

    def introduce(self, claimant: Claimant) -> None:
        """Says who is going to claim; a store is introduced once."""
        holder = self._holder()
        with translated(self.location), self.engine.begin() as connection:
            add_claimant(connection, holder, claimant)

    def of_other_software(self, sweep_id: int) -> list[Claimant]:
        """Returns who is at work on a sweep for longer than this store, with other software."""
        if self._holder_id is None:
            return []
        with translated(self.location), self.engine.begin() as connection:
            return of_other_software(connection, sweep_id, self._holder_id)

    def heartbeat(self, claims: Iterable[Claim], progress: Mapping[str, Progress]) -> None:
        """Shows that claims are alive, with how far each job is, and where.

        Args:
            claims: All claims held.
            progress: The latest sign of life by job key.
        """
        places: dict[str, Place] = {}
        with translated(self.location), self.engine.begin() as connection:
            for claim in sorted(claims, key=lambda claim: claim.job_id):
                values: dict[str, Any] = {"heartbeat_at": clock(connection)}
                seen = progress.get(claim.spec.key)
                if seen is not None:
                    values |= {"phase": seen.phase, "step": seen.step}
                    if seen.steps_here and seen.phase == "training":
                        values["step_seconds"] = seen.seconds / seen.steps_here
                    if seen.place is not None:
                        places[claim.token] = seen.place
                connection.execute(sa.update(jobs).where(*held(claim)).values(**values))
            move(connection, self._places, places)
        self._places = places

    def release(self, claims: Iterable[Claim]) -> None:
        """Puts claimed jobs back, to be gone on with later from their checkpoints."""
        self._passed.clear()
        with translated(self.location), self.engine.begin() as connection:
            for claim in sorted(claims, key=lambda claim: claim.job_id):
                connection.execute(
                    sa.update(jobs)
                    .where(*held(claim))
                    .values(state="PENDING", claim_token=None, heartbeat_at=None)
                )

    def requeue_abandoned(
        self, stale_seconds: float = STALE_SECONDS, held_here: Iterable[Claim] = ()
    ) -> int:
        """Puts back jobs whose process is gone, or has shown no sign of life for too long.

        No wall clock of a host decides it. A process of this boot of this machine is gone or not,
        by its number and the ticks at its start. Any other, and one that hangs, is silent: by the
        database server's clock, which also wrote the heartbeats; on SQLite, or where it is known
        to live, once this store has seen no other heartbeat for so long, so not at its first
        look: a machine that slept has silenced all of its own processes, and ends none.

        Args:
            stale_seconds: Silence after which a claim counts as abandoned.
            held_here: Claims that the caller holds, which are not.

        Returns:
            The number of jobs put back.
        """
        self._passed.clear()
        ours = {claim.token for claim in held_here}
        names = "id claim_token claim_host claim_pid claim_started heartbeat_at".split()
        statement = sa.select(*(jobs.c[name] for name in names)).where(jobs.c.state == "RUNNING")
        statement = statement.order_by(jobs.c.id)  # as all do, or two might wait for each other
        put_back = 0
        with translated(self.location), self.engine.begin() as connection:
            running = [row._asdict() for row in connection.execute(statement)]
            at = moment(connection)
            seen = self._watch.silences(
                {row["claim_token"]: row["heartbeat_at"] for row in running}
            )
            for row in running:
                if row["claim_token"] in ours:
                    continue
                silence = seen[row["claim_token"]]
                if not at.gone(row):
                    if at.trusts(row) and not at.alive(row):
                        silence = max(silence, at.old(row))
                    if silence <= stale_seconds:
                        continue
                result = connection.execute(
                    sa.update(jobs)
                    .where(jobs.c.id == row["id"], jobs.c.claim_token == row["claim_token"])
                    .values(state="PENDING", claim_token=None, heartbeat_at=None)
                )
                put_back += result.rowcount
        return put_back

    def _holder(self) -> str:
        """Returns the id by which this process holds claims, written down at its first."""
        if self._holder_id is None:
            with translated(self.location), self.engine.begin() as connection:
                self._holder_id = add_holder(connection, this_process())
        return self._holder_id


def held(claim: Claim) -> tuple[sa.ColumnElement[bool], ...]:
    """Selects a claim's job for as long as the claim holds."""
    return (jobs.c.id == claim.job_id, jobs.c.claim_token == claim.token)


def time_text() -> str:
    """Returns the time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
