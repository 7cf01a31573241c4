"""Figures of many runs by one statement: of a sweep, of a cell."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from vaebench.store.reading import Reader
from vaebench.store.schema import jobs, scores, sweep_jobs


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


def figures_of_cell(reader: Reader, cell: str, start: str) -> dict[str, dict[str, float]]:
    """Returns the figures of a cell's finished runs whose names begin so: key -> name -> value.

    What has no value is left out.
    """
    values = [jobs.c.job_key, scores.c.name, scores.c.value]
    statement = sa.select(*values).join(scores, scores.c.job_id == jobs.c.id)
    statement = statement.where(jobs.c.cell == cell, jobs.c.state == "COMPLETE")
    chosen = (scores.c.name.startswith(start), scores.c.value.is_not(None))
    found: dict[str, dict[str, float]] = {}
    for key, name, value in reader.sound(statement.where(*chosen), values):
        found.setdefault(key, {})[name] = value
    return found
