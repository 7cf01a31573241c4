"""The store's reading half: jobs, figures, curves and pictures as plain values."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from vaebench.errors import StoreError
from vaebench.hints import hint
from vaebench.outcome import Artifact, CurvePoint, Representation, Score
from vaebench.spec import JobSpec
from vaebench.store import schema
from vaebench.store.claims import abandoned
from vaebench.store.database import open_engine, shown, translated
from vaebench.store.schema import (
    STATES,
    artifacts,
    curves,
    environments,
    jobs,
    representations,
    scores,
    sweeps,
)

TABLES = ("results", "scores", "curves", "jobs")
"""What `Reader.table` exports."""


@dataclass(frozen=True)
class JobRow:
    """A job as the store knows it.

    Attributes:
        key: Its job key.
        spec: What it is.
        state: One of `STATES`.
        attempts: How often it failed.
        phase: What a running job does: `loading`, `training`, `evaluating`.
        step: Steps done at the last heartbeat.
        step_seconds: Wall time of one step, in the sitting at hand.
        train_seconds: Wall time of training.
        eval_seconds: Wall time of evaluation.
        heartbeat_at: Seconds since the epoch of the last sign of life.
        abandoned: Whether it counts as running but nobody runs it any more.
        host: Host that claimed it.
        started_at: First start, ISO 8601, UTC.
        finished_at: End, ISO 8601, UTC.
        error: One line on what went wrong.
        traceback: The traceback of a failed job.
    """

    key: str
    spec: JobSpec
    state: str
    attempts: int
    phase: str | None
    step: int
    step_seconds: float | None
    train_seconds: float | None
    eval_seconds: float | None
    heartbeat_at: float | None
    abandoned: bool
    host: str | None
    started_at: str | None
    finished_at: str | None
    error: str | None
    traceback: str | None


@dataclass(frozen=True)
class SweepRow:
    """A sweep as it was asked for.

    Attributes:
        id: Its number.
        command: What the user typed.
        created_at: When, ISO 8601, UTC.
    """

    id: int
    command: str
    created_at: str


class Reader:
    """A result database, opened for reading.

    Args:
        engine: The open engine.
        location: Its name, for messages.
    """

    def __init__(self, engine: sa.Engine, location: str) -> None:
        self.engine = engine
        self.location = location

    @classmethod
    def open(cls, location: str | Path) -> Reader:
        """Opens an existing database read-only.

        Raises:
            StoreError: It is missing or cannot be read.
        """
        return Reader(open_engine(location, create=False, write=False), shown(location))

    def close(self) -> None:
        """Gives back the connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _rows(self, statement: sa.Executable) -> list[Any]:
        with translated(self.location), self.engine.connect() as connection:
            return list(connection.execute(statement).all())

    def states(self) -> dict[str, str]:
        """Returns the state of every job by its key."""
        return {row[0]: row[1] for row in self._rows(sa.select(jobs.c.job_key, jobs.c.state))}

    def counts(self, sweep_id: int | None = None) -> dict[str, int]:
        """Returns the number of jobs in each state, of one sweep or of all."""
        statement = sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state)
        if sweep_id is not None:
            members = schema.sweep_jobs
            statement = statement.join(members, members.c.job_id == jobs.c.id)
            statement = statement.where(members.c.sweep_id == sweep_id)
        found = {row[0]: row[1] for row in self._rows(statement)}
        return {state: found.get(state, 0) for state in STATES}

    def keys(self, sweep_id: int, state: str) -> list[str]:
        """Returns the keys of a sweep's jobs that are in a state, in the order to run them."""
        members = schema.sweep_jobs
        statement = (
            sa.select(jobs.c.job_key)
            .join(members, members.c.job_id == jobs.c.id)
            .where(members.c.sweep_id == sweep_id, jobs.c.state == state)
            .order_by(members.c.position)
        )
        return [row[0] for row in self._rows(statement)]

    def jobs(
        self, *, sweep_id: int | None = None, states: Iterable[str] = (), keys: Iterable[str] = ()
    ) -> list[JobRow]:
        """Returns jobs in the order they were added, all or those of a sweep, states or keys."""
        statement = sa.select(jobs).order_by(jobs.c.id)
        if sweep_id is not None:
            members = schema.sweep_jobs
            statement = statement.join(members, members.c.job_id == jobs.c.id)
            statement = statement.where(members.c.sweep_id == sweep_id)
        if chosen := tuple(states):
            statement = statement.where(jobs.c.state.in_(chosen))
        if named := tuple(keys):
            statement = statement.where(jobs.c.job_key.in_(named))
        return [_job(row) for row in self._rows(statement)]

    def find(self, prefix: str) -> JobRow:
        """Finds the one job whose key begins with a prefix.

        Raises:
            StoreError: No job or more than one matches.
        """
        clean = prefix.lower().strip()
        hexadecimal = clean and all(letter in "0123456789abcdef" for letter in clean)
        statement = sa.select(jobs).where(jobs.c.job_key.startswith(clean)).limit(4)
        found = [_job(row) for row in self._rows(statement)] if hexadecimal else []
        if not found:
            raise StoreError(
                f"No run in {self.location} has a key that begins with {prefix!r}. "
                f"`{hint('vaebench runs', self.location)}` lists the keys."
            )
        if len(found) > 1:
            matches = ", ".join(row.key for row in found[:3])
            end = ", ..." if len(found) > 3 else ""
            raise StoreError(
                f"Key {prefix!r} matches more than one run ({matches}{end}): give more digits."
            )
        return found[0]

    def results(self) -> list[dict[str, Any]]:
        """Returns the rows of the `results` view: one per finished run."""
        rows = self._rows(sa.text(schema.results_view()))
        return [dict(row._mapping) for row in rows]

    def scores(self, key: str) -> list[Score]:
        """Returns all the figures of a run, by name."""
        columns = [scores.c[name] for name in Score.__dataclass_fields__]
        statement = sa.select(*columns).join(jobs).where(jobs.c.job_key == key)
        return [Score(*row) for row in self._rows(statement.order_by(scores.c.name))]

    def values(self, widths_of: Iterable[str] = ()) -> dict[str, dict[str, float]]:
        """Returns the figures of finished runs: name -> job key -> value, where there is one.

        The KL of single latents is left out.

        Args:
            widths_of: Scores whose intervals' widths are to be returned, in place of all values.
        """
        figure: sa.ColumnElement[Any] = scores.c.value
        chosen = ~scores.c.name.startswith("kl_latent_")
        if names := list(widths_of):
            figure, chosen = scores.c.high - scores.c.low, scores.c.name.in_(names)
        complete = sa.select(jobs.c.id, jobs.c.job_key).where(jobs.c.state == "COMPLETE")
        done: dict[int, str] = {row[0]: row[1] for row in self._rows(complete)}
        found: dict[str, dict[str, float]] = {}
        statement = sa.select(scores.c.job_id, scores.c.name, figure)
        statement = statement.where(figure.is_not(None), chosen)
        with translated(self.location), self.engine.connect() as connection:
            streamed = connection.execution_options(yield_per=50_000).execute(statement)
            for part in streamed.partitions():
                for job, name, value in part:
                    if job in done:
                        found.setdefault(name, {})[done[job]] = value
        return found

    def curve(self, key: str) -> list[CurvePoint]:
        """Returns the training curve of a run."""
        columns = [curves.c[name] for name in CurvePoint.__dataclass_fields__]
        statement = sa.select(*columns).join(jobs).where(jobs.c.job_key == key)
        return [CurvePoint(*row) for row in self._rows(statement.order_by(curves.c.step))]

    def artifacts(self, key: str) -> list[Artifact]:
        """Returns the pictures of a run."""
        columns = [artifacts.c[name] for name in Artifact.__dataclass_fields__]
        statement = sa.select(*columns).join(jobs).where(jobs.c.job_key == key)
        rows = self._rows(statement.order_by(artifacts.c.name))
        return [
            Artifact(row.name, row.png, row.rows, row.columns, json.loads(row.detail))
            for row in rows
        ]

    def representations(self, cell: str) -> dict[str, Representation]:
        """Returns the stored codes of a cell's finished runs by their job key.

        Runs of a vaebench that did not store codes yet are left out.
        """
        with translated(self.location):
            if not sa.inspect(self.engine).has_table(representations.name):
                return {}
        columns = [representations.c[name] for name in Representation.__dataclass_fields__]
        statement = sa.select(jobs.c.job_key, *columns).join(representations)
        statement = statement.where(jobs.c.cell == cell, jobs.c.state == "COMPLETE")
        rows = self._rows(statement.order_by(jobs.c.id))
        return {row[0]: Representation(*row[1:]) for row in rows}

    def unranked(self, sweep_id: int) -> list[str]:
        """Returns the sweep's cells whose relative scores are missing or of fewer runs."""
        members = sa.select(schema.sweep_jobs.c.job_id).where(
            schema.sweep_jobs.c.sweep_id == sweep_id
        )
        cells = sa.select(jobs.c.cell).where(jobs.c.id.in_(members))
        ranked = sa.and_(scores.c.job_id == jobs.c.id, scores.c.name.in_(schema.RELATIVE))
        runs = sa.func.count()
        statement = (
            sa.select(jobs.c.cell)
            .join(representations)
            .outerjoin(scores, ranked)
            .where(jobs.c.cell.in_(cells), jobs.c.state == "COMPLETE")
            .group_by(jobs.c.cell)
            .having(runs > 1, sa.func.coalesce(sa.func.sum(scores.c.points), 0) != runs * runs)
            .order_by(sa.func.min(jobs.c.id))
        )
        return [row[0] for row in self._rows(statement)]

    def sources(self, dataset: str) -> dict[str, int]:
        """Returns where the data of a data set's finished runs came from, with how many runs."""
        statement = (
            sa.select(environments.c.detail)
            .join(jobs)
            .where(jobs.c.dataset == dataset, jobs.c.state == "COMPLETE")
        )
        details = [json.loads(row[0]) for row in self._rows(statement)]
        return dict(Counter(detail["data"] for detail in details if detail.get("data")))

    def environment(self, key: str) -> Mapping[str, Any]:
        """Returns device, versions, host and so on of a run; empty before it has ended."""
        statement = sa.select(environments.c.detail).join(jobs).where(jobs.c.job_key == key)
        rows = self._rows(statement)
        return json.loads(rows[0][0]) if rows else {}

    def sweeps(self, key: str | None = None) -> list[SweepRow]:
        """Returns the sweeps, oldest first: all, or those that a job belongs to."""
        statement = sa.select(sweeps.c.id, sweeps.c.command, sweeps.c.created_at)
        if key is not None:
            members = schema.sweep_jobs
            chosen = sa.select(members.c.sweep_id).join(jobs).where(jobs.c.job_key == key)
            statement = statement.where(sweeps.c.id.in_(chosen))
        return [SweepRow(*row) for row in self._rows(statement.order_by(sweeps.c.id))]

    def table(self, name: str) -> tuple[dict[str, type], list[tuple[Any, ...]]]:
        """Returns a whole table as it is to be exported.

        Args:
            name: One of `TABLES`.

        Returns:
            The columns' names and types, and the rows.
        """
        if name == "results":
            known = {**environments.c, **jobs.c}
            statement: sa.Executable = sa.text(schema.results_view() + "\nORDER BY j.id")
            with translated(self.location), self.engine.connect() as connection:
                result = connection.execute(statement)
                names = list(result.keys())
                rows = [tuple(row) for row in result]
            return {
                column: known[column].type.python_type if column in known else float
                for column in names
            }, rows
        if name == "jobs":
            columns = list(jobs.c)
            statement = sa.select(*columns).order_by(jobs.c.id)
        else:
            table = {"scores": scores, "curves": curves}[name]
            columns = [jobs.c.job_key, *(c for c in table.c if c.name != "job_id")]
            order = list(table.primary_key.columns)
            statement = sa.select(*columns).join(table).order_by(*order)
        types = {column.name: column.type.python_type for column in columns}
        return types, [tuple(row) for row in self._rows(statement)]


def _job(row: Any) -> JobRow:
    values = row._mapping
    special = {"key", "spec", "host", "abandoned"}
    names = [name for name in JobRow.__dataclass_fields__ if name not in special]
    return JobRow(
        key=values["job_key"],
        spec=JobSpec.from_dict(json.loads(values["spec"])),
        host=values["claim_host"],
        abandoned=values["state"] == "RUNNING" and abandoned(dict(values)),
        **{name: values[name] for name in names},
    )
