"""Sweeps as real processes: killed, interrupted, doubled and reordered, the table is the same."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from subprocess import Popen
from typing import Any

import psutil
import pytest

from tests.conftest import PATIENCE, CommandLine

SWEEP = (
    "sweep --models cvae,betavae_b --betas 1,4 --seeds 2 --steps 120 --batch-size 8 "
    "--network burgess --eval-size 10 --checkpoint-every 0.2"
).split()
JOBS = 2 * (2 + 1)
FAILING = (
    "sweep --models betavae_b --seeds 1 --steps 6 --batch-size 4 --network burgess "
    "--eval-size 10 --workers 1 --precision fp32 --set betavae_b.c_steps=1"
).split()
"""With a gamma near the largest float the loss overflows as soon as C grows, at step 2."""

FIGURES = (
    "SELECT job_key, name, value, points, low, high, note FROM scores JOIN jobs ON id = job_id",
    "SELECT job_key, c.step, loss, reconstruction, kl FROM curves c JOIN jobs ON id = job_id",
    "SELECT job_key, name, png, rows, columns, artifacts.detail FROM artifacts JOIN jobs "
    "ON id = job_id",
    "SELECT job_key, spec, state FROM jobs",
    "SELECT job_key, points, latents, codes FROM representations JOIN jobs ON id = job_id",
)


def query(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{folder}/results/results.db?mode=ro", uri=True, timeout=30) as base:
        return base.execute(statement).fetchall()


def figures(folder: Path) -> list[list[tuple[Any, ...]]]:
    """Every stored figure but times, exactly."""
    return [sorted(query(folder, statement), key=repr) for statement in FIGURES]


def progress(folder: Path) -> int:
    """Steps that the database has heard of."""
    if not (folder / "results" / "results.db").exists():
        return 0
    try:
        finished = query(folder, "SELECT coalesce(sum(steps), 0) FROM jobs WHERE state='COMPLETE'")
        running = query(folder, "SELECT coalesce(sum(step), 0) FROM jobs WHERE state='RUNNING'")
    except sqlite3.OperationalError:
        return 0
    return int(finished[0][0] + running[0][0])


def wait_for_checkpoint(process: Popen[str], folder: Path, patience: float = PATIENCE) -> None:
    until = time.monotonic() + patience
    while not list((folder / "results" / "checkpoints").glob("[!.]*.pt")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def workers_of(process: Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "child.py" in " ".join(child.cmdline())]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> list[list[tuple[Any, ...]]]:
    """The figures of a sweep that nothing interrupted."""
    folder = tmp_path_factory.mktemp("reference")
    CommandLine(folder).run(*SWEEP, "--workers", "2")
    found = figures(folder)
    assert len(found[3]) == JOBS
    assert {row[2] for row in found[3]} == {"COMPLETE"}
    assert len(found[1]) == JOBS * 120
    assert len(found[4]) == JOBS
    assert sum(row[1] == "udr" and row[2] is not None for row in found[0]) == JOBS
    return found


def test_killed_again_and_again(cli: CommandLine, reference: list[list[tuple[Any, ...]]]) -> None:
    """kill -9 of the whole process group at moments of all kinds, then the same command."""
    rng = random.Random(5)
    killed = 0
    for _ in range(5):
        process = cli.start(*SWEEP, "--workers", "2")
        wait_for_checkpoint(process, cli.folder)
        time.sleep(rng.uniform(0.0, 3.0))
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        killed += 1
        assert query(cli.folder, "SELECT count(*) FROM jobs WHERE state='RUNNING'")[0][0] > 0
    assert killed >= 2
    cli.run(*SWEEP, "--workers", "2")
    assert figures(cli.folder) == reference
    assert list((cli.folder / "results" / "checkpoints").iterdir()) == []
    assert len(list((cli.folder / "results" / "models").iterdir())) == JOBS


def test_a_killed_worker_is_replaced_within_the_sweep(
    cli: CommandLine, reference: list[list[tuple[Any, ...]]]
) -> None:
    process = cli.start(*SWEEP, "--workers", "2")
    for _ in range(2):
        wait_for_checkpoint(process, cli.folder)
        workers_of(process)[0].send_signal(signal.SIGKILL)
        time.sleep(4)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "killed by SIGKILL" in errors
    assert query(cli.folder, "SELECT sum(losses) FROM jobs")[0][0] == 2
    assert figures(cli.folder) == reference


def test_a_killed_runner_leaves_no_worker_behind(
    cli: CommandLine, reference: list[list[tuple[Any, ...]]]
) -> None:
    process = cli.start(*SWEEP, "--workers", "2")
    wait_for_checkpoint(process, cli.folder)
    workers = workers_of(process)
    assert workers
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE)
    assert alive == []
    cli.run(*SWEEP, "--workers", "2")
    assert figures(cli.folder) == reference


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_interrupted_in_order(
    number: signal.Signals, cli: CommandLine, reference: list[list[tuple[Any, ...]]]
) -> None:
    """Ctrl-C as a terminal sends it, to the whole group: checkpointed, released, resumable."""
    process = cli.start(*SWEEP, "--workers", "2")
    wait_for_checkpoint(process, cli.folder)
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert f"To go on: vaebench {' '.join(SWEEP)}" in errors
    states = dict(query(cli.folder, "SELECT state, count(*) FROM jobs GROUP BY state"))
    assert "RUNNING" not in states
    assert "FAILED" not in states
    assert states["PENDING"] > 0
    done = states.get("COMPLETE", 0)
    again = cli.run(*SWEEP, "--workers", "2")
    assert again.stderr.count("done  ") == JOBS - done
    assert figures(cli.folder) == reference


@pytest.mark.parametrize("workers", ["1", "4"])
def test_worker_count_and_order_do_not_matter(
    workers: str, cli: CommandLine, reference: list[list[tuple[Any, ...]]]
) -> None:
    shuffled = " ".join(SWEEP).replace("cvae,betavae_b", "betavae_b,cvae")
    shuffled = shuffled.replace("--betas 1,4", "--betas 4,1").replace("--seeds 2", "--seeds 1,0")
    cli.run(*shuffled.split(), "--workers", workers)
    assert figures(cli.folder) == reference


def test_two_sweeps_share_the_work(
    cli: CommandLine, reference: list[list[tuple[Any, ...]]]
) -> None:
    both = [cli.start(*SWEEP, "--workers", "1") for _ in range(2)]
    errors = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    done = [text.count("done  ") for text in errors]
    assert sum(done) == JOBS
    assert min(done) > 0
    assert figures(cli.folder) == reference


def test_same_sweep_again_does_nothing_and_a_larger_one_the_rest(
    cli: CommandLine,
) -> None:
    small = "sweep --models vae --seeds 2 --steps 5 --batch-size 4 --network burgess --eval-size 10"
    assert cli.run(*small.split()).stderr.count("done  ") == 2
    before = query(cli.folder, "SELECT job_key, finished_at, train_seconds FROM jobs")
    again = cli.run(*small.split())
    assert again.stderr.count("done  ") == 0
    assert query(cli.folder, "SELECT job_key, finished_at, train_seconds FROM jobs") == before
    larger = small.replace("--seeds 2", "--seeds 3")
    plan = cli.run(*larger.split(), "--dry-run").stdout
    assert "3 jobs: 2 done, 1 new." in plan
    assert cli.run(*larger.split()).stderr.count("done  ") == 1
    assert query(cli.folder, "SELECT count(*) FROM results") == [(3,)]


def test_a_failing_job_is_stored_and_stops_no_other(cli: CommandLine) -> None:
    words = [*FAILING, "--set", "betavae_b.gamma=3e38,1"]
    done = cli.run(*words, code=1)
    rows = query(cli.folder, "SELECT parameters, state, attempts, error, traceback FROM jobs")
    (bad,) = [row for row in rows if "3e+38" in row[0]]
    (good,) = [row for row in rows if "3e+38" not in row[0]]
    assert bad[1:3] == ("FAILED", 1)
    assert good[1:] == ("COMPLETE", 0, None, None)
    assert "at step 2 of 6" in bad[3]
    assert "DivergedError" in bad[4]
    (key,) = query(cli.folder, "SELECT job_key FROM jobs WHERE state = 'FAILED'")[0]
    assert f"vaebench show {key[:8]}" in done.stderr
    assert "DivergedError" in cli.run("show", key[:8]).stdout
    retried = cli.run(*words, "--retries", "2", code=1)
    assert retried.stderr.count("failed  ") >= 2
    assert query(cli.folder, "SELECT attempts FROM jobs WHERE state='FAILED'") == [(3,)]
    assert "1 failed before" in cli.run(*words, "--dry-run").stdout


def test_fail_fast_stops_at_the_first_failure(cli: CommandLine) -> None:
    cli.run(*FAILING, "--set", "betavae_b.gamma=3e38,1,2,3,4", "--fail-fast", code=1)
    states = dict(query(cli.folder, "SELECT state, count(*) FROM jobs GROUP BY state"))
    assert states["FAILED"] == 1
    assert states["PENDING"] == 4


def test_an_output_folder_that_cannot_be_written_fails_no_job_silently(cli: CommandLine) -> None:
    (cli.folder / "taken").write_text("a file where the folder should be")
    done = cli.run(*FAILING, "--out", "taken", code=1)
    assert "taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_reproduce_says_whether_every_figure_came_out_the_same(cli: CommandLine) -> None:
    cli.run(
        *"sweep --models betavae_h --betas 2 --seeds 0, --steps 8 --batch-size 4".split(),
        *"--network burgess --eval-size 10".split(),
    )
    key = query(cli.folder, "SELECT job_key FROM jobs")[0][0]
    assert "bit for bit" in cli.run("reproduce", key[:8]).stdout
    with sqlite3.connect(cli.folder / "results" / "results.db") as base:
        base.execute("UPDATE scores SET value = value + 1e-12 WHERE name = 'elbo'")
    base.close()
    changed = cli.run("reproduce", key[:8], code=1).stdout
    assert "1 of " in changed
    assert "figures differ" in changed


@pytest.mark.slow
def test_a_locked_database_is_waited_for(cli: CommandLine) -> None:
    """Another program holds the lock longer than a statement waits: the sweep does too."""
    process = cli.start(*SWEEP, "--workers", "1", "--seeds", "1")
    wait_for_checkpoint(process, cli.folder)
    holder = sqlite3.connect(cli.folder / "results" / "results.db", isolation_level=None)
    while True:
        try:
            holder.execute("BEGIN EXCLUSIVE")
            break
        except sqlite3.OperationalError:
            time.sleep(0.05)
    time.sleep(30)
    assert process.poll() is None
    holder.execute("COMMIT")
    holder.close()
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "locked by another program" in errors
    assert dict(query(cli.folder, "SELECT state, count(*) FROM jobs GROUP BY state")) == {
        "COMPLETE": 3
    }


def test_a_full_disk_is_one_line_and_the_sweep_goes_on_with_room(cli: CommandLine) -> None:
    """A real file system of 3 MB: the database fits, a checkpoint does not."""
    small = cli.folder / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "vaebench-test", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("needs root to mount a small file system")
    words = [*FAILING, "--out", "small", "--set", "betavae_b.gamma=1"]
    try:
        done = cli.run(*words, code=1)
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
        subprocess.run(["mount", "-o", "remount,size=50m", str(small)], check=True)
        assert "0 complete, 0 failed, 1 to do" in done.stderr
        cli.run(*words)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)
