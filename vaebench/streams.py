"""Random streams: each is derived from the job's seed by name and has no state but the step."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from vaebench.upload import upload

CHUNK = 128
"""Steps whose noise is drawn at once."""


def derive(seed: int, *names: str | int) -> int:
    """Derives the seed of a stream from a job's seed and the stream's name.

    Args:
        seed: The job's seed.
        names: What the stream is for, such as `"noise", 3`.

    Returns:
        A number of 63 bits.
    """
    text = "/".join(map(str, ("vaebench", seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def torch_generator(seed: int, *names: str | int) -> torch.Generator:
    """Returns a CPU generator at the start of a stream."""
    return torch.Generator().manual_seed(derive(seed, *names))


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Returns a NumPy generator at the start of a stream."""
    return np.random.default_rng(derive(seed, *names))


class Batches:
    """What a job draws at each step: which examples, and the noise of its posterior samples.

    Both are functions of seed and step alone, so that a resumed job draws what an uninterrupted
    one would have drawn, on any device: the streams are drawn on the CPU. An epoch's order and a
    chunk's noise are then copied to where they are used, so that a step copies nothing.

    Args:
        seed: The job's seed.
        count: Number of training examples.
        batch_size: Examples per step, B.
        latent_dim: Latents, D.
        device: Where noise is wanted.
        place: Where positions are wanted.
    """

    def __init__(
        self,
        seed: int,
        count: int,
        batch_size: int,
        latent_dim: int,
        device: torch.device | str = "cpu",
        place: torch.device | str = "cpu",
    ) -> None:
        self.seed = seed
        self.count = count
        self.batch_size = batch_size
        self.latent_dim = latent_dim
        self.device = device
        self.place = place
        self._epoch = lru_cache(maxsize=2)(self._draw_epoch)
        self._noise = lru_cache(maxsize=1)(self._draw_noise)

    def _draw_epoch(self, epoch: int) -> Tensor:
        generator = torch_generator(self.seed, "order", epoch)
        return upload(torch.randperm(self.count, generator=generator), self.place)

    def _draw_noise(self, chunk: int) -> Tensor:
        generator = torch_generator(self.seed, "noise", chunk)
        noise = torch.randn(CHUNK, self.batch_size, self.latent_dim, generator=generator)
        return upload(noise, self.device)

    def positions(self, step: int) -> Tensor:
        """Returns the positions in the training set of step's examples, int64 [B].

        Every epoch is a permutation of the whole set; a batch may span two of them.
        """
        start, wanted, parts = step * self.batch_size, self.batch_size, []
        while wanted:
            epoch, offset = divmod(start, self.count)
            part = self._epoch(epoch)[offset : offset + wanted]
            parts.append(part)
            start, wanted = start + len(part), wanted - len(part)
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def noise(self, step: int) -> Tensor:
        """Returns the standard normal noise of a step, [B, D]."""
        chunk, place = divmod(step, CHUNK)
        return self._noise(chunk)[place]
