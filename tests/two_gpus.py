"""A fake of two GPUs: the driver's calls are replaced, and what is on a device is computed here.

A process that has `FOLDER` on its `PYTHONPATH` (see `environment`) has them from its start, the
workers too. Nothing of vaebench is replaced but its list of files in /dev.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

GPUS = 2
LOST = "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported"
GONE = "CUDA error: no CUDA-capable device is detected\nCompile with `TORCH_USE_CUDA_DSA`"
FULL = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 1.00 GiB"


def environment(folder: Path) -> dict[str, str]:
    """Makes a folder whose `PYTHONPATH` gives a process two GPUs; faults are files in it."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text("from tests import two_gpus\ntwo_gpus.install()\n")
    paths = f"{folder}{os.pathsep}{Path(__file__).parent.parent}"
    return {"PYTHONPATH": paths, "TWO_GPUS": str(folder), "CUDA_VISIBLE_DEVICES": ""}


def install(replace: Callable[[Any, str, Any], None] = setattr) -> None:
    """Gives this process two GPUs."""
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils._pytree import tree_map

    import vaebench.devices

    folder = Path(os.environ.get("TWO_GPUS", "/nowhere"))
    poisoned: list[str] = []

    def fault(name: str) -> bool:
        """Whether a fault is asked for; one named `once` is so a single time."""
        if (folder / f"{name}-once").exists():
            (folder / f"{name}-once").unlink()
            return True
        return (folder / name).exists()

    def index_of(device: object) -> int:
        found = torch.device(device) if isinstance(device, str) else device
        index = found.index if isinstance(found, torch.device) else found
        if not isinstance(index, int):
            raise ValueError(f"Expected a torch.device with a specified index, got {device}")
        if index >= GPUS or fault(f"gone-{index}"):
            raise RuntimeError(GONE)
        return index

    def here(value: object) -> object:
        device = value
        if isinstance(value, str) and value.startswith("cuda"):
            device = torch.device(value)
        if not isinstance(device, torch.device) or device.type != "cuda":
            return value
        index_of(device)
        return torch.device("cpu")

    class OnThisMachine(TorchFunctionMode):
        def __torch_function__(
            self,
            function: Callable[..., Any],
            types: object,
            arguments: tuple[Any, ...] = (),
            named: Mapping[str, Any] | None = None,
        ) -> Any:
            del types
            if function is torch.Tensor.backward:
                if fault("poison"):
                    poisoned.append(LOST)
                elif fault("full"):
                    raise torch.OutOfMemoryError(FULL)
            if function is torch.device:
                return function(*arguments, **dict(named or {}))
            if poisoned:
                raise RuntimeError(poisoned[0])
            if function is torch.Tensor.pin_memory:
                return arguments[0]
            arguments, named = tree_map(here, (arguments, dict(named or {})))
            return function(*arguments, **named)

    seen = SimpleNamespace(multi_processor_count=108, major=8, minor=0)
    answers = {
        "is_available": lambda: True,
        "device_count": lambda: GPUS,
        "set_device": lambda device: index_of(device) and None,
        "synchronize": lambda device=None: None,
        "get_device_name": lambda device: f"Fake GPU {index_of(device)}",
        "get_device_properties": lambda device: index_of(device) + 1 and seen,
        "get_device_capability": lambda device: (seen.major, seen.minor),
        "get_rng_state": lambda device: torch.zeros(16, dtype=torch.uint8),
        "is_bf16_supported": lambda including_emulation=True: True,
        "mem_get_info": lambda device: (60 * 2**30, 80 * 2**30),
    }
    for name, answer in answers.items():
        replace(torch.cuda, name, answer)
    stream = SimpleNamespace(is_capturing=lambda: False)
    replace(torch.accelerator, "current_stream", lambda device=None: stream)
    replace(vaebench.devices, "DRIVERS", ("null",))
    if replace is setattr:
        OnThisMachine().__enter__()
