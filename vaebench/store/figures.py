"""Figures of many runs by one statement: of a sweep, of a cell, of all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from vaebench.outcome import CurvePoint, Score
from vaebench.store.database import translated
from vaebench.store.reading import Reader
from vaebench.store.rows import read_object
from vaebench.store.schema import artifacts, curves, environments, jobs, scores, sweep_jobs

AT_ONCE = 500
"""Runs that one statement names at most."""

LATENT_KL = "kl_latent_"
"""What the names of the KL of single latents begin with."""


def figures_of_sweep(reader: Reader, sweep_id: int, names: Collection[str]) -> list[dict[str, Any]]:
    """Returns some columns of `results` of a sweep's finished runs, in the order to run them.

    Args:
        reader: The database.
        sweep_id: The sweep.
        names: Scores; `job_key`, `cell` and `wall_seconds` come with them.
    """
    told = [jobs.c[name] for name in ("job_key", "cell", "train_seconds", "eval_seconds")]
    members = (sweep_jobs.c.sweep_id == sweep_id, jobs.c.state == "COMPLETE")
    statement = sa.select(*told).join(sweep_jobs, sweep_jobs.c.job_id == jobs.c.id)
    found: dict[str, dict[str, Any]] = {}
    for row in reader.sound(statement.where(*members).order_by(sweep_jobs.c.position), told):
        key, cell, trained, evaluated = row
        seconds = None if trained is None or evaluated is None else trained + evaluated
        known = {"job_key": key, "cell": cell, "wall_seconds": seconds}
        found[key] = dict.fromkeys(names) | known
    values = [jobs.c.job_key, scores.c.name, scores.c.value]
    statement = sa.select(*values).join(scores, scores.c.job_id == jobs.c.id)
    statement = statement.join(sweep_jobs, sweep_jobs.c.job_id == jobs.c.id)
    for key, name, value in reader.sound(
        statement.where(*members, scores.c.name.in_(names)), values
    ):
        if key in found:
            found[key][name] = value
    return list(found.values())


def latent_kl(
    reader: Reader, *, cell: str | None = None, key: str | None = None
) -> dict[str, dict[int, float]]:
    """Returns the KL of the latents of a cell's finished runs, or of one run, in nats.

    Args:
        reader: The database; runs with one that is of no latent are in `unreadable` afterwards.
        cell: The cell.
        key: The run's job key.

    Returns:
        By job key and latent, where it has a value; nothing for a model that has none.
    """
    chosen = jobs.c.job_key == key if cell is None else jobs.c.cell == cell
    values = [jobs.c.job_key, scores.c.name, scores.c.value]
    statement = sa.select(*values).join(scores, scores.c.job_id == jobs.c.id)
    statement = statement.where(chosen, jobs.c.state == "COMPLETE", scores.c.value.is_not(None))
    found: dict[str, dict[int, float]] = {}
    of_latents = scores.c.name.startswith(LATENT_KL, autoescape=True)
    for run, name, value in reader.sound(statement.where(of_latents), values):
        place = name.removeprefix(LATENT_KL)
        if place.isascii() and place.isdecimal():
            found.setdefault(run, {})[int(place)] = value
        else:
            reader.unreadable.setdefault(run, f"{name!a} is the KL of no latent")
    return found


def figures_of_runs(reader: Reader, widths_of: Iterable[str] = ()) -> dict[str, dict[str, float]]:
    """Returns the figures of finished runs: name -> job key -> value, where there is one.

    The KL of single latents is left out.

    Args:
        reader: The database.
        widths_of: Scores whose intervals' widths are to be returned, in place of all values.
    """
    figure: sa.ColumnElement[Any] = scores.c.value
    chosen = ~scores.c.name.startswith(LATENT_KL)
    if names := list(widths_of):
        figure, chosen = scores.c.high - scores.c.low, scores.c.name.in_(names)
    complete = sa.select(jobs.c.id, jobs.c.job_key).where(jobs.c.state == "COMPLETE")
    found: dict[str, dict[str, float]] = {}
    statement = sa.select(scores.c.job_id, scores.c.name, figure)
    statement = statement.where(figure.is_not(None), chosen)
    with translated(reader.location), reader.engine.connect() as connection:
        done: dict[int, str] = {row[0]: row[1] for row in connection.execute(complete)}
        streamed = connection.execution_options(yield_per=50_000).execute(statement)
        for part in streamed.partitions():
            for job, name, value in part:
                if job in done:
                    found.setdefault(name, {})[done[job]] = value
    return found


def scores_of(reader: Reader, keys: Iterable[str]) -> Iterator[tuple[str, Score]]:
    """Gives every figure of some runs with the run's key, run by run, by name."""
    names = Score.__dataclass_fields__
    for key, *values in _of_runs(reader, scores, names, keys):
        yield key, Score(*values)


