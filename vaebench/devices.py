"""Which device and precision to take; torch is imported only where it has to be asked."""

from __future__ import annotations

import sys
from pathlib import Path

from vaebench.errors import UsageError, unknown

DEVICES = ("cpu", "cuda", "mps")

DRIVERS = ("nvidia*", "nvhost*", "nvmap", "nvgpu*", "dxg", "kfd")
"""Files in /dev of which an accelerator's driver has one on Linux: NVIDIA, Tegra, WSL, AMD."""


def resolve_device(name: str = "auto") -> str:
    """Chooses the device: CUDA, then MPS, then the CPU.

    Args:
        name: `auto`, or the one to take: `cpu`, `cuda`, `cuda:1`, `mps`.

    Raises:
        UsageError: The name is unknown, or this machine has no such device.
    """
    if name == "cpu" or (name == "auto" and _without_accelerator()):
        return "cpu"
    import torch

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
        import torch

        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device == "cpu" and _cpu_has_bf16() else "fp32"


def _without_accelerator() -> bool:
    """Says whether this is a Linux without any file of an accelerator's driver."""
    folder = Path("/dev")
    return sys.platform == "linux" and not any(next(folder.glob(p), None) for p in DRIVERS)


def _cpu_has_bf16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return False
    flags = set(cpuinfo.read_text().split())
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})
