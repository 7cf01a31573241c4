"""The feed: examples of a data set as training batches on a device."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaebench.data import Dataset, is_stochastic
from vaebench.data.base import PaintedDataset, Painter
from vaebench.errors import DataError
from vaebench.spec import JobSpec
from vaebench.streams import numpy_generator
from vaebench.training.shelf import shelf
from vaebench.upload import upload


class Batched(Protocol):
    """What training needs of a feed."""

    @property
    def place(self) -> torch.device:
        """Where indices are wanted."""

    def batch(
        self, indices: Tensor, *, labelled: bool, draw: int = 0
    ) -> tuple[Tensor, Tensor | None]:
        """As `Feed.batch`."""
        ...


class Feed:
    """Dataset by index, as float batches on a device.

    On the CPU each batch is taken from the data set's own memory. On an accelerator the whole set
    lies on the device as uint8, with its labels, where there is room for it (see `Shelf`); one
    with a random part that torch can paint is painted there. Of any other each batch is made on
    the host and copied while the host goes on.

    Args:
        data: The data set.
        device: Where batches are wanted.
        held: Whether the data set may lie on the device.

    Attributes:
        place: Where indices are wanted: the device where the data set lies on it, else the CPU.
    """

    def __init__(self, data: Dataset, device: torch.device, *, held: bool = True) -> None:
        self.data = data
        self.device = device
        self.place = torch.device("cpu")
        self._lying: Dataset | None = None
        self._paint: Painter | None = None
        self._labels: Tensor | None = None
        if device.type == "cpu" or not held:
            return
        lying: Dataset | None = data
        if is_stochastic(data):
            lying = None
            if device.type == "cuda" and isinstance(data, PaintedDataset):
                lying, self._paint = data.plain, data.painter(device)
        if lying is not None and shelf(device).fits(lying):
            self._lying, self.place = lying, device

    def batch(
        self, indices: Tensor, *, labelled: bool, draw: int = 0
    ) -> tuple[Tensor, Tensor | None]:
        """Returns observations in [0, 1], float32 [B, C, H, W], and labels int64 [B] or None.

        Args:
            indices: Of the examples, int64 [B], on the CPU or at `place`.
            labelled: Whether labels are wanted.
            draw: Which draw of the random part of a stochastic data set: 0 in evaluation, the
                step, counted from 1, in training.

        Raises:
            DataError: Labels are wanted of a data set that has none.
        """
        there = upload(indices, self.place)
        label = self._label(there) if labelled else None
        if self._lying is not None:
            pixels = shelf(self.device).images(self._lying)[there]
            if self._paint is not None:
                pixels = self._paint(pixels, there, draw)
        elif is_stochastic(self.data):
            pixels = torch.from_numpy(self.data.observations(there.numpy(), draw))
        else:
            pixels = torch.from_numpy(self.data.observations(there.numpy()))
        x = upload(pixels, self.device).to(torch.float32).mul_(1 / 255)
        return x.contiguous(memory_format=torch.channels_last), label

    def _label(self, indices: Tensor) -> Tensor:
        """Returns the labels of examples: looked up on the device where the data set lies there."""
        if self._labels is not None:
            return self._labels[indices]
        at_hand = self._lying is None
        wanted = indices.numpy() if at_hand else np.arange(len(self.data))
        values = self.data.labels(wanted)
        if values is None:
            raise DataError("A conditional model needs labels, which this data set has not.")
        labels = upload(torch.from_numpy(values), self.device)
        if at_hand:
            return labels
        self._labels = labels
        return labels[indices]


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
