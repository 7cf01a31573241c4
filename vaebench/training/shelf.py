"""The shelf: data sets that lie on a device, each once, in a share of its memory."""

from __future__ import annotations

import math
from collections import OrderedDict
from functools import cache

import numpy as np
import torch
from torch import Tensor

from vaebench.data import Dataset

SHARE = 0.5
"""Of the memory of a device that this process could have, the part that data sets may take."""

BLOCK = 8192
"""Images copied at once."""

_Known = tuple[str, str, tuple[int, ...], int]


class Shelf:
    """Images of data sets on a device, as uint8; the least recently used make room for others.

    Args:
        device: The device.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._held: OrderedDict[_Known, Tensor] = OrderedDict()

    @property
    def held_bytes(self) -> int:
        """Memory that data sets take now."""
        return sum(images.numel() for images in self._held.values())

    @property
    def room_bytes(self) -> int:
        """Memory that they may take, all together."""
        return int(SHARE * (free_bytes(self.device) + self.held_bytes))

    def fits(self, data: Dataset) -> bool:
        """Says whether there is room for a data set, were it the only one."""
        return _known(data) in self._held or _bytes(data) <= self.room_bytes

    def images(self, data: Dataset) -> Tensor:
        """Returns all images of a data set, uint8 [N, C, H, W], brought here where they are not."""
        known = _known(data)
        if known not in self._held:
            room = self.room_bytes - _bytes(data)
            while self._held and self.held_bytes > room:
                self._held.popitem(last=False)
            self._held[known] = self._brought(data)
        self._held.move_to_end(known)
        return self._held[known]

    def _brought(self, data: Dataset) -> Tensor:
        shape = (len(data), *data.observation_shape)
        images = torch.empty(shape, dtype=torch.uint8, device=self.device)
        for start in range(0, len(data), BLOCK):
            part = np.arange(start, min(start + BLOCK, len(data)))
            images[start : start + BLOCK] = torch.from_numpy(data.observations(part))
        return images


@cache
def shelf(device: torch.device) -> Shelf:
    """Returns this process's shelf on a device."""
    return Shelf(device)


def free_bytes(device: torch.device) -> int:
    """Returns the memory of an accelerator that this process could still have."""
    if device.type == "mps":
        return max(0, torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused


def _known(data: Dataset) -> _Known:
    return data.name, data.source, data.observation_shape, len(data)


def _bytes(data: Dataset) -> int:
    return len(data) * math.prod(data.observation_shape)
