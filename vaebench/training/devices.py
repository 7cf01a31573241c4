"""Devices: which one to take, what it can do, and how to make its arithmetic repeatable."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from vaebench.errors import UsageError, unknown

DEVICES = ("cpu", "cuda", "mps")


def resolve_device(name: str = "auto") -> str:
    """Chooses the device: CUDA, then MPS, then the CPU.

    Args:
        name: `auto`, or the one to take: `cpu`, `cuda`, `cuda:1`, `mps`.

    Raises:
        UsageError: The name is unknown, or this machine has no such device.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(kind for kind, there in available.items() if there)
    kind, _, number = name.partition(":")
    if kind not in available or (number and not number.isdigit()):
        raise unknown("device", name, ["auto", *DEVICES])
    if not available[kind] or (kind == "cuda" and int(number or 0) >= torch.cuda.device_count()):
        have = ", ".join(kind for kind, there in available.items() if there)
        raise UsageError(f"--device {name} is not on this machine. It has: {have}.")
    return name


def resolve_precision(name: str, device: str) -> str:
    """Chooses the precision: bf16 where the device computes it natively, else fp32.

    Args:
        name: `auto`, `fp32` or `bf16`.
        device: A resolved device.
    """
    if name != "auto":
        return name
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device == "cpu" and _cpu_has_bf16() else "fp32"


def _cpu_has_bf16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return False
    flags = set(cpuinfo.read_text().split())
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


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
