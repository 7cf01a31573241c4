"""All figures that a database holds, exactly, but for times: two sweeps are the same or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

FIGURES = (
    "SELECT job_key, name, value, points, low, high, note FROM scores JOIN jobs ON id = job_id",
    "SELECT job_key, c.step, loss, reconstruction, kl FROM curves c JOIN jobs ON id = job_id",
    "SELECT job_key, name, png, artifacts.detail FROM artifacts JOIN jobs ON id = job_id",
    "SELECT job_key, spec, state FROM jobs",
    "SELECT job_key, points, latents, codes FROM representations JOIN jobs ON id = job_id",
)


def figures(location: str | Path) -> list[list[tuple[Any, ...]]]:
    """Every stored figure of a database, a file or a URL."""
    name = str(location)
    engine = sa.create_engine(name if "://" in name else f"sqlite:///{name}")
    try:
        with engine.connect() as connection:
            return [
                sorted((tuple(row) for row in connection.execute(sa.text(statement))), key=repr)
                for statement in FIGURES
            ]
    finally:
        engine.dispose()


def ask(location: str | Path, statement: str) -> list[tuple[Any, ...]]:
    """Rows of a statement."""
    name = str(location)
    engine = sa.create_engine(name if "://" in name else f"sqlite:///{name}")
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement))]
    finally:
        engine.dispose()
