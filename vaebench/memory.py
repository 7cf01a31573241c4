"""Signs that memory ran out: in errors, in a dying process's last words, in the kernel's count."""

from __future__ import annotations

import re
from pathlib import Path

_SIGNS = re.compile(
    r"MemoryError|OutOfMemory|out of memory|bad_alloc|could not create a primitive"
    r"|can't allocate memory|cannot allocate memory|unable to allocate|failed to allocate"
    r"|cannot be allocated|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"(?:Runtime|OutOfMemory|Accelerator)Error: |\[enforce fail at [^]]*\] [^.]*\. "
)
"""What PyTorch puts before the message itself."""


def ran_out(text: str) -> bool:
    """Says whether a message is about memory that was not to be had.

    PyTorch, oneDNN, NumPy, C++ and the C library each have their own words for it.
    """
    return bool(_SIGNS.search(text))


def last_sign(text: str) -> str:
    """Returns the last line of a text that says so, or an empty one."""
    lines = [_PLACE.sub("", line).strip() for line in text.splitlines() if ran_out(line)]
    return lines[-1] if lines else ""


def oom_kills() -> int:
    """Returns how often the kernel has killed a process for memory since the machine started.

    Kills within a control group count too; it is 0 where the kernel does not tell.
    """
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
