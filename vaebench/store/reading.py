"""The store's reading half: jobs, figures, curves and pictures as plain values."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from vaebench.errors import StoreError, UsageError
from vaebench.hints import hint
from vaebench.outcome import Artifact, CurvePoint, Representation, Score
from vaebench.store import schema
from vaebench.store.claims import moment
from vaebench.store.database import open_engine, shown, translated
from vaebench.store.outside import CODES, contents
from vaebench.store.plugged import plugin_rows, references
from vaebench.store.rows import (
    ELSEWHERE,
    JobRow,
    Kind,
    SweepRow,
    is_foreign,
    job_rows,
    kinds,
    read_object,
    sound,
)
from vaebench.store.schema import (
    LATER,
    STATES,
    artifacts,
    curves,
    environments,
    jobs,
    representations,
    scores,
    sweeps,
)


def recall_plugins(location: str | Path) -> None:
    """Reads the plug-in files again that a database's runs were made with, where there is one.

    Args:
        location: A file's path, or a URL; what is wrong with it is said by whoever uses it.
    """
    if "://" in str(location) or Path(location).exists():
        with contextlib.suppress(StoreError, UsageError):
            Reader.open(location).close()


class Reader:
    """A result database, opened for reading.

    Args:
        engine: The open engine.
        location: Its name, for messages.

    Attributes:
        unreadable: By job key, why runs that were met so far could not be read: their damaged
            rows are left out of all that is returned.
    """

    def __init__(self, engine: sa.Engine, location: str) -> None:
        self.engine = engine
        self.location = location
        self.unreadable: dict[str, str] = {}

    @classmethod
    def open(cls, location: str | Path) -> Reader:
        """Opens an existing database read-only.

        Raises:
            StoreError: It is missing or cannot be read.
        """
        reader = Reader(open_engine(location, create=False, write=False), shown(location))
        reader.recall()
        return reader

    def recall(self) -> None:
        """Reads the plug-in files again that its runs were made with, where that is safe."""
        if known := references(self.plugin_rows()):
            from vaebench.plugging import recall

            recall(known)

    def plugin_rows(self) -> list[Any]:
        """Returns what the database knows of plug-ins, as rows of its table."""
        with translated(self.location), self.engine.connect() as connection:
            return plugin_rows(connection)

    @cached_property
    def job_columns(self) -> list[sa.Column[Any]]:
        """The columns of `jobs` that the database has: one of an older schema lacks the last."""
        with translated(self.location):
            there = {column["name"] for column in sa.inspect(self.engine).get_columns(jobs.name)}
        return [column for column in jobs.c if column.name in there or column.name not in LATER]

    def close(self) -> None:
        """Gives back the connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _rows(self, statement: sa.Executable) -> list[Any]:
        with translated(self.location), self.engine.connect() as connection:
            return list(connection.execute(statement).all())

    def sound(self, statement: sa.Executable, columns: Sequence[sa.Column[Any]]) -> list[Any]:
        """Returns rows that begin with a job key, without those of damaged values."""
        return self.without_damaged(self._rows(statement), kinds(columns))

    def without_damaged(self, rows: Sequence[Any], must: Sequence[Kind]) -> list[Any]:
        """Returns rows without those of damaged values, which are in `unreadable` afterwards.

        Args:
            rows: Rows, the job key among their values.
            must: What the values must be, a column each.
        """
        place = [column.name for column in must].index("job_key")
        return sound(rows, must, lambda row: row[place], self._unreadable)

    def _unreadable(self, key: str, reason: str) -> None:
        self.unreadable.setdefault(key, reason)

    def _figures(self, key: str, table: sa.Table, names: Iterable[str]) -> list[Any]:
        """Returns the rows of one run in a table, in the order of its primary key."""
        columns = [table.c[name] for name in names]
        statement = sa.select(*columns).join(jobs).where(jobs.c.job_key == key)
        rows = self._rows(statement.order_by(*table.primary_key.columns))
        return sound(rows, kinds(columns), lambda row: key, self._unreadable)

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

    def keys(self, sweep_id: int, state: str | None = None) -> list[str]:
        """Returns the keys of a sweep's jobs, all or those in a state, in the order to run them."""
        members = schema.sweep_jobs
        statement = (
            sa.select(jobs.c.job_key)
            .join(members, members.c.job_id == jobs.c.id)
            .where(members.c.sweep_id == sweep_id)
            .order_by(members.c.position)
        )
        if state is not None:
            statement = statement.where(jobs.c.state == state)
        return [row[0] for row in self._rows(statement)]

    def jobs(
        self, *, sweep_id: int | None = None, states: Iterable[str] = (), keys: Iterable[str] = ()
    ) -> list[JobRow]:
        """Returns jobs in the order they were added, all or those of a sweep, states or keys."""
        statement = sa.select(*self.job_columns).order_by(jobs.c.id)
        if sweep_id is not None:
            members = schema.sweep_jobs
            statement = statement.join(members, members.c.job_id == jobs.c.id)
            statement = statement.where(members.c.sweep_id == sweep_id)
        if chosen := tuple(states):
            statement = statement.where(jobs.c.state.in_(chosen))
        if named := tuple(keys):
            statement = statement.where(jobs.c.job_key.in_(named))
        rows, at = self._rows(statement), None
        if any(row.state == "RUNNING" for row in rows):
            with translated(self.location), self.engine.connect() as connection:
                at = moment(connection)
        return job_rows(rows, self._unreadable, at)

    def key(self, prefix: str) -> str:
        """Finds the one job key that begins with a prefix.

        Raises:
            StoreError: No job or more than one matches.
        """
        clean = prefix.lower().strip()
        hexadecimal = clean and all(letter in "0123456789abcdef" for letter in clean)
        begins = jobs.c.job_key.between(clean, f"{clean}g")  # LIKE is answered by no index
        statement = sa.select(jobs.c.job_key).where(begins).limit(4)
        found = [row[0] for row in self._rows(statement)] if hexadecimal else []
        if not found:
            raise StoreError(
                f"No run in {self.location} has a key that begins with {prefix!r}. "
                f"`{hint('vaebench runs', self.location)}` lists the keys."
            )
        if len(found) > 1:
            matches = ", ".join(found[:3])
            end = ", ..." if len(found) > 3 else ""
            raise StoreError(
                f"Key {prefix!r} matches more than one run ({matches}{end}): give more digits."
            )
        return str(found[0])

    def find(self, prefix: str) -> JobRow:
        """Finds the one job whose key begins with a prefix.

        Raises:
            StoreError: No job or more than one matches, or the one cannot be read.
        """
        key = self.key(prefix)
        rows = self.jobs(keys=[key])
        if not rows and key in self.foreign():
            raise StoreError(f"Run {key} cannot be read: {self.unreadable.get(key)}. {ELSEWHERE}")
        if not rows:
            raise StoreError(
                f"Run {key} cannot be read: {self.unreadable.get(key)}. "
                f"`{hint(f'vaebench retry {key}', self.location)}` and then the sweep's command "
                "train it anew."
            )
        return rows[0]

    def foreign(self) -> list[str]:
        """Returns those of `unreadable` that are whole, but of a kind that is not known here.

        A plug-in is missing, or a newer vaebench made them: nothing is to be mended.
        """
        statement = sa.select(jobs.c.job_key, jobs.c.spec)
        return [key for key, spec in self._rows(statement.order_by(jobs.c.id))
                if key in self.unreadable and is_foreign(spec, key)]  # fmt: skip

    def check(self, key: str) -> str | None:
        """Reads everything of a run; returns why it cannot be read, or None where it can."""
        for row in self.jobs(keys=[key]):
            self.representations(row.spec.cell, key)
        for read in (self.scores, self.curve, self.artifacts, self.environment):
            read(key)
        return self.unreadable.get(key)

    def scores(self, key: str) -> list[Score]:
        """Returns all the figures of a run, by name."""
        return [Score(*row) for row in self._figures(key, scores, Score.__dataclass_fields__)]

    def curve(self, key: str) -> list[CurvePoint]:
        """Returns the training curve of a run."""
        names = CurvePoint.__dataclass_fields__
        return [CurvePoint(*row) for row in self._figures(key, curves, names)]

    def artifacts(self, key: str) -> list[Artifact]:
        """Returns the pictures of a run."""
        found = []
        for row in self._figures(key, artifacts, Artifact.__dataclass_fields__):
            try:
                detail = read_object(row.detail, f"the detail of {row.name}")
                png = self.contents(key, row.name, row.png)
            except ValueError as error:
                self._unreadable(key, str(error))
            else:
                found.append(Artifact(row.name, png, row.rows, row.columns, detail))
        return found

    def contents(self, key: str, name: str, stored: bytes) -> bytes:
        """Returns a picture or codes; a file that is not as it was raises a `ValueError`."""
        with translated(self.location):
            return contents(self.engine, key, name, stored)

    def representations(self, cell: str, key: str | None = None) -> dict[str, Representation]:
        """Returns the stored codes of a cell's finished runs by their job key, or of one of them.

        Runs of a vaebench that did not store codes yet are left out.
        """
        with translated(self.location):
            if not sa.inspect(self.engine).has_table(representations.name):
                return {}
        columns = [representations.c[name] for name in Representation.__dataclass_fields__]
        statement = sa.select(jobs.c.job_key, *columns).join(representations)
        statement = statement.where(jobs.c.cell == cell, jobs.c.state == "COMPLETE")
        statement = statement if key is None else statement.where(jobs.c.job_key == key)
        # By seed, not as added: what is computed of them is then the same whoever added them.
        rows = self._rows(statement.order_by(jobs.c.seed, jobs.c.fold, jobs.c.id))
        must = kinds([jobs.c.job_key, *columns])
        found = {}
        for key, points, latents, stored in sound(rows, must, lambda row: row[0], self._unreadable):
            try:
                codes = self.contents(key, CODES, stored)
                if len(codes) != 4 * points * latents:
                    raise ValueError(f"its codes are not {points} of {latents}")
            except ValueError as error:
                self._unreadable(key, str(error))
            else:
                found[key] = Representation(points, latents, codes)
        return found

    def own_data(self) -> dict[str, list[tuple[str, str | None]]]:
        """Returns users' own data, as added, with source and known digest of finished runs."""
        statement = (
            sa.select(jobs.c.dataset, jobs.c.job_key, jobs.c.state, environments.c.detail)
            .select_from(jobs)
            .outerjoin(environments)
            .where(jobs.c.dataset.contains(":"))
            .order_by(jobs.c.id)
        )
        found: dict[str, list[tuple[str, str | None]]] = {}
        for name, key, state, detail in self._rows(statement):
            found.setdefault(name, [])
            done = state == "COMPLETE" and detail is not None
            values = self._object(key, detail) if done else {}
            source, digest = values.get("data"), values.get("data_digest")
            if isinstance(source, str):
                found[name].append((source, digest if isinstance(digest, str) else None))
        return {name: list(dict.fromkeys(runs)) for name, runs in found.items()}

    def environment(self, key: str) -> Mapping[str, Any]:
        """Returns device, versions, host and so on of a run; empty before it has ended."""
        statement = sa.select(environments.c.detail).join(jobs).where(jobs.c.job_key == key)
        rows = self._rows(statement)
        return self._object(key, rows[0][0]) if rows else {}

    def _object(self, key: str, text: Any) -> Mapping[str, Any]:
        try:
            return read_object(text, "its environment")
        except ValueError as error:
            self._unreadable(key, str(error))
            return {}

    def sweeps(self, key: str | None = None) -> list[SweepRow]:
        """Returns the sweeps, oldest first: all, or those that a job belongs to."""
        statement = sa.select(sweeps.c.id, sweeps.c.command, sweeps.c.created_at)
        if key is not None:
            members = schema.sweep_jobs
            chosen = sa.select(members.c.sweep_id).join(jobs).where(jobs.c.job_key == key)
            statement = statement.where(sweeps.c.id.in_(chosen))
        return [SweepRow(*row) for row in self._rows(statement.order_by(sweeps.c.id))]

    def commands(self, keys: Collection[str]) -> list[str]:
        """Returns the commands of the last sweeps that some jobs belong to, each once."""
        members = schema.sweep_jobs
        last = sa.select(jobs.c.job_key, sa.func.max(members.c.sweep_id)).join(
            members, members.c.job_id == jobs.c.id
        )
        last_of = {row[0]: row[1] for row in self._rows(last.group_by(jobs.c.job_key))}
        chosen = {last_of[key] for key in keys if key in last_of}
        return list(dict.fromkeys(row.command for row in self.sweeps() if row.id in chosen))
