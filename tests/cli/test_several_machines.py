"""Several `vaebench work` on one server and one folder, as several machines are."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import vaebench
from tests.conftest import PATIENCE, CommandLine
from tests.postgres_server import PostgresServer, postgres_server
from tests.slurm_cluster import wait_for
from tests.stored import ask, figures

SWEEP = (
    "sweep --models vae --network burgess --batch-size 8 --eval-size 10 --checkpoint-every 0.5 "
    "--workers 1"
).split()


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of its own, to be stopped and started."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with postgres_server() as found:
        if isinstance(found, str):
            pytest.skip(found)
        yield found


def states(location: str) -> dict[str, int]:
    """Jobs by state; nothing while the tables are made."""
    try:
        return dict(ask(location, "SELECT state, count(*) FROM jobs GROUP BY state"))  # type: ignore[arg-type]
    except sa.exc.DBAPIError:
        return {}


@pytest.mark.parametrize("seeds", [4, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.timeout(900)
def test_a_killed_worker_and_a_restarted_server_cost_nothing(
    cli: CommandLine, server: PostgresServer, seeds: int
) -> None:
    options = ("--seeds", str(seeds), "--steps", "120" if seeds < 40 else "30")
    cli.environment["VAEBENCH_DB"] = server.url
    first = cli.start(*SWEEP, *options, "--out", "shared")
    wait_for(lambda: states(server.url), 120)
    others = [cli.start("work", "--out", "shared", "--workers", "1") for _ in range(2)]
    wait_for(lambda: states(server.url).get("RUNNING") == 3, 120)
    os.killpg(others[0].pid, signal.SIGKILL)
    others[0].communicate()
    server.stop()
    time.sleep(5)
    assert first.poll() is None
    assert others[1].poll() is None
    server.start()
    said = [process.communicate(timeout=600)[1] for process in (first, others[1])]
    assert (first.returncode, others[1].returncode) == (0, 0), said
    assert any("cannot be reached" in text and "Waiting; nothing is lost" in text for text in said)
    assert states(server.url) == {"COMPLETE": seeds}
    assert ask(server.url, "SELECT sum(attempts), sum(losses) FROM jobs") == [(0, 0)]
    cli.environment.pop("VAEBENCH_DB")
    cli.run(*SWEEP, *options, "--out", "alone")
    assert figures(server.url) == figures(cli.folder / "alone" / "results.db")
    assert not list((cli.folder / "shared" / "checkpoints").glob("*.pt"))


def test_ctrl_c_while_the_server_is_away_ends_in_order(
    cli: CommandLine, server: PostgresServer
) -> None:
    cli.environment["VAEBENCH_DB"] = server.url
    process = cli.start(*SWEEP, "--seeds", "1", "--steps", "100000", "--out", "shared")
    wait_for(lambda: list((cli.folder / "shared" / "checkpoints").glob("[!.]*.pt")), 120)
    server.stop()
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode in (1, 130), said
    assert "Traceback" not in said
    server.start()
    assert states(server.url) in ({"RUNNING": 1}, {"PENDING": 1})
    assert len(list((cli.folder / "shared" / "checkpoints").glob("[!.]*.pt"))) == 1


def test_a_server_that_is_not_there_is_one_line(cli: CommandLine) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    cli.environment["VAEBENCH_DB"] = f"postgresql+psycopg://me:secret@/x?host={cli.folder}"
    said = cli.run(*SWEEP, "--seeds", "1", "--steps", "5", code=1).stderr
    assert said.count("\n") == 1
    assert "cannot be reached" in said
    assert "secret" not in said


@pytest.fixture
def other_version(cli: CommandLine, tmp_path: Path) -> CommandLine:
    """The command line of a vaebench whose training code is another."""
    copy = tmp_path / "other" / "vaebench"
    shutil.copytree(Path(vaebench.__file__).parent, copy)
    streams = copy / "streams.py"
    streams.write_text(streams.read_text() + "\n# another version\n")
    other = CommandLine(cli.folder)
    other.environment["PYTHONPATH"] = str(copy.parent)
    return other


def test_machines_of_other_versions_are_named_and_refused(
    cli: CommandLine, other_version: CommandLine
) -> None:
    where = cli.folder / "results" / "results.db"
    root = str(Path(vaebench.__file__).parents[1])
    cli.environment["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    old = other_version.start(*SWEEP, "--seeds", "3", "--steps", "100000")
    wait_for(lambda: list((cli.folder / "results" / "checkpoints").glob("[!.]*.pt")), 120)
    said = cli.run("work", "--workers", "1", code=1).stderr
    assert "is at work on this sweep with vaebench" in said
    assert "--mixed" in said
    assert ask(where, "SELECT state FROM jobs ORDER BY id") == [
        ("RUNNING",), ("PENDING",), ("PENDING",)
    ]  # fmt: skip
    both = cli.start("work", "--workers", "1", "--mixed")
    wait_for(lambda: states(str(where)) == {"RUNNING": 2, "PENDING": 1}, 120)
    software = ask(where, "SELECT DISTINCT software FROM claimants")
    assert len(software) == 2
    for process in (both, old):
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
    assert states(str(where)) == {"PENDING": 3}