def curves_of(reader: Reader, keys: Iterable[str]) -> Iterator[tuple[str, CurvePoint]]:
    """Gives the training curves of some runs, point by point with the run's key."""
    for key, *values in _of_runs(reader, curves, CurvePoint.__dataclass_fields__, keys):
        yield key, CurvePoint(*values)


def pictures_of(reader: Reader, name: str, keys: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Gives one of the pictures of some runs, PNG, with the run's key, in the order of the keys."""
    for key, png in _of_runs(reader, artifacts, ["png"], keys, artifacts.c.name == name):
        try:
            yield key, reader.contents(key, name, png)
        except ValueError as error:
            reader.unreadable.setdefault(key, str(error))


def _of_runs(
    reader: Reader,
    table: sa.Table,
    names: Iterable[str],
    keys: Iterable[str],
    which: sa.ColumnElement[bool] | None = None,
) -> Iterator[tuple[Any, ...]]:
    """Reads a table's rows of some runs in the order of their keys, each after its run's."""
    columns = [jobs.c.job_key, *(table.c[name] for name in names)]
    statement = sa.select(*columns).join(table, table.c.job_id == jobs.c.id)
    statement = statement if which is None else statement.where(which)
    for some in _parts(keys):
        chosen = statement.where(jobs.c.job_key.in_(some)).order_by(*table.primary_key.columns)
        found: dict[str, list[Any]] = {}
        for row in reader.sound(chosen, columns):
            found.setdefault(row[0], []).append(row)
        for key in some:
            yield from found.get(key, ())


def environments_of(reader: Reader, keys: Iterable[str]) -> list[Mapping[str, Any]]:
    """Returns the environments that some runs were made in, each once."""
    runs: dict[int, str] = {}
    for some in _parts(keys):
        first = sa.select(jobs.c.environment_id, sa.func.min(jobs.c.job_key))
        chosen = first.where(jobs.c.job_key.in_(some), jobs.c.environment_id.is_not(None))
        with translated(reader.location), reader.engine.connect() as connection:
            for place, key in connection.execute(chosen.group_by(jobs.c.environment_id)):
                runs.setdefault(place, key)
    return [reader.environment(key) for _, key in sorted(runs.items())]


def processors_of(reader: Reader, keys: Iterable[str]) -> dict[str, str]:
    """Returns what some runs were trained on, by job key: the name of the processor or GPU."""
    found: dict[str, int] = {}
    for some in _parts(keys):
        chosen = sa.select(jobs.c.job_key, jobs.c.environment_id)
        chosen = chosen.where(jobs.c.job_key.in_(some), jobs.c.environment_id.is_not(None))
        with translated(reader.location), reader.engine.connect() as connection:
            found |= {row.job_key: row.environment_id for row in connection.execute(chosen)}
    one_of = {place: key for key, place in found.items()}
    names = {place: reader.environment(key).get("device_name") for place, key in one_of.items()}
    return {key: str(names[place]) for key, place in found.items() if names[place]}


def finished_trainings(reader: Reader, code: str) -> list[tuple[str, str]]:
    """Returns training key and job key of the runs that code trained, as added.

    Args:
        reader: The database; one of an older schema knows no training keys, and no such run.
        code: Digest of the code.
    """
    if jobs.c.training_key not in reader.job_columns:
        return []
    complete = (jobs.c.state == "COMPLETE", jobs.c.training_key.is_not(None))
    columns = [jobs.c.job_key, jobs.c.training_key, environments.c.detail]
    statement = sa.select(*columns).join(environments).where(*complete).order_by(jobs.c.id)
    rows = reader.sound(statement, columns)
    mine = {detail for detail in {row.detail for row in rows} if _trained_by(detail) == code}
    return [(row.training_key, row.job_key) for row in rows if row.detail in mine]


def _trained_by(detail: str) -> object:
    """Returns the digest of the code that trained, as an environment names it."""
    with suppress(ValueError):
        return read_object(detail, "its environment").get("training_code")
    return None


def _parts(keys: Iterable[str]) -> Iterator[list[str]]:
    """Divides keys into as many as one statement names."""
    every = list(keys)
    for first in range(0, len(every), AT_ONCE):
        yield every[first : first + AT_ONCE]
