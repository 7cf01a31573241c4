"""Running out of memory is called so: the words of every library, and a sweep under a limit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.conftest import CommandLine
from vaebench.memory import last_sign, ran_out

SWEEP = (
    "sweep --models vae --seeds 1 --steps 2 --batch-size 400000 --network mlp --eval-size 10 "
    "--workers 1"
).split()
"""A batch of 6.5 GB in single precision."""


@pytest.mark.parametrize(
    "ask",
    [
        lambda: bytearray(2**60),
        lambda: np.zeros(2**50),
        lambda: torch.zeros(2**50),
        lambda: [None] * 2**58,
    ],
)
def test_what_libraries_say_where_there_is_no_memory(ask: Callable[[], object]) -> None:
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        ask()
    line = f"{type(caught.value).__name__}: {caught.value}"
    assert ran_out(line)
    assert "enforce" not in last_sign(line)


@pytest.mark.parametrize(
    "line",
    [
        "RuntimeError: could not create a primitive",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB.",
        "OSError: [Errno 12] Cannot allocate memory",
    ],
)
def test_what_they_say_elsewhere(line: str) -> None:
    assert ran_out(line)


@pytest.mark.parametrize("line", ["DivergedError: the loss became NaN", "KeyError: 'memory'"])
def test_other_errors_are_not_about_memory(line: str) -> None:
    assert not ran_out(line)


def limited(cli: CommandLine) -> subprocess.Popen[str]:
    """Starts a real sweep in an address space of 6 GB."""
    return subprocess.Popen(
        ["sh", "-c", 'ulimit -v 6000000; exec "$@"', "sh", *cli.command(*SWEEP)],
        cwd=cli.folder,
        env=cli.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    "killed",
    [pytest.param(False, id="one command", marks=pytest.mark.slow), pytest.param(True, id="two")],
)
def test_a_job_that_memory_does_not_suffice_for_is_put_back_once_then_fails(
    cli: CommandLine, killed: bool
) -> None:
    put_back = "It is put back once; 1 at a time from now on."
    sweep = limited(cli)
    assert sweep.stderr is not None
    said = next(line for line in sweep.stderr if put_back in line)
    assert "emory" in said
    if killed:
        os.killpg(sweep.pid, signal.SIGKILL)
        sweep.communicate()
        sweep = limited(cli)
    _, errors = sweep.communicate(timeout=500)
    assert sweep.returncode == 1, errors
    assert put_back not in errors
    assert "fewer --workers" in errors
    assert "Traceback" not in errors
    assert "emory" in errors.splitlines()[-3]
    shown = json.loads(cli.run("runs", "--state", "failed", "--format", "json").stdout)
    assert [run["state"] for run in shown] == ["FAILED"]
    assert "It has failed before" in shown[0]["error"]
