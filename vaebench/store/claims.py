"""Claims: the right to run a job, and when nobody holds it any more."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vaebench.spec import JobSpec
from vaebench.store.holders import Holder, lived_here, lives
from vaebench.store.schema import holders

STALE_SECONDS = 120.0
"""Silence of a claim after which it counts as abandoned, wherever it was made."""

ID_DIGITS = 16
"""Of a holder's id, with which the tokens of its claims begin."""


@dataclass(frozen=True)
class Claim:
    """The right to run one job and to record its outcome.

    Attributes:
        job_id: Row of the job.
        token: Proof of the right; a job claimed anew has another. It begins with the id of its
            holder's row.
        spec: The job.
        attempts: How often it has been claimed and failed before.
    """

    job_id: int
    token: str
    spec: JobSpec
    attempts: int


@dataclass(frozen=True)
class Moment:
    """What is known of the claims of a database when it is looked at.

    Attributes:
        known: The processes that have claimed, by the ids of their rows.
        now: The time by the clock that heartbeats are written by.
        server: Whether that is the database server's, the same for all hosts.
    """

    known: Mapping[str, Holder]
    now: float
    server: bool

    def gone(self, values: Mapping[str, Any]) -> bool:
        """Says whether the process that claimed a job is known to run no more.

        Args:
            values: `claim_token`, `claim_host`, `claim_pid`, `claim_started` and `heartbeat_at`.
        """
        numbers = [values[name] for name in ("heartbeat_at", "claim_pid", "claim_started")]
        if not all(isinstance(x, (int, float)) and math.isfinite(x) for x in numbers):
            return True  # damaged: whoever holds it can do no better than begin anew
        holder = self._holder(values)
        if holder is not None:
            return lives(holder) is False
        return lived_here(values["claim_host"], int(numbers[1]), numbers[2]) is False

    def alive(self, values: Mapping[str, Any]) -> bool:
        """Says whether the process that claimed a job is known to run on this machine."""
        holder = self._holder(values)
        return holder is not None and lives(holder) is True

    def old(self, values: Mapping[str, Any]) -> float:
        """Returns the age of a claim's last heartbeat, in seconds by the clock at hand."""
        return float(self.now - values["heartbeat_at"])

    def trusts(self, values: Mapping[str, Any]) -> bool:
        """Says whether a heartbeat was written by the server's clock, and not by a host's.

        An older vaebench wrote by its host's, and left no row of its holder.
        """
        return self.server and self._holder(values) is not None

    def _holder(self, values: Mapping[str, Any]) -> Holder | None:
        return self.known.get(str(values["claim_token"])[:ID_DIGITS])


def moment(connection: sa.Connection) -> Moment:
    """Looks at what is known of claims."""
    known: dict[str, Holder] = {}
    if sa.inspect(connection).has_table(holders.name):  # older databases have none
        for row in connection.execute(sa.select(holders)):
            known[row.id] = Holder(row.place, row.pid, row.started)
    now = float(connection.scalar(sa.select(clock(connection))) or 0.0)
    return Moment(known, now, connection.dialect.name == "postgresql")


def clock(connection: sa.Connection) -> sa.ColumnElement[float]:
    """The clock that heartbeats are written by: the database server's, where there is one."""
    if connection.dialect.name == "postgresql":
        return server_clock()
    return sa.literal(time.time(), sa.Float)


def server_clock() -> sa.ColumnElement[float]:
    """The clock of a database server, in seconds since the epoch."""
    return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Float)


def add_holder(connection: sa.Connection, holder: Holder | None) -> str:
    """Writes down a process that is going to claim; returns the id of its row."""
    identity = uuid.uuid4().hex[:ID_DIGITS]
    if holder is not None:
        connection.execute(sa.insert(holders).values(id=identity, **vars(holder)))
    return identity


def new_token(holder_id: str) -> str:
    """Returns the token of a new claim."""
    return holder_id + uuid.uuid4().hex[:ID_DIGITS]
