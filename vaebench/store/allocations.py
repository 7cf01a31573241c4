"""What sweeps have submitted to a cluster's queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vaebench.store.claiming import time_text
from vaebench.store.database import translated
from vaebench.store.schema import allocations

if TYPE_CHECKING:
    from vaebench.store.reading import Reader
    from vaebench.store.store import Store


def add_allocations(store: Store, sweep_id: int, names: Sequence[str]) -> None:
    """Writes down what has been submitted for a sweep.

    A name that another sweep had is a number that the queue has given out again.
    """
    now = time_text()
    rows = [{"name": name, "sweep_id": sweep_id, "submitted_at": now} for name in names]
    with translated(store.location), store.engine.begin() as connection:
        connection.execute(sa.delete(allocations).where(allocations.c.name.in_(names)))
        connection.execute(sa.insert(allocations), rows)


def allocations_of(reader: Reader, sweep_id: int | None = None) -> dict[str, int]:
    """Returns the sweep of each allocation, by its name: of all sweeps, or of one."""
    if not sa.inspect(reader.engine).has_table(allocations.name):  # of an older database
        return {}
    statement = sa.select(allocations.c.name, allocations.c.sweep_id)
    if sweep_id is not None:
        statement = statement.where(allocations.c.sweep_id == sweep_id)
    with translated(reader.location), reader.engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(statement)}
