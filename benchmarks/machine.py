"""What a timing was taken on, and how much of the machine others were using meanwhile."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Any

import psutil

from vaebench.devices import resolve_precision
from vaebench.training import device_name

SAMPLE_SECONDS = 3.0


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Load:
    """Measures, as a context, the wall time of a block and what others computed meanwhile.

    Child processes count as ours once they have been waited for, with all that they waited for.

    Attributes:
        seconds: Wall time of the block.
        others: Share of the machine's cores that other processes used, 0 to 1.
    """

    seconds: float = 0.0
    others: float = 0.0

    def __enter__(self) -> Load:
        self._start = time.perf_counter()
        self._busy, self._own = _busy_seconds(), _own_seconds()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.seconds = time.perf_counter() - self._start
        foreign = _busy_seconds() - self._busy - (_own_seconds() - self._own)
        available = self.seconds * (psutil.cpu_count() or 1)
        self.others = max(0.0, foreign / available)


def wait_until_quiet(share: float, until: float) -> float:
    """Waits for the others to rest; those of a low priority will give way by themselves.

    Args:
        share: Share of the cores that they may use.
        until: When to give up, on the clock of `time.monotonic`.

    Returns:
        The share that they used last.
    """
    while True:
        polite = _polite_seconds()
        with Load() as load:
            time.sleep(SAMPLE_SECONDS)
        polite = _polite_seconds() - polite
        used = load.others - polite / (load.seconds * (psutil.cpu_count() or 1))
        if used <= share or time.monotonic() > until:
            return used
        time.sleep(SAMPLE_SECONDS)


def describe() -> str:
    """The machine in one line: processor, cores, versions."""
    flags = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")
    known = _processor_flags()
    widest = next((flag for flag in flags if flag in known), "")
    python = ".".join(str(part) for part in sys.version_info[:3])
    return (
        f"{device_name('cpu')} ({widest or 'no AVX'}), {cores()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB; Python {python}, "
        f"torch {version('torch')}, precision auto = {resolve_precision('auto', 'cpu')}"
    )


def _processor_flags() -> set[str]:
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123 - not a file like others
            return set(file.read().split())
    except OSError:
        return set()


def _busy_seconds() -> float:
    """Seconds that all cores have computed, and that the host kept from this machine."""
    times: Any = psutil.cpu_times()
    idle = {"idle", "iowait", "guest", "guest_nice"}
    return float(sum(value for name, value in times._asdict().items() if name not in idle))


def _polite_seconds() -> float:
    return float(getattr(psutil.cpu_times(), "nice", 0.0))


def _own_seconds() -> float:
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        total += used.ru_utime + used.ru_stime
    return total
