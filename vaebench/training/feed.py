"""The feed: examples of a data set as training batches on a device."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaebench.data import Dataset, is_stochastic
from vaebench.errors import DataError
from vaebench.spec import JobSpec
from vaebench.streams import numpy_generator


class Batched(Protocol):
    """What training needs of a feed."""

    def batch(
        self, indices: Tensor, *, labelled: bool, draw: int = 0
    ) -> tuple[Tensor, Tensor | None]:
        """As `Feed.batch`."""
        ...


class Feed:
    """Dataset by index, as float batches on a device.

    On the CPU each batch is taken from the data set's own memory; on an accelerator the whole
    set lies on the device as uint8, so that a step copies nothing but indices. A data set with a
    random part is drawn on the CPU, anew at each step of training.

    Args:
        data: The data set.
        device: Where batches are wanted.
    """

    def __init__(self, data: Dataset, device: torch.device) -> None:
        self.data = data
        self.device = device
        self._resident: Tensor | None = None
        if device.type != "cpu" and not is_stochastic(data):
            self._resident = _upload(data, device)

    def batch(
        self, indices: Tensor, *, labelled: bool, draw: int = 0
    ) -> tuple[Tensor, Tensor | None]:
        """Returns observations in [0, 1], float32 [B, C, H, W], and labels int64 [B] or None.

        Args:
            indices: Of the examples, int64 [B], on the CPU.
            labelled: Whether labels are wanted.
            draw: Which draw of the random part of a stochastic data set: 0 in evaluation, the
                step, counted from 1, in training.

        Raises:
            DataError: Labels are wanted of a data set that has none.
        """
        label = None
        if labelled:
            values = self.data.labels(indices.numpy())
            if values is None:
                raise DataError("A conditional model needs labels, which this data set has not.")
            label = torch.from_numpy(values).to(self.device)
        if self._resident is not None:
            pixels = self._resident[indices.to(self.device, non_blocking=True)]
        elif is_stochastic(self.data):
            pixels = torch.from_numpy(self.data.observations(indices.numpy(), draw))
        else:
            pixels = torch.from_numpy(self.data.observations(indices.numpy()))
        x = pixels.to(self.device, non_blocking=True).to(torch.float32).mul_(1 / 255)
        return x.contiguous(memory_format=torch.channels_last), label


def split(spec: JobSpec, data: Dataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divides a data set into what a job is trained on and what it is evaluated on.

    Without cross-validation that is the data set's own split. With it, the training set is cut
    into folds, the same for every job: one is held out, the test set is left alone.

    Args:
        spec: The job.
        data: The data set.

    Returns:
        Indices to train on and indices to evaluate on, int64, ascending.
    """
    train = np.asarray(data.train_indices)
    if spec.fold is None or spec.folds is None:
        return train, np.asarray(data.test_indices)
    order = numpy_generator(0, "folds", data.name).permutation(len(train))
    held_out = np.zeros(len(train), dtype=bool)
    held_out[np.array_split(order, spec.folds)[spec.fold]] = True
    return train[~held_out], train[held_out]


def _upload(data: Dataset, device: torch.device, block: int = 8192) -> Tensor:
    first = data.observations(np.arange(1))
    resident = torch.empty((len(data), *first.shape[1:]), dtype=torch.uint8, device=device)
    for start in range(0, len(data), block):
        stop = min(start + block, len(data))
        resident[start:stop] = torch.from_numpy(data.observations(np.arange(start, stop)))
    return resident
