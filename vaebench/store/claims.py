"""Claims: the right to run a job, and when nobody holds it any more."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from vaebench.spec import JobSpec

STALE_SECONDS = 120.0
"""Age of the last heartbeat after which a claim counts as abandoned, wherever it was made."""


@dataclass(frozen=True)
class Claim:
    """The right to run one job and to record its outcome.

    Attributes:
        job_id: Row of the job.
        token: Proof of the right; a job claimed anew has another.
        spec: The job.
        attempts: How often it has been claimed and failed before.
    """

    job_id: int
    token: str
    spec: JobSpec
    attempts: int


def process_alive(pid: int, started: float) -> bool:
    """Says whether a process of this host, known by its start time, still runs."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < 1.0
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def abandoned(values: Mapping[str, Any], stale_seconds: float = STALE_SECONDS) -> bool:
    """Says whether nobody runs a running job any more.

    On this host that is so once its process is gone; elsewhere, or where the process hangs, once
    its last heartbeat is old.

    Args:
        values: `claim_host`, `claim_pid`, `claim_started` and `heartbeat_at` of the job.
        stale_seconds: Age at which a heartbeat is old.
    """
    numbers = [values[name] for name in ("heartbeat_at", "claim_pid", "claim_started")]
    if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers):
        return True  # damaged: whoever holds it can do no better than begin anew
    if time.time() - values["heartbeat_at"] > stale_seconds:
        return True
    if values["claim_host"] != platform.node():
        return False
    return not process_alive(values["claim_pid"], values["claim_started"])
