"""Which device and precision to take; torch is imported only where it has to be asked."""

from __future__ import annotations

import sys
from pathlib import Path

from vaebench.errors import UsageError, unknown

DEVICES = ("cpu", "cuda", "mps")

DRIVERS = ("nvidia*", "nvhost*", "nvmap", "nvgpu*", "dxg", "kfd")
"""Files in /dev of which an accelerator's driver has one on Linux: NVIDIA, Tegra, WSL, AMD."""


def resolve_devices(name: str = "auto") -> tuple[str, ...]:
    """Chooses the devices: all CUDA GPUs, else MPS, else the CPU.

    Args:
        name: `auto`, or what to take: `cpu`, `cuda` for every GPU, `cuda:1` for that one, `mps`.

    Returns:
        Their names; those of GPUs with their index, such as `cuda:0`.

    Raises:
        UsageError: The name is unknown, or this machine has no such device.
    """
    if name == "cpu" or (name == "auto" and _without_accelerator()):
        return ("cpu",)
    kind, colon, number = name.partition(":")
    indexed = kind == "cuda" and number.isascii() and number.isdecimal()
    if kind not in ("auto", *DEVICES) or (colon and not indexed):
        raise unknown("device", name, ["auto", "cpu", "cuda", "cuda:0", "mps"])
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    have = {
        "cuda": tuple(f"cuda:{index}" for index in range(gpus)),
        "mps": ("mps",) * torch.backends.mps.is_available(),
        "cpu": ("cpu",),
    }
    if kind == "auto":
        return next(names for names in have.values() if names)
    wanted = (f"cuda:{int(number)}",) if indexed else have[kind]
    if not wanted or not set(wanted) <= set(have[kind]):
        known = ", ".join(found for names in have.values() for found in names)
        raise UsageError(f"--device {name} is not on this machine. It has: {known}.")
    return wanted


def resolve_device(name: str = "auto") -> str:
    """Chooses one device: the first of `resolve_devices`."""
    return resolve_devices(name)[0]


def device_like(known: str) -> str:
    """Chooses the device that a stored run names, or another of its kind.

    Args:
        known: As in the run's environment: `cpu`, `cuda:1`, or `cuda` of an older vaebench.

    Raises:
        UsageError: This machine has none of its kind.
    """
    devices = resolve_devices(known.partition(":")[0])
    return known if known in devices else devices[0]


def resolve_precision(name: str, device: str) -> str:
    """Chooses the precision: bf16 where the device computes it natively, else fp32.

    Args:
        name: `auto`, `fp32`, `tf32` or `bf16`.
        device: A resolved device.

    Raises:
        UsageError: The device does not compute in TF32.
    """
    if name == "tf32" and not _has_tf32(device):
        raise UsageError(
            f"--precision tf32 is not on {device}: NVIDIA GPUs since Ampere (compute capability "
            "8.0) have it. Give fp32, bf16 or auto."
        )
    if name != "auto":
        return name
    if device.startswith("cuda"):
        import torch

        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device == "cpu" and _cpu_has_bf16() else "fp32"


def _has_tf32(device: str) -> bool:
    if not device.startswith("cuda"):
        return False
    import torch

    return torch.version.hip is None and torch.cuda.get_device_capability(device) >= (8, 0)


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
