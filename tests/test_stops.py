"""A stop at any moment of a sweep, as real signals: quiet, in order, and no job pays for it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import PATIENCE, CommandLine

SWEEP = (
    "sweep --models vae --seeds 3 --steps 40 --batch-size 4 --network mlp --eval-size 10 "
    "--workers 2"
).split()


def ours(process: subprocess.Popen[str]) -> bool:
    """Says whether a process catches SIGTERM: the interpreter is up, and our first line has run."""
    try:
        text = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return False
    caught = next((line for line in text.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def stopped(cli: CommandLine, number: signal.Signals, seconds: float, *, group: bool) -> int:
    """Stops a sweep so long after its first line; returns how it ended, which was quietly."""
    process = cli.start(*SWEEP)
    while not ours(process):
        assert process.poll() is None
        time.sleep(0.0002)
    time.sleep(seconds)
    if group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    for sign in ("Traceback", "Error", "Exception", "File ", "lost", "failed "):
        assert sign not in (out + err).replace("0 failed", ""), (number, seconds, group, out, err)
    return process.returncode


def states(folder: Path) -> dict[str, int]:
    """The sweep's jobs by state; none of them has an attempt or a loss."""
    database = folder / "results" / "results.db"
    if not database.exists():
        return {}
    with sqlite3.connect(database, timeout=30) as base:
        tables = base.execute("SELECT name FROM sqlite_master WHERE name = 'jobs'").fetchall()
        rows = base.execute("SELECT state, attempts, losses, error FROM jobs") if tables else []
        found = [tuple(row) for row in rows]
    base.close()
    assert all(row[1:] == (0, 0, None) for row in found), found
    return {state: sum(row[0] == state for row in found) for state, *_ in found}


@pytest.mark.parametrize(
    "trials",
    [
        pytest.param(4, id="some"),
        pytest.param(40, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(2400)]),
    ],
)
def test_a_stop_at_any_moment(cli: CommandLine, trials: int) -> None:
    """From the first line on, to the group and to the runner alone; then the same line ends."""
    rng = random.Random(trials)
    start = time.monotonic()
    cli.run(*SWEEP)
    whole = time.monotonic() - start
    codes = []
    for trial in range(trials):
        if states(cli.folder).get("COMPLETE") == 3:
            shutil.rmtree(cli.folder / "results")
        number = (signal.SIGINT, signal.SIGTERM)[trial % 2]
        seconds = whole * (trial + rng.random()) / trials if trial > 3 else 0.0
        codes.append(stopped(cli, number, seconds, group=trial % 4 < 2))
        assert set(states(cli.folder)) <= {"PENDING", "COMPLETE"}
    assert set(codes) <= {130, 0}, codes
    assert codes[:4] == [130] * 4
    assert codes.count(130) >= trials / 2
    cli.run(*SWEEP)
    assert states(cli.folder) == {"COMPLETE": 3}


def test_sigterm_before_the_first_line_is_quiet(cli: CommandLine) -> None:
    for delay in (0.0, 0.005, 0.01, 0.02, 0.04):
        process = cli.start(*SWEEP)
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
        assert out == ""
        assert process.returncode in {-signal.SIGTERM, 130}
        assert err in {"", "vaebench: interrupted.\n"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["status", "models", "runs", "data list"])
def test_every_command_is_stopped_quietly(
    cli: CommandLine, command: str, number: signal.Signals
) -> None:
    for delay in (0.0, 0.05, 0.2):
        process = cli.start(*command.split())
        while not ours(process):
            time.sleep(0.0002)
        time.sleep(delay)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode in {0, 1, 130}
        assert "Traceback" not in err
        if delay == 0.0:
            assert (process.returncode, err) == (130, "vaebench: interrupted.\n")


def test_a_signal_that_the_parent_ignores_stays_ignored(cli: CommandLine) -> None:
    """As `&` in a script has it: Ctrl-C is meant for what runs in front."""
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *cli.command(*SWEEP)],
        cwd=cli.folder,
        env=cli.environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not ours(process):
        assert process.poll() is None
        time.sleep(0.001)
    while process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)
    assert process.returncode == 0, process.communicate()[1]
    process.communicate()
    assert states(cli.folder) == {"COMPLETE": 3}
