"""Devices: how to make their arithmetic repeatable, and what they are called."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

import torch

from vaebench.errors import DeviceError, UsageError


def prepare(device: str, threads: int) -> None:
    """Sets up this process for repeatable arithmetic; call it before any other torch work.

    The thread count is pinned because it changes the bits of sums. Denormals count as zero.

    Args:
        device: A resolved device.
        threads: Threads within an operation.

    Raises:
        DeviceError: The device is gone, does not answer, or has no memory left at all.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.set_deterministic_debug_mode("error")  # the other way imports torch's compiler
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    if device.startswith("cuda"):
        try:
            torch.cuda.set_device(torch.device(device))
            torch.ones((), device=device).item()
        except (RuntimeError, AssertionError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise DeviceError(
                f"{device} cannot be used: {reason}. Nothing is lost and no job has failed: run "
                "the same command again when it can, or with another --device."
            ) from error


def set_precision(precision: str, device: str) -> None:
    """Sets this process up for the arithmetic of a job; call it before each.

    With `fp32`, matrix products and convolutions of float32 are computed as such: cuDNN's own
    default rounds their inputs to TF32, 10 bits of mantissa. With `tf32` both are rounded. What
    `bf16` computes in bfloat16 is autocast's, and the rest is as with `fp32`.

    Args:
        precision: `fp32`, `tf32` or `bf16`.
        device: A resolved device.

    Raises:
        UsageError: The device does not compute in TF32.
    """
    if precision == "tf32" and not device.startswith("cuda"):
        raise UsageError(f"A job of --precision tf32 cannot be computed on {device}: give cuda.")
    wanted = "tf32" if precision == "tf32" else "ieee"
    torch.backends.cuda.matmul.fp32_precision = wanted
    torch.backends.cudnn.conv.fp32_precision = wanted  # type: ignore[attr-defined]


def device_name(device: str) -> str:
    """Returns the maker's name of a device."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(torch.device(device))
    named = _cpuinfo().get("model name") if device == "cpu" else None
    return named or platform.processor() or platform.machine()


def arithmetic(device: str) -> dict[str, Any]:
    """Describes what chooses the kernels on a device, and so the last bits, in JSON types.

    Args:
        device: A resolved device.

    Returns:
        `cpu_family` and `cpu_model`, as numbers, where the system tells; of a CUDA device also
        `multiprocessors`, `compute_capability`, and the versions `cuda`, `cudnn` and `driver`.
    """
    read = _cpuinfo()
    numbers = {"cpu_family": read.get("cpu family", ""), "cpu_model": read.get("model", "")}
    found: dict[str, Any] = {name: int(n) for name, n in numbers.items() if n.isdecimal()}
    if not device.startswith("cuda"):
        return found
    seen = torch.cuda.get_device_properties(torch.device(device))
    return {
        **found,
        "multiprocessors": seen.multi_processor_count,
        "compute_capability": f"{seen.major}.{seen.minor}",
        "cuda": torch.version.cuda or torch.version.hip,
        "cudnn": torch.backends.cudnn.version(),
        "driver": _driver(),
    }


def _cpuinfo() -> dict[str, str]:
    """What Linux tells of the first processor, by the names that it has there."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _driver() -> str | None:
    """The version of NVIDIA's driver, where Linux tells."""
    try:
        text = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        return None
    found = re.search(r"\d+\.\d+(\.\d+)?", text)
    return found and found[0]
