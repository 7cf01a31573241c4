"""Slurm's queue: allocations submitted by submitit, looked for, and cancelled."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from vaebench.errors import UsageError, VaebenchError
from vaebench.slurm.allocation import Allocation
from vaebench.slurm.request import Request

JOB_NAME = "vaebench"
"""What its allocations are called, by which they are told from a user's others."""

PATIENCE_SECONDS = 60.0
"""How long one of Slurm's programs may take."""

NEVER = {"PartitionConfig", "PartitionTimeLimit", "BadConstraints"}
"""Reasons of Slurm's to keep for ever what it has taken, where a cluster does not refuse it."""

MOST_TIMEOUTS = 1000
"""How often an allocation whose time was up is queued again."""


@dataclass(frozen=True)
class Waiting:
    """An allocation in the queue.

    Attributes:
        name: Its number, as in 42_3.
        state: Slurm's word for it, as in PENDING, RUNNING, COMPLETING.
        reason: Why it waits, or the nodes that it runs on.
    """

    name: str
    state: str
    reason: str


def submit(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    wanted: Request,
    allocations: int,
    folder: Path,
) -> list[str]:
    """Submits an array of allocations, in each of which a command of vaebench's runs.

    Args:
        arguments: The command's, after `vaebench`.
        environment: What it needs in its environment.
        wanted: What each allocation asks for.
        allocations: How many.
        folder: Where submitit and Slurm write, on a file system that nodes share.

    Returns:
        Their names.

    Raises:
        UsageError: submitit or Slurm is not installed here.
        VaebenchError: Slurm takes none.
    """
    try:
        from submitit import SlurmExecutor
    except ImportError as error:
        raise UsageError(
            "--executor slurm needs submitit: pip install 'vaebench[slurm]'."
        ) from error
    if shutil.which("sbatch") is None or shutil.which("srun") is None:
        raise UsageError(
            "--executor slurm needs sbatch and srun: run the command on a login node of the "
            "cluster, or leave the option out to train here."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # an address may have a password
        executor = SlurmExecutor(folder, max_num_timeout=MOST_TIMEOUTS)
        executor.update_parameters(job_name=JOB_NAME, **wanted.parameters())
        task = Allocation(tuple(arguments), dict(environment))
        with redirect_stderr(StringIO()), executor.batch():  # of sbatch's words one line is said
            jobs = [executor.submit(task) for _ in range(allocations)]
    except OSError as error:
        raise VaebenchError(f"{folder} cannot be written: {error.strerror}.") from error
    except Exception as error:
        text = _first_line(str(error)) if str(error).strip() else f"{type(error).__name__}."
        raise VaebenchError(
            f"Slurm takes no allocation: {text} The jobs are in the database, pending: run the "
            "command again with another --slurm."
        ) from error
    names = [str(job.job_id) for job in jobs]
    if (reason := _keeps_for_ever(names)) is not None:
        cancel(names)
        raise VaebenchError(
            f"Slurm would keep the allocations waiting for ever ({reason}): the partition has no "
            "node with so much, or gives none for so long. They are cancelled. The jobs are in the "
            "database, pending: run the command again with another --slurm."
        )
    return names


def look(names: Collection[str]) -> list[Waiting]:
    """Returns those of some allocations that are in the queue.

    Raises:
        VaebenchError: Slurm cannot be asked.
    """
    if not names:
        return []
    text = _call(
        "squeue", "--noheader", "--array", "--format", "%i|%T|%R", "--me", "--name", JOB_NAME
    )
    lines = (line.strip().split("|", 2) for line in text.splitlines() if "|" in line)
    return [Waiting(*line) for line in lines if line[0] in names]


def cancel(names: Sequence[str]) -> None:
    """Cancels allocations; what they train is checkpointed.

    Raises:
        VaebenchError: Slurm cannot be asked.
    """
    if names:
        _call("scancel", *names)


def _keeps_for_ever(names: Sequence[str]) -> str | None:
    """Returns Slurm's reason for never beginning what it has taken; None where it may."""
    try:
        waiting = [each for each in look(names) if each.state == "PENDING"]
    except VaebenchError:  # a controller that has just answered, and is busy
        return None
    return next((found for each in waiting if (found := each.reason.strip("()")) in NEVER), None)


def this_allocation() -> str | None:
    """Names the allocation that this process runs in; None outside of Slurm."""
    array, task = (os.environ.get(f"SLURM_ARRAY_{part}_ID") for part in ("JOB", "TASK"))
    name = f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")
    return f"slurm {name}" if name else None


def _call(program: str, *words: str) -> str:
    try:
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise VaebenchError(
            f"{program} is not installed here: run the command on a node of the cluster."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise VaebenchError(
            f"{program} has not answered for {PATIENCE_SECONDS:.0f} s: Slurm's controller may be "
            "down. Try again later; what runs goes on."
        ) from error
    if done.returncode:
        said = _first_line(done.stderr) if done.stderr.strip() else f"exit code {done.returncode}."
        raise VaebenchError(f"{program} cannot answer: {said}")
    return done.stdout


def _first_line(text: str) -> str:
    """Returns the first error in what Slurm said: submitit puts its own words before that."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line.partition("error:")[2].strip() for line in lines if "error:" in line]
    return (said or lines)[0].rstrip(".") + "."
