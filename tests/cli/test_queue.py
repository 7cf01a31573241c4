"""Sweeps in the queue of a real Slurm cluster: nodes die, time is up, the table is the same."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from tests.conftest import CommandLine
from tests.slurm_cluster import SlurmCluster, wait_for
from tests.stored import ask, figures
from vaebench.slurm import request
from vaebench.store import Store

SWEEP = (
    "sweep --models vae --network burgess --batch-size 8 --eval-size 10 --checkpoint-every 0.5"
).split()
IN_QUEUE = ("--executor", "slurm", "--slurm", "time=10")


def database(folder: Path) -> Path:
    return folder / "results" / "results.db"


def steps(folder: Path) -> int:
    """Steps of running jobs that the database has heard of."""
    with contextlib.suppress(sa.exc.DBAPIError):  # it is being made
        found = ask(database(folder), "SELECT sum(step) FROM jobs WHERE state='RUNNING'")
        return int(found[0][0] or 0)
    return 0


def alone(cli: CommandLine, *options: str) -> list[list[tuple[Any, ...]]]:
    """The figures of the same sweep by one process of this machine."""
    cli.run(*SWEEP, *options, "--workers", "1", "--out", "alone")
    return figures(cli.folder / "alone" / "results.db")


def end(process: subprocess.Popen[str], code: int = 0) -> str:
    """Waits for a command's end; returns what it said on stderr."""
    said, errors = process.communicate(timeout=400)
    assert process.returncode == code, said + errors
    return errors


def contents(location: Path) -> str:
    """All rows of all tables of a database file."""
    with contextlib.closing(sqlite3.connect(location)) as base:
        return "\n".join(base.iterdump())


def working(slurm: SlurmCluster) -> list[str]:
    """The nodes on which something runs."""
    return slurm.call("squeue", "-h", "-t", "running", "-o", "%N").split()


