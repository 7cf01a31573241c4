"""`vaebench work` with real processes: joins what is in a database, takes each job once."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np

from tests.conftest import PATIENCE, CommandLine

SWEEP = "sweep --models vae --network mlp --batch-size 8 --eval-size 10 --workers 1".split()


def rows(folder: Path, table: str, what: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "results" / "results.db", timeout=30) as base:
        return base.execute(f"SELECT {what} FROM {table} ORDER BY 1").fetchall()


def begun(cli: CommandLine, *more: str) -> None:
    """Starts a sweep and kills it, so that its jobs are in the database."""
    process = cli.start(*SWEEP, *more)
    database = cli.folder / "results" / "results.db"
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        if database.exists() and rows(cli.folder, "sqlite_master", "name"):
            jobs = [name for (name,) in rows(cli.folder, "sqlite_master", "name")]
            if "jobs" in jobs and rows(cli.folder, "sweep_jobs", "count(*)") != [(0,)]:
                break
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_two_processes_do_what_a_killed_sweep_left(cli: CommandLine) -> None:
    begun(cli, "--seeds", "3", "--steps", "60")
    first, second = (cli.start("work", "--workers", "1") for _ in range(2))
    said = [process.communicate(timeout=300) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), said
    assert rows(cli.folder, "jobs", "state, attempts") == [("COMPLETE", 0)] * 3
    assert rows(cli.folder, "sweeps", "count(*)") == [(1,)]
    others = cli.folder / "alone"
    cli.run(*SWEEP, "--seeds", "3", "--steps", "60", "--out", str(others))
    figures = "seed, reconstruction, kl, mig"
    alone = sqlite3.connect(others / "results.db").execute(
        f"SELECT {figures} FROM results ORDER BY 1"
    )
    assert rows(cli.folder, "results", figures) == alone.fetchall()
    done = cli.run("work")
    assert "nothing to train: no job is pending or running" in done.stderr


def test_one_sweep_of_several(cli: CommandLine) -> None:
    begun(cli, "--seeds", "1", "--steps", "3000")
    cli.run(*SWEEP, "--seeds", "5,6", "--steps", "2")
    begun_again = cli.run("work", "--sweep", "2")
    assert "nothing to train" in begun_again.stderr
    wrong = cli.run("work", "--sweep", "7", code=1)
    assert wrong.stderr.count("\n") == 1
    assert "has no sweep 7: it has 1 to 2." in wrong.stderr


def test_own_images_that_changed_are_refused(cli: CommandLine) -> None:
    rng = np.random.default_rng(0)
    np.savez(cli.folder / "own.npz", images=rng.integers(0, 256, (60, 32, 32), dtype=np.uint8))
    begun(cli, "--seeds", "2", "--steps", "3000", "--dataset", "npz:own.npz")
    np.savez(cli.folder / "own.npz", images=rng.integers(0, 256, (60, 32, 32), dtype=np.uint8))
    wrong = cli.run("work", code=1)
    assert wrong.stderr.count("\n") == 1, wrong.stderr
    assert {state for (state,) in rows(cli.folder, "jobs", "state")} <= {"PENDING", "RUNNING"}


def test_what_is_wrong_is_one_line(cli: CommandLine) -> None:
    assert cli.run("work", "--workers", "0", code=2).stderr.count("\n") == 1
    said = cli.run("work", code=1).stderr
    assert said.startswith("vaebench: There is no database at results/results.db.")
    assert said.count("\n") == 1
    assert not (cli.folder / "results").exists()
