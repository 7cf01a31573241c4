"""Rows of the database as plain values, and what is wrong with those that cannot be read."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from vaebench.errors import VaebenchError
from vaebench.spec import JobSpec
from vaebench.store.claims import STALE_SECONDS, Moment
from vaebench.store.schema import STATES, State, jobs

OnUnreadable = Callable[[str, str], None]
"""Called with the job key and the reason of what cannot be read."""

_WORDS = {int: "a whole number", float: "a number", str: "text", bytes: "bytes"}
_TYPES: dict[type, set[type]] = {int: {int}, float: {float, int}, str: {str}, bytes: {bytes}}


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
        heartbeat_at: When the last sign of life was, in seconds since the epoch, by this host's
            clock.
        abandoned: Whether it counts as running but nobody runs it any more.
        host: Host that claimed it.
        started_at: First start, ISO 8601, UTC.
        finished_at: End, ISO 8601, UTC.
        error: One line on what went wrong.
        traceback: The traceback of a failed job.
    """

    key: str
    spec: JobSpec
    state: State
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


@dataclass(frozen=True)
class Added:
    """What `Store.add_sweep` did.

    Attributes:
        sweep_id: The sweep's row.
        new: Jobs that the database did not have.
        known: Jobs that it had, in any state.
    """

    sweep_id: int
    new: int
    known: int


@dataclass(frozen=True)
class Kind:
    """What the values of a column must be.

    Attributes:
        name: Of the column.
        kind: `int`, `float`, `str` or `bytes`.
        empty: Whether a value may be missing.
        finite: Whether an infinite number is as wrong as a text.
    """

    name: str
    kind: type
    empty: bool = True
    finite: bool = False


def kinds(columns: Iterable[sa.Column[Any]], *, finite: bool = False) -> list[Kind]:
    """Returns what a table says of its columns; SQLite itself takes any value in any column."""
    return [Kind(c.name, c.type.python_type, bool(c.nullable), finite) for c in columns]


_FOLD = re.compile(r'"fold":(\d+),')
"""Where canonical JSON has it."""

_JOB = kinds(jobs.columns, finite=True)
_NAMES = {"key": "job_key", "host": "claim_host"}
_PLACES = {
    name: list(jobs.c).index(jobs.c[_NAMES.get(name, name)])
    for name in JobRow.__dataclass_fields__
    if name not in {"spec", "abandoned"}
}
_VALUES = itemgetter(*_PLACES.values())
"""Takes from a row of `jobs` what a `JobRow` tells of it."""


def sound(
    rows: Sequence[Any],
    columns: Sequence[Kind],
    key: Callable[[Any], str],
    on_unreadable: OnUnreadable,
) -> list[Any]:
    """Leaves out the rows that hold another kind of value than their columns.

    Args:
        rows: Sequences of values, a value per column.
        columns: What they must be.
        key: Returns the job key of a row.
        on_unreadable: Told of each row that is left out.
    """
    bad: dict[int, str] = {}
    for column, values in zip(columns, zip(*rows, strict=True), strict=False):
        taken = _TYPES[column.kind] | ({type(None)} if column.empty else set())
        fits = set(map(type, values)) <= taken
        finite = column.kind is not float or not column.finite
        if fits and (finite or all(map(math.isfinite, filter(None, values)))):
            continue
        for number, value in enumerate(values):
            if type(value) not in taken or (column.finite and not _finite(value)):
                shown = ascii(value) if len(ascii(value)) <= 60 else f"{ascii(value)[:57]}..."
                word = "missing" if value is None else f"{shown}, not {_word(column)}"
                bad.setdefault(number, f"{column.name} is {word}")
    for number, reason in bad.items():
        on_unreadable(str(key(rows[number])), reason)
    return [row for number, row in enumerate(rows) if number not in bad] if bad else list(rows)


