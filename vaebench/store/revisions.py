"""Databases of older schemas: carried over when opened for writing, read as they are otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from vaebench.spec import training_key
from vaebench.store import schema
from vaebench.store.making import one_maker_at_a_time

if TYPE_CHECKING:
    from alembic.operations import Operations

_AT_ONCE = 1000


def upgrade(engine: sa.Engine) -> None:
    """Carries a database of an older schema over to this one's, in one transaction."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    with engine.begin() as connection:
        one_maker_at_a_time(connection)
        version = connection.scalar(sa.select(schema.schema_version.c.version))
        operations = Operations(MigrationContext.configure(connection))
        if version == 1:  # else another process has done it meanwhile
            _to_2(operations, connection)
            connection.execute(sa.update(schema.schema_version).values(version=2))


def said_later(text: Any) -> Mapping[str, Any]:
    """Returns what the columns that came with version 2 say of a job.

    Args:
        text: Its spec as version 1 stored it; where that cannot be read, nothing is said.
    """
    try:
        values = json.loads(text)
        return {name: values.get(name) for name in schema.LATER} | {
            "training_key": training_key(values)
        }
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _to_2(operations: Operations, connection: sa.Connection) -> None:
    """Adds the training key, and those fields of the spec that had no column yet."""
    for name in schema.LATER:
        number = name == "weight_decay"
        operations.add_column("jobs", sa.Column(name, sa.Float if number else sa.String(32)))
    jobs = sa.table("jobs", *map(sa.Column, ("id", "spec", *schema.LATER)))
    stored = connection.execute(sa.select(jobs.c.id, jobs.c.spec))
    rows = [(row.id, said_later(row.spec)) for row in stored]
    known = [
        {"job": job} | {f"new_{name}": value for name, value in said.items()}
        for job, said in rows
        if said
    ]
    filled = sa.update(jobs).where(jobs.c.id == sa.bindparam("job"))
    filled = filled.values({name: sa.bindparam(f"new_{name}") for name in schema.LATER})
    for first in range(0, len(known), _AT_ONCE):
        connection.execute(filled, known[first : first + _AT_ONCE])
