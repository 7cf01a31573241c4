"""What runs in an allocation of Slurm's: `vaebench work`, ended in order before its time is up."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Allocation:
    """Runs a command of vaebench's; submitit calls it on a node.

    Near the time limit, and where Slurm warns of a preemption, submitit calls `checkpoint`: the
    command is told to stop, checkpoints what it trains and gives its jobs back, and the
    allocation is queued again, unless it had come to its end.

    Attributes:
        arguments: The command's, after `vaebench`.
        environment: What it needs in its environment, such as the database's address, which must
            not be read off a list of processes.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str]

    def __call__(self) -> int:
        """Runs the command; returns its exit code."""
        process = subprocess.Popen(
            [sys.executable, "-m", "vaebench", *self.arguments],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            preexec_fn=_deaf_to_warnings,
        )
        _running.append(process.pid)
        while process.poll() is None:
            time.sleep(LOOK_SECONDS)
        return process.returncode

    def checkpoint(self, *_: Any) -> Any:
        """Ends the command in order; returns what is to run when it is the turn again."""
        from submitit.helpers import DelayedSubmission

        pid = _running[-1]
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGTERM)
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            if ended is not None and ended.si_code == os.CLD_EXITED and ended.si_status == 0:
                return None
        return DelayedSubmission(self)


def _deaf_to_warnings() -> None:
    """Has the command and its workers ignore Slurm's warning, which goes to all processes."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


_running: list[int] = []
"""Numbers of the processes that this one has started: submitit calls `checkpoint` of a copy."""