def _word(column: Kind) -> str:
    return "a finite number" if column.finite and column.kind is float else _WORDS[column.kind]


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def job_rows(
    rows: Sequence[Any], on_unreadable: OnUnreadable, at: Moment | None = None
) -> list[JobRow]:
    """Reads rows of `jobs`, and leaves out those that cannot be read.

    Args:
        rows: With all the table's columns, in their order.
        on_unreadable: Told of each row that is left out.
        at: The moment at which they are looked at; not needed where none is running.
    """
    found = []
    cells: dict[str, JobSpec] = {}
    for row in sound(rows, _JOB, lambda row: row.job_key, on_unreadable):
        try:
            found.append(_job(row, _read_like(row.spec, row.job_key, cells), at))
        except ValueError as error:
            on_unreadable(row.job_key, str(error))
    return found


def read_spec(text: Any, key: str) -> JobSpec:
    """Reads a stored job spec.

    Args:
        text: Its canonical JSON.
        key: The job key that it is stored under.

    Raises:
        ValueError: It is no spec that this vaebench knows, or that of another job; in a line.
    """
    try:
        spec = JobSpec.from_dict(json.loads(text))
        same = is_spec(text, key) or spec.key == key
    except VaebenchError as error:
        raise ValueError(str(error).rstrip(".")) from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its spec is damaged ({' '.join(str(error).split())})") from error
    if not same:
        raise ValueError(f"its spec is that of another job, {spec.key}")
    return spec


def is_spec(text: Any, key: str) -> bool:
    """Says whether a text is the very canonical JSON that a job key is the hash of."""
    content = text.encode(errors="replace") if isinstance(text, str) else b""
    return hashlib.sha256(content).hexdigest()[:16] == key


ELSEWHERE = (
    "It is whole, but needs what is not known here: add --plugin FILE.py, install the package, or "
    "use the vaebench that made it."
)
"""What is said of a run of a plug-in that is not here, instead of how to mend it."""


def is_foreign(text: Any, key: str) -> bool:
    """Says whether a stored spec is whole, but of something that this vaebench does not know."""
    if not is_spec(text, key):
        return False
    try:
        read_spec(text, key)
    except ValueError:
        return True
    return False


def read_object(text: Any, name: str) -> dict[str, Any]:
    """Reads a stored JSON object.

    Raises:
        ValueError: It is none; in a line.
    """
    try:
        values = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{name} is damaged ({' '.join(str(error).split())})") from error
    if not isinstance(values, dict):
        raise ValueError(f"{name} is damaged (no object)")
    return values


def _read_like(text: str, key: str, cells: dict[str, JobSpec]) -> JobSpec:
    """Reads a stored job spec; of those that differ in seed and fold alone, one at length.

    Args:
        text: Its canonical JSON.
        key: The job key that it is stored under.
        cells: Those read so far, by their texts without seed and fold.

    Raises:
        ValueError: As `read_spec`.
    """
    if not is_spec(text, key):
        return read_spec(text, key)
    fold = _FOLD.search(text) if '"fold":' in text else None
    before, _, behind = text.partition('"seed":')
    seed, _, rest = behind.partition(",")
    cell = (before if fold is None else _FOLD.sub("", before, count=1)) + rest
    if cell not in cells:
        cells[cell] = read_spec(text, key)
        return cells[cell]
    try:
        return cells[cell].sibling(int(seed), None if fold is None else int(fold[1]))
    except VaebenchError as error:
        raise ValueError(str(error).rstrip(".")) from error


def _job(row: Any, spec: JobSpec, at: Moment | None) -> JobRow:
    """Reads a row of `jobs`.

    Where nothing better is known of a running one, the age of its heartbeat says whether it is
    abandoned, on SQLite by this host's clock: that is shown, but nothing is decided by it.
    """
    known = dict(zip(_PLACES, _VALUES(row), strict=True))
    if known["state"] not in STATES:
        raise ValueError(f"state is {known['state']!a}, none of {', '.join(STATES)}")
    abandoned = False
    if at is not None and known["state"] == "RUNNING":
        values = row._mapping
        abandoned = at.gone(values) or at.old(values) > STALE_SECONDS
        if at.trusts(values) and known["heartbeat_at"] is not None:
            known["heartbeat_at"] += time.time() - at.now
    read = object.__new__(JobRow)  # a frozen dataclass sets its fields one by one
    read.__dict__.update(known, spec=spec, abandoned=abandoned)
    return read
