"""Finished runs as wholes: which other code made, what they handed back, and that replaced."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from vaebench.errors import StoreError
from vaebench.fingerprint import made_by_this_code
from vaebench.outcome import JobOutcome
from vaebench.plugins.versions import other_versions
from vaebench.store import schema
from vaebench.store.database import translated
from vaebench.store.outside import delete, files_of, place_of
from vaebench.store.reading import Reader
from vaebench.store.schema import RELATIVE, environments, jobs
from vaebench.store.store import Store
from vaebench.store.writing import environment_id, insert_figures


def made_by_other_code(reader: Reader, keys: Collection[str] | None = None) -> list[str]:
    """Returns the keys of finished runs that are known to be by other code than that at hand.

    A plug-in's code counts as vaebench's own does.

    Args:
        reader: The database.
        keys: Only of these jobs; None is all.
    """
    with translated(reader.location), reader.engine.connect() as connection:
        known = connection.execute(sa.select(environments.c.id, environments.c.detail)).all()
        values = {row.id: _values(row.detail) for row in known}
        other = [
            number
            for number, made in values.items()
            if made_by_this_code(made) is False or other_versions(made)
        ]
        if not other:
            return []
        statement = sa.select(jobs.c.job_key).where(jobs.c.state == "COMPLETE")
        statement = statement.where(jobs.c.environment_id.in_(other)).order_by(jobs.c.id)
        found = [row[0] for row in connection.execute(statement)]
    return found if keys is None else [key for key in found if key in keys]


def other_plugins(reader: Reader) -> list[str]:
    """Returns the plug-ins that some finished runs were made with in another version."""
    statement = sa.select(environments.c.detail).join(jobs).where(jobs.c.state == "COMPLETE")
    with translated(reader.location), reader.engine.connect() as connection:
        rows = connection.execute(statement.distinct()).all()
    return sorted({name for row in rows for name in other_versions(_values(row.detail))})


def _values(detail: str) -> dict[str, Any]:
    try:
        values = json.loads(detail)
    except (TypeError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def stored_outcome(reader: Reader, key: str) -> JobOutcome:
    """Reads a finished run back as what its worker handed over.

    Scores that are of the run's cell, and so not the worker's, are left out.

    Raises:
        StoreError: There is no such run, or it is not finished.
    """
    row = reader.find(key)
    if row.state != "COMPLETE":
        raise StoreError(f"Run {row.key} is {row.state}: only a finished run can be trained again.")
    return JobOutcome(
        row.key,
        "complete",
        scores=tuple(score for score in reader.scores(row.key) if score.name not in RELATIVE),
        curves=tuple(reader.curve(row.key)),
        artifacts=tuple(reader.artifacts(row.key)),
        representation=reader.representations(row.spec.cell, row.key).get(row.key),
        environment=reader.environment(row.key),
        train_seconds=row.train_seconds or 0.0,
        eval_seconds=row.eval_seconds or 0.0,
    )


def renew(store: Store, outcome: JobOutcome) -> bool:
    """Puts a run's new figures in place of those it had, all in one transaction.

    Returns:
        Whether the run was still finished; if not, nothing was written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return put(store, outcome, ("COMPLETE",), finished_at=now)


def put(store: Store, outcome: JobOutcome, states: Collection[str], **values: Any) -> bool:
    """Makes a job that nobody trains a finished run with the figures of an outcome.

    Args:
        store: The database.
        outcome: What its worker handed over.
        states: The states that it may be in.
        values: Other columns of the job.

    Returns:
        Whether it was in one of them; if not, nothing was written.
    """
    with translated(store.location), store.engine.begin() as connection:
        statement = (
            sa.update(jobs)
            .where(jobs.c.job_key == outcome.key, jobs.c.state.in_(states))
            .values(
                state="COMPLETE",
                environment_id=environment_id(connection, outcome.environment),
                train_seconds=outcome.train_seconds,
                eval_seconds=outcome.eval_seconds,
                **values,
            )
            .returning(jobs.c.id)
        )
        row = connection.execute(statement).first()
        if row is not None:
            insert_figures(connection, row.id, outcome)
    return row is not None


def score_anew(store: Store, outcome: JobOutcome) -> bool:
    """Puts a new evaluation of a run's model in place of the one it had, in one transaction.

    The training curve, the training's time and its environment stay; what the evaluation ran in
    stands in the environment as `evaluation`, and where the code that trains is the same, the run
    counts as made by today's. The cell's relative scores go, to be computed anew.

    Returns:
        Whether the run was still finished; if not, nothing was written.
    """
    with translated(store.location), store.engine.begin() as connection:
        chosen = sa.select(jobs.c.id, jobs.c.cell, environments.c.detail).outerjoin(environments)
        at_rest = (jobs.c.job_key == outcome.key, jobs.c.state == "COMPLETE")
        row = connection.execute(chosen.where(*at_rest)).first()
        if row is None:
            return False
        cell = sa.select(jobs.c.id).where(jobs.c.cell == row.cell)
        of_cell = (schema.scores.c.job_id.in_(cell), schema.scores.c.name.in_(RELATIVE))
        connection.execute(sa.delete(schema.scores).where(*of_cell))
        insert_figures(connection, row.id, outcome, but=(schema.curves,))
        before, now = _values(row.detail), dict(outcome.environment)
        known = {**before, "evaluation": now}
        if before.get("training_code") == now.get("training_code"):
            known["code"] = now.get("code")
        values = {
            "eval_seconds": outcome.eval_seconds,
            "environment_id": environment_id(connection, known),
        }
        connection.execute(sa.update(jobs).where(jobs.c.id == row.id).values(**values))
    return True


def forget(store: Store, key: str) -> bool:
    """Deletes a job with all that is stored of it, where nobody trains it.

    Returns:
        Whether it is gone.
    """
    tables = (schema.scores, schema.curves, schema.artifacts, schema.representations)
    with translated(store.location), store.engine.begin() as connection:
        at_rest = (jobs.c.job_key == key, jobs.c.state != "RUNNING")
        found = connection.execute(sa.select(jobs.c.id).where(*at_rest)).scalar()
        if found is None:
            return False
        for table in (*tables, schema.sweep_jobs):
            connection.execute(sa.delete(table).where(table.c.job_id == found))
        connection.execute(sa.delete(jobs).where(jobs.c.id == found))
        files = place_of(connection)
    for path in () if files is None else files_of(files, key):
        delete(path)
    return True
