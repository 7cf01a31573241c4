"""The feed: examples of a data set as training batches on a device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vaebench.data import Dataset
from vaebench.errors import DataError


class Feed:
    """Dataset by index, as float batches on a device.

    On the CPU each batch is taken from the data set's own memory; on an accelerator the whole
    set lies on the device as uint8, so that a step copies nothing but indices.

    Args:
        data: The data set.
        device: Where batches are wanted.
    """

    def __init__(self, data: Dataset, device: torch.device) -> None:
        self.data = data
        self.device = device
        self._resident: Tensor | None = None
        if device.type != "cpu":
            self._resident = _upload(data, device)

    def batch(self, indices: Tensor, *, labelled: bool) -> tuple[Tensor, Tensor | None]:
        """Returns observations in [0, 1], float32 [B, C, H, W], and labels int64 [B] or None.

        Args:
            indices: Of the examples, int64 [B], on the CPU.
            labelled: Whether labels are wanted.

        Raises:
            DataError: Labels are wanted of a data set that has none.
        """
        label = None
        if labelled:
            values = self.data.labels(indices.numpy())
            if values is None:
                raise DataError("A conditional model needs labels, which this data set has not.")
            label = torch.from_numpy(values).to(self.device)
        if self._resident is None:
            pixels = torch.from_numpy(self.data.observations(indices.numpy()))
        else:
            pixels = self._resident[indices.to(self.device, non_blocking=True)]
        x = pixels.to(torch.float32).mul_(1 / 255)
        return x.contiguous(memory_format=torch.channels_last), label


def _upload(data: Dataset, device: torch.device, block: int = 8192) -> Tensor:
    first = data.observations(np.arange(1))
    resident = torch.empty((len(data), *first.shape[1:]), dtype=torch.uint8, device=device)
    for start in range(0, len(data), block):
        stop = min(start + block, len(data))
        resident[start:stop] = torch.from_numpy(data.observations(np.arange(start, stop)))
    return resident
