"""Rows of the store's tables: made from jobs and outcomes, and inserted."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from vaebench.outcome import JobOutcome, Score
from vaebench.spec import JobSpec
from vaebench.store.outside import CODES, keeper
from vaebench.store.rows import is_spec, read_spec
from vaebench.store.schema import (
    SPEC_COLUMNS,
    artifacts,
    curves,
    environments,
    jobs,
    representations,
    scores,
)

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

_ADDING = 0x76616562
"""The advisory lock of those that add jobs: `vaeb`."""


def clean(text: str | None) -> str | None:
    """Leaves out what a database cannot hold: NUL characters and halves of surrogate pairs."""
    return text and text.replace("\x00", "").encode("utf-8", "replace").decode()


def one_at_a_time(connection: sa.Connection) -> None:
    """Waits until no other transaction on the server adds jobs; on SQLite no other writes anyway.

    Two that insert the same keys in another order each would wait for each other.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADDING)))


def insert_missing(
    connection: sa.Connection, table: sa.Table, unique: str, rows: Sequence[Mapping[str, Any]]
) -> int:
    """Inserts the rows whose value of a unique column is new; returns how many were."""
    if not rows:
        return 0
    # Two processes may insert the same rows at once: on PostgreSQL nothing but the constraint
    # sees the other's rows.
    statement = _insert(connection, table).on_conflict_do_nothing(index_elements=[unique])
    # Not RETURNING: SQLAlchemy then writes many rows into one statement, which takes ten times as
    # long to be read by psycopg as the rows take to be inserted.
    counted = {"preserve_rowcount": True}
    return connection.execute(statement, list(rows), execution_options=counted).rowcount


def _insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT as the database at hand extends it; the other's dialect is not imported."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as of_postgresql

        return of_postgresql(table)
    from sqlalchemy.dialects.sqlite import insert as of_sqlite

    return of_sqlite(table)


def job_row(spec: JobSpec, now: str) -> dict[str, Any]:
    """Returns a new job's row of `jobs`."""
    return _said(spec) | {"created_at": now}


def _said(spec: JobSpec) -> dict[str, Any]:
    """Returns those columns of a job's row that say what it is."""
    derived = {
        "job_key": spec.key,
        "parameters": json.dumps(dict(spec.parameters)),
        "beta": 1.0 if spec.model == "vae" else spec.parameters.get("beta"),
    }
    row = {name: derived.get(name, getattr(spec, name, None)) for name in SPEC_COLUMNS}
    return row | {"spec": spec.to_json()}


def mend_specs(connection: sa.Connection, specs: Mapping[str, JobSpec]) -> None:
    """Writes anew what jobs are, where that was damaged: a key belongs to one spec alone."""
    for row in connection.execute(sa.select(jobs.c.job_key, jobs.c.spec).order_by(jobs.c.id)):
        spec = specs.get(row.job_key)
        if spec is not None and not is_spec(row.spec, row.job_key):
            said = {
                name: value for name, value in job_row(spec, "").items() if name != "created_at"
            }
            connection.execute(sa.update(jobs).where(jobs.c.job_key == spec.key).values(**said))


def anew(connection: sa.Connection, key: str) -> int:
    """Makes a job that cannot be read pending, as if it had never run; returns whether it is.

    What it is stays as it is where that can be read; else `mend_specs` knows it once the sweep's
    command is run.
    """
    never: dict[str, Any] = {column.name: None for column in jobs.c if column.nullable}
    for name in SPEC_COLUMNS:
        never.pop(name, None)
    never |= {"state": "PENDING", "attempts": 0, "losses": 0, "step": 0}
    stored = connection.execute(sa.select(jobs.c.spec).where(jobs.c.job_key == key)).scalar_one()
    with contextlib.suppress(ValueError):
        never |= _said(read_spec(stored, key))
    unclaimed = (jobs.c.job_key == key, jobs.c.state != "RUNNING")
    return connection.execute(sa.update(jobs).where(*unclaimed).values(**never)).rowcount


def set_aside(connection: sa.Connection, claimed: Any, reason: str) -> None:
    """Fails a claimed job that cannot be read, so that it keeps nobody from the others."""
    text = f"This job cannot be read: {reason}."
    held = (jobs.c.id == claimed.id, jobs.c.claim_token == claimed.claim_token)
    ended = {"state": "FAILED", "claim_token": None, "heartbeat_at": None, "error": text}
    connection.execute(sa.update(jobs).where(*held).values(**ended))


def environment_id(connection: sa.Connection, environment: Mapping[str, Any]) -> int | None:
    """Returns the row of an environment, inserted if it is new; None for an empty one."""
    if not environment:
        return None
    detail = json.dumps(dict(environment), sort_keys=True)
    digest = hashlib.sha256(detail.encode()).hexdigest()[:16]
    dirty = environment.get("git_dirty")
    named = ("device_name", "host", "threads", "git_commit")
    row = {
        "digest": digest,
        "detail": detail,
        "device": environment.get("device") or "unknown",
        "git_dirty": None if dirty is None else int(dirty),
        **{name: environment.get(name) for name in named},
    }
    insert_missing(connection, environments, "digest", [row])
    damaged = (environments.c.digest == digest, environments.c.detail != detail)
    connection.execute(sa.update(environments).where(*damaged).values(detail=detail))
    found = sa.select(environments.c.id).where(environments.c.digest == digest)
    return int(connection.execute(found).scalar_one())


def insert_figures(
    connection: sa.Connection, job_id: int, outcome: JobOutcome, but: Collection[sa.Table] = ()
) -> None:
    """Inserts scores, curves, pictures and codes of a job, in place of those it had.

    Args:
        connection: A transaction.
        job_id: The job's row.
        outcome: What its worker handed over.
        but: Tables in which the job keeps what it had.
    """
    kept = keeper(connection, outcome.key)
    codes = outcome.representation
    rows: dict[sa.Table, list[dict[str, Any]]] = {
        scores: [vars(score) for score in outcome.scores],
        curves: [vars(point) for point in outcome.curves],
        artifacts: [
            vars(artifact)
            | {"detail": json.dumps(dict(artifact.detail))}
            | {"png": kept(artifact.name, artifact.png)}
            for artifact in outcome.artifacts
        ],
        representations: [vars(codes) | {"codes": kept(CODES, codes.codes)}] if codes else [],
    }
    for table, values in rows.items():
        if table in but:
            continue
        connection.execute(sa.delete(table).where(table.c.job_id == job_id))
        if values:
            connection.execute(sa.insert(table), [{"job_id": job_id, **row} for row in values])


def replace_scores(connection: sa.Connection, found: Mapping[int, Score]) -> None:
    """Inserts a score of each of several jobs, by their rows, in place of the one it had."""
    if not found:
        return
    mine = (scores.c.job_id == sa.bindparam("job"), scores.c.name == sa.bindparam("its"))
    old = [{"job": job, "its": score.name} for job, score in found.items()]
    connection.execute(sa.delete(scores).where(*mine), old)
    new = [{"job_id": job, **vars(score)} for job, score in found.items()]
    connection.execute(sa.insert(scores), new)