@pytest.mark.parametrize("seeds", [4, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.timeout(900)
def test_a_killed_node_costs_nothing(queue: CommandLine, slurm: SlurmCluster, seeds: int) -> None:
    options = ("--seeds", str(seeds), "--steps", "120" if seeds < 40 else "30")
    process = queue.start(*SWEEP, *options, *IN_QUEUE, "--workers", "2")
    wait_for(lambda: sorted(working(slurm)) == ["n1", "n2"] and steps(queue.folder) > 0, 120)
    slurm.kill_node("n1")
    try:
        said = end(process)
    finally:
        slurm.start_node("n1")
    assert "Submitted 2 allocations to Slurm" in said
    assert f"{seeds} complete, 0 failed, 0 to do" in said
    assert figures(database(queue.folder)) == alone(queue, *options)
    assert not list((queue.folder / "results" / "checkpoints").glob("*.pt"))


def test_the_warning_before_a_time_limit_checkpoints_and_queues_again(
    queue: CommandLine, slurm: SlurmCluster
) -> None:
    """What Slurm does 90 s before the limit is sent at once: SIGUSR2 to all of its processes."""
    options = ("--seeds", "1", "--steps", "1500")
    said = queue.run(*SWEEP, *options, *IN_QUEUE, "--workers", "1", "--detach").stderr
    name = said.split("to Slurm, ")[1].split(".")[0]
    wait_for(lambda: steps(queue.folder) > 0, 120)
    slurm.call("scancel", "--signal=USR2", name)
    where = database(queue.folder)
    wait_for(lambda: ask(where, "SELECT state FROM jobs") == [("PENDING",)])
    assert len(list((queue.folder / "results" / "checkpoints").glob("*.pt"))) == 1
    wait_for(lambda: slurm.call("squeue", "-h", "-j", name, "-o", "%T") == "PENDING")
    reached = ask(where, "SELECT step FROM jobs")[0][0]
    status = queue.run("status").stdout
    assert f"pending  1 on Slurm ({name}): " in status
    slurm.call("scontrol", "update", f"JobId={name}", "StartTime=now")
    wait_for(lambda: ask(where, "SELECT state FROM jobs") == [("COMPLETE",)], 240)
    said = (queue.folder / "results" / "slurm" / f"{name}_0_log.out").read_text()
    assert "Calling checkpoint method" in said
    assert reached > 0
    assert figures(where) == alone(queue, *options)


@pytest.mark.parametrize("shortened", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.timeout(900)
def test_what_a_frozen_allocation_says_late_is_refused(
    queue: CommandLine, slurm: SlurmCluster, shortened: bool
) -> None:
    """Slurm suspends it in the middle of a job, which another machine takes over and completes."""
    options = ("--seeds", "1", "--steps", "300")
    queue.run(*SWEEP, *options, *IN_QUEUE, "--workers", "1", "--detach")
    wait_for(lambda: steps(queue.folder) > 0, 300)
    where, out = database(queue.folder), queue.folder / "results"
    slurm.call("scontrol", "suspend", slurm.call("squeue", "-h", "-o", "%A"))
    frozen = slurm.at_work_on(slurm.call("squeue", "-h", "-o", "%N"))
    wait_for(lambda: {process.status() for process in frozen} == {psutil.STATUS_STOPPED})
    assert slurm.call("squeue", "-h", "-o", "%T") == "SUSPENDED"
    ((key,),) = ask(where, "SELECT job_key FROM jobs WHERE state='RUNNING'")
    if shortened:  # to seconds, of the two minutes of silence that a process is given that lives
        with Store(where) as store:
            assert store.requeue_abandoned(1.0) == 0
            time.sleep(1.5)
            assert store.requeue_abandoned(1.0) == 1
    said = queue.run("work", "--workers", "1", timeout=400).stderr
    assert "1 complete, 0 failed, 0 to do" in said
    assert ask(where, "SELECT state, attempts, losses FROM jobs") == [("COMPLETE", 0, 0)]
    before = contents(where)
    name = slurm.call("squeue", "-h", "-o", "%A")
    slurm.call("scontrol", "resume", name)
    wait_for(lambda: not slurm.call("squeue", "-h"), 300)
    (words,) = (out / "slurm").glob("*_log.err")
    assert f"late  {key[:8]}" in words.read_text()
    assert "JobState=COMPLETED" in slurm.call("scontrol", "show", "job", name)
    assert contents(where) == before
    assert figures(where) == alone(queue, *options)
    assert [file.name for file in (out / "models").iterdir()] == [f"{key}.pt"]
    assert not list((out / "checkpoints").iterdir())


def test_left_watched_and_stopped(queue: CommandLine, slurm: SlurmCluster) -> None:
    sweep = (*SWEEP, "--seeds", "3", "--steps", "100000", *IN_QUEUE, "--workers", "3")
    said = queue.run(*sweep, "--detach").stderr
    assert "Submitted 3 allocations to Slurm" in said
    assert "vaebench status --watch" in said
    again = queue.run(*sweep, "--detach").stderr
    assert "Nothing submitted: 3 allocations of it in Slurm's queue already" in again
    wait_for(lambda: sorted(working(slurm)) == ["n1", "n2"] and steps(queue.folder) > 0, 120)
    status = queue.run("status").stdout
    assert "allocation" in status
    assert "slurm " in status
    assert "1 on Slurm" in status  # the third waits: there are two nodes of a core each
    assert "Resources" in status or "Priority" in status
    assert ask(database(queue.folder), "SELECT count(*) FROM sweeps") == [(2,)]
    stopped = queue.run("stop").stderr
    assert "Cancelled 3 allocations" in stopped
    where = database(queue.folder)
    wait_for(lambda: ask(where, "SELECT DISTINCT state FROM jobs") == [("PENDING",)])
    assert len(list((queue.folder / "results" / "checkpoints").glob("*.pt"))) == 2
    wait_for(lambda: not slurm.call("squeue", "-h"))
    assert "Nothing is in Slurm's queue." in queue.run("stop").stderr


def test_ctrl_c_leaves_the_allocations(queue: CommandLine, slurm: SlurmCluster) -> None:
    sweep = (*SWEEP, "--seeds", "1", "--steps", "100000", *IN_QUEUE, "--workers", "1")
    process = queue.start(*sweep)
    wait_for(lambda: steps(queue.folder) > 0, 120)
    process.send_signal(signal.SIGINT)
    said = end(process, 130)
    assert "The allocations go on." in said
    assert working(slurm)


def test_what_slurm_refuses_is_one_line(queue: CommandLine, slurm: SlurmCluster) -> None:
    sweep = (*SWEEP, "--seeds", "1", "--steps", "5", "--executor", "slurm", "--workers", "1")
    said = queue.run(*sweep, "--slurm", "partition=gpu", code=1).stderr
    assert said.startswith("vaebench: Slurm takes no allocation: invalid partition specified: gpu")
    assert said.count("\n") == 1
    assert ask(database(queue.folder), "SELECT state FROM jobs") == [("PENDING",)]
    queue.environment["PATH"] = str(Path(sys.executable).parent)
    assert "needs sbatch and srun" in queue.run(*sweep, code=2).stderr


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), "needs --workers"),
        (("--workers", "2", "--slurm", "tiem=4"), "has 'tiem': known are time, partition, gpus"),
        (("--workers", "2", "--slurm", "time=soon"), "time='soon': write it as in 4:00:00"),
        (("--workers", "2", "--slurm", "gpus=0"), "gpus='0': give a whole number, 1 or more"),
        (("--workers", "2", "--slurm", "mem=much"), "mem='much': write it as in 16G"),
        (("--workers", "2", "--slurm", "gpus=1"), "name one, as in --precision bf16"),
        (("--workers", "2", "--slurm", "partition"), "write NAME=VALUE"),
        (("--workers", "2", "--slurm", "mem=1G,mem=2G"), "has 'mem' twice"),
        (("--workers", "2", "--renew"), "leave --executor slurm out"),
    ],
)
def test_a_request_that_is_wrong(cli: CommandLine, options: tuple[str, ...], line: str) -> None:
    said = cli.run(*SWEEP, "--executor", "slurm", *options, code=2).stderr
    assert line in said
    assert said.count("\n") == 1
    assert not (cli.folder / "results").exists()


