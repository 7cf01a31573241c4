"""Who is at work: the processes that hold claims, and where those train that have others do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vaebench.outcome import Place
from vaebench.store.claims import ID_DIGITS, clock, moment
from vaebench.store.database import translated
from vaebench.store.schema import claimants, jobs, places, sweep_jobs

if TYPE_CHECKING:
    from vaebench.store.reading import Reader


@dataclass(frozen=True)
class Claimant:
    """What a process says of itself before it claims.

    Attributes:
        host: The machine that it runs on.
        devices: What it trains on, as in `cuda:0, cuda:1`; empty where a cluster's nodes train.
        software: What its results depend on, as in `vaebench 1.2.0 (0123abcd), torch 2.11.0`.
        allocation: Where a cluster's queue started it, as in `slurm 42_3`; None elsewhere.
    """

    host: str
    devices: str
    software: str
    allocation: str | None = None

    def beside(self, other: Claimant) -> str:
        """Says why it does not work on a sweep beside another of other software."""
        return (
            f"{other.host} is at work on this sweep with {other.software}; here is "
            f"{self.software}. Install the same on both, or let runs of both be in one sweep with "
            "--mixed. Nothing is lost: what is not done is pending."
        )


def add_claimant(connection: sa.Connection, holder_id: str, claimant: Claimant) -> None:
    """Writes down what a holder says of itself."""
    row = {"id": holder_id, "since": clock(connection), **vars(claimant)}
    connection.execute(sa.insert(claimants).values(**row))


def move(connection: sa.Connection, before: Mapping[str, Place], now: Mapping[str, Place]) -> None:
    """Writes down where a holder's jobs are trained, and forgets where they were.

    Args:
        connection: A transaction.
        before: What it has written down, by the tokens of its claims.
        now: What it knows.
    """
    changed = {*before.items()} ^ {*now.items()}
    if tokens := sorted({token for token, _ in changed}):
        connection.execute(sa.delete(places).where(places.c.claim_token.in_(tokens)))
    if rows := [{"claim_token": token, **vars(now[token])} for token in tokens if token in now]:
        connection.execute(sa.insert(places), rows)


def at_work(reader: Reader) -> dict[str, Claimant]:
    """Returns who trains each running job, by job key, as far as they have said so.

    One that has a cluster's nodes train is given with the host and the device of the job's node,
    and with neither while it has not heard of one.
    """
    has = sa.inspect(reader.engine).has_table
    if not has(claimants.name):  # of an older database
        return {}
    running = jobs.c.state == "RUNNING"
    holding = sa.select(jobs.c.job_key, *(claimants.c[name] for name in Claimant.__annotations__))
    holding = holding.join(claimants, claimants.c.id == _holder_of(jobs)).where(running)
    placed = sa.select(jobs.c.job_key, places.c.host, places.c.device)
    placed = placed.join(places, places.c.claim_token == jobs.c.claim_token).where(running)
    with translated(reader.location), reader.engine.connect() as connection:
        found = {key: Claimant(*said) for key, *said in connection.execute(holding)}
        rows = connection.execute(placed).all() if has(places.name) else ()
    nodes = {row.job_key: Place(row.host, row.device) for row in rows}
    for key, one in found.items():
        if key in nodes or not one.devices:
            node = nodes.get(key, Place("", ""))
            found[key] = replace(one, host=node.host, devices=node.device)
    return found


def of_other_software(connection: sa.Connection, sweep_id: int, holder_id: str) -> list[Claimant]:
    """Returns who else works on a sweep, for longer than a holder and with other software.

    Of two that meet the younger gives way, so that never both do.

    Args:
        connection: A transaction.
        sweep_id: The sweep.
        holder_id: The holder.
    """
    mine = connection.execute(sa.select(claimants).where(claimants.c.id == holder_id)).first()
    if mine is None:
        return []
    at = moment(connection)
    held = ("claim_token", "claim_host", "claim_pid", "claim_started", "heartbeat_at")
    statement = (
        sa.select(claimants, *(jobs.c[name] for name in held))
        .join(jobs, claimants.c.id == _holder_of(jobs))
        .join(sweep_jobs, sweep_jobs.c.job_id == jobs.c.id)
        .where(sweep_jobs.c.sweep_id == sweep_id, jobs.c.state == "RUNNING")
        .where(claimants.c.software != mine.software)
        .order_by(claimants.c.since, claimants.c.id)
    )
    found = [
        Claimant(row.host, row.devices, row.software, row.allocation)
        for row in connection.execute(statement)
        if (row.since, row.id) < (mine.since, mine.id) and not at.gone(row._asdict())
    ]
    return list(dict.fromkeys(found))


def _holder_of(table: sa.Table) -> sa.ColumnElement[str]:
    return sa.func.substr(table.c.claim_token, 1, ID_DIGITS)
