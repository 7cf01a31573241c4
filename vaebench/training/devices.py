"""Devices: how to make their arithmetic repeatable, and what they are called."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch


def prepare(device: str, threads: int) -> None:
    """Sets up this process for repeatable arithmetic; call it before any other torch work.

    The thread count is pinned because it changes the bits of sums. Denormals count as zero.

    Args:
        device: A resolved device.
        threads: Threads within an operation.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    if device.startswith("cuda"):
        torch.cuda.set_device(torch.device(device))


def device_name(device: str) -> str:
    """Returns the maker's name of a device."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(torch.device(device))
    cpuinfo = Path("/proc/cpuinfo")
    if device == "cpu" and cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
