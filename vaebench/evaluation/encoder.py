"""The trained model as a function from examples to representations, each encoded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from vaebench.networks.vae import VAE
from vaebench.training import Feed

ENCODE_BATCH = 128
"""Examples encoded or reconstructed at once: larger batches fall out of the CPU's cache."""

ENCODE_BATCH_GPU = 2048
"""The same on an accelerator, which smaller batches leave idle."""


def encode_batch(device: torch.device) -> int:
    """Returns how many examples to encode or reconstruct at once."""
    return ENCODE_BATCH if device.type == "cpu" else ENCODE_BATCH_GPU


class Encoder:
    """A trained model as a function from examples to representations, each example encoded once.

    Args:
        model: The trained model; its posterior means are the representation.
        feed: The data.
        precision: `fp32`, `tf32` or `bf16`; see also `set_precision`.
        on_batch: Called after every batch; may raise to stop.
    """

    def __init__(
        self,
        model: VAE,
        feed: Feed,
        precision: str,
        on_batch: Callable[[], None] = lambda: None,
    ) -> None:
        self.model = model
        self.data = feed.data
        self.feed = feed
        self.precision = precision
        self.on_batch = on_batch
        self.encoded = 0
        self._codes: NDArray[np.float32] | None = None
        self._logvar: NDArray[np.float32] | None = None
        self._known = np.zeros(len(feed.data), dtype=bool)

    def autocast(self) -> torch.autocast:
        """The context that the model computes in."""
        enabled = self.precision == "bf16"
        return torch.autocast(self.feed.device.type, torch.bfloat16, enabled=enabled)

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor | None]:
        """Returns examples as the model takes them: observations, and labels if conditional."""
        return self.feed.batch(torch.from_numpy(indices), labelled=self.model.conditional)

    def posterior(self, x: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
        """Encodes a batch.

        Args:
            x: Examples, as `batch` gave them.
            label: Their labels, likewise.

        Returns:
            mu and logvar, [B, D].
        """
        with self.autocast():
            mu, logvar = self.model.encode(x, label)
        self.encoded += len(x)
        self.on_batch()
        return mu, logvar

    def keep(self, indices: NDArray[np.int64], posteriors: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Keeps representations; they are copied from the device in one go.

        Args:
            indices: Examples, int64 [N].
            posteriors: mu and logvar of all of them in turn, batch by batch.
        """
        both = torch.cat([torch.cat(pair, dim=1) for pair in posteriors]).cpu().numpy()
        mu, logvar = np.split(both, 2, axis=1)
        if self._codes is None or self._logvar is None:
            self._codes = np.zeros((len(self.data), mu.shape[1]), dtype=np.float32)
            self._logvar = np.zeros_like(self._codes)
        self._codes[indices] = mu
        self._logvar[indices] = logvar
        self._known[indices] = True

    @torch.inference_mode()
    def codes(self, indices: ArrayLike) -> NDArray[np.float32]:
        """Returns the posterior means of examples, [N, D]."""
        wanted = np.asarray(indices, dtype=np.int64)
        mask = np.zeros(len(self.data), dtype=bool)
        mask[wanted] = True
        missing = np.flatnonzero(mask & ~self._known)
        size = encode_batch(self.feed.device)
        parts = [missing[start : start + size] for start in range(0, len(missing), size)]
        if parts:
            self.keep(missing, [self.posterior(*self.batch(part)) for part in parts])
        assert self._codes is not None
        return self._codes[wanted]

    def sampled(self, indices: ArrayLike, rng: np.random.Generator) -> NDArray[np.float32]:
        """Returns one draw from the posterior of each example, [N, D]."""
        mu = self.codes(indices)
        assert self._logvar is not None
        noise = rng.standard_normal(mu.shape, dtype=np.float32)
        sampled: NDArray[np.float32] = mu + np.exp(0.5 * self._logvar[np.asarray(indices)]) * noise
        return sampled

    def represent(self, factors: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns the posterior means of the examples with the given factors [N, F]."""
        return self.codes(self.data.index(factors))
