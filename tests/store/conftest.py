"""Databases for the tests of the store: a SQLite file and, where it is installed, PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.postgres_server import postgres_server
from tests.store.sample_jobs import Start

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python code as a real process; what is left of it at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: object) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of its own on a Unix socket; its URL."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with postgres_server() as server:
        if isinstance(server, str):
            pytest.skip(server)
        yield server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for a database: a file's path, or the URL of a new PostgreSQL schema."""
    if request.param == "sqlite":
        return str(tmp_path / "results.db")
    server = request.getfixturevalue("postgres")
    name = f"test_{abs(hash(request.node.nodeid))}"
    engine = sa.create_engine(server)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    engine.dispose()
    return f"{server}&options=-csearch_path%3D{name}"
