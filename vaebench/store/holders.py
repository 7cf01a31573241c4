"""Who holds a claim: a process known by what no clock can change, and whether it still runs."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LOOK_SECONDS = 30.0
"""Silence that one look at a claim can add at most: a watcher that slept has seen nothing."""


@dataclass(frozen=True)
class Holder:
    """A process that claims jobs.

    Attributes:
        place: The boot and the process numbers' name space that it runs in.
        pid: Its number there.
        started: Clock ticks from the boot to its start.
    """

    place: str
    pid: int
    started: int


@cache
def this_place() -> str | None:
    """Names this boot of this machine and, within it, what process numbers are counted in.

    Containers share a boot, machines may share a name: neither tells where a number belongs.

    Returns:
        The name; None where the system does not tell, or `/proc` is that of another name space.
    """
    try:
        if Path("/proc/self").readlink().name != str(os.getpid()):
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return None


def this_process() -> Holder | None:
    """Returns this process as a holder; None where the system does not tell enough."""
    place, started = this_place(), _started(os.getpid())
    return None if place is None or started is None else Holder(place, os.getpid(), started)


def lives(holder: Holder) -> bool | None:
    """Says whether a holder still runs; None where that cannot be told from here."""
    if holder.place != this_place():
        return None
    started = _started(holder.pid)
    if started is not None:
        return started == holder.started
    return None if _exists(holder.pid) else False


def lived_here(host: str | None, pid: int, created: float) -> bool | None:
    """Says the same of a holder that an older vaebench, or one on another system, wrote down.

    Its start was written as a time, which follows the host's clock: a process of its number that
    seems to have started at another time may be it or not.
    """
    if host != platform.node():
        return None
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return True if abs(process.create_time() - created) < 1.0 else None
    except (psutil.NoSuchProcess, OverflowError, ValueError):
        return False
    except psutil.AccessDenied:
        return None


def created() -> float:
    """Returns when this process was started, in seconds since the epoch, as older ones write."""
    import psutil

    return float(psutil.Process().create_time())


class Watch:
    """Sees for how long claims have been silent, by the clock of nobody but this process.

    That is the clock that only runs on, so neither a step of it nor a difference between two
    hosts' matters: a heartbeat counts by being another than at the last look.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float | None, float]] = {}
        self._last = time.monotonic()

    def silences(self, beats: Mapping[str, float | None]) -> dict[str, float]:
        """Takes a look.

        Args:
            beats: The last heartbeat of each claim, by its token.

        Returns:
            Seconds that each has been seen without another.
        """
        now = time.monotonic()
        passed, self._last = min(now - self._last, LOOK_SECONDS), now
        self._seen = {
            token: (beat, self._seen[token][1] + passed)
            if token in self._seen and self._seen[token][0] == beat
            else (beat, 0.0)
            for token, beat in beats.items()
        }
        return {token: silence for token, (_, silence) in self._seen.items()}


def _started(pid: int) -> int | None:
    """Returns the clock ticks from the boot to a process' start; None where it cannot be read.

    A process that has ended and waits to be fetched has started at no time.
    """
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return -1 if state in "ZX" else int(fields[18])


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