def test_options_of_the_queue_need_it(cli: CommandLine) -> None:
    assert "--slurm is of Slurm's queue" in cli.run(*SWEEP, "--slurm", "time=4", code=2).stderr
    assert "--detach is of Slurm's queue" in cli.run(*SWEEP, "--detach", code=2).stderr


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("90", 90),
        ("5:30", 6),
        ("4:00:00", 240),
        ("1-12", 2160),
        ("1-12:30", 2190),
        ("2-00:00:01", 2881),
    ],
)
def test_times_are_read_as_slurm_reads_them(text: str, minutes: int) -> None:
    """The formats of sbatch's manual: minutes, M:S, H:M:S, D-H, D-H:M, D-H:M:S."""
    assert request(f"time={text}").time == minutes


def test_a_list_of_nodes_is_one_value() -> None:
    found = request("nodelist=n1,n[3-5],partition=main,reservation=mine")
    assert (found.nodelist, found.partition) == ("n1,n[3-5]", "main")
    assert found.parameters()["additional_parameters"] == {"reservation": "mine"}


def test_without_submitit_the_option_says_what_to_install(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "submitit.py").write_text("raise ImportError('no submitit')")
    cli.environment["PYTHONPATH"] = os.pathsep.join(
        [str(tmp_path), str(Path(__file__).resolve().parents[2])]
    )
    sweep = (*SWEEP, "--seeds", "1", "--steps", "5", "--executor", "slurm", "--workers", "1")
    assert "pip install 'vaebench[slurm]'" in cli.run(*sweep, code=2).stderr
