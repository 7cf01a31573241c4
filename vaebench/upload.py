"""Copies from the host to a device that nobody waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def upload(values: Tensor, device: torch.device | str) -> Tensor:
    """Copies a tensor to a device; what is there already is returned as it is.

    To a CUDA device it is copied from pinned memory, in the stream's order, while the host goes
    on: from ordinary memory the driver would first wait for all that the stream has to do.
    """
    import torch

    place = torch.device(device)
    if place.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(place, non_blocking=True)
