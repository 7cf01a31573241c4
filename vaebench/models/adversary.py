"""FactorVAE's second network in training: discriminator, its optimiser and its permutations."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from vaebench.adam import Adam
from vaebench.errors import UsageError
from vaebench.networks.discriminator import Discriminator
from vaebench.networks.vae import initialise
from vaebench.protocols import Job
from vaebench.streams import CHUNK, torch_generator
from vaebench.upload import upload

LEARNING_RATE = 1e-4
"""Of the discriminator's Adam, whatever the job's own: the paper's and the study's."""

BETAS = (0.5, 0.9)
"""Of the discriminator's Adam, likewise."""


def discriminator_loss(log_ratio: Tensor, log_ratio_permuted: Tensor) -> Tensor:
    """Cross-entropy of telling latents from permuted ones, each kind weighing a half, nats.

    It is least where the log ratio is log q(z) - sum of log q(z_d). With two logits, their
    difference is the log ratio, and this the softmax cross-entropy of the published code.

    Args:
        log_ratio: Of latents of the model, [B].
        log_ratio_permuted: Of permuted latents, [B'].
    """
    own = functional.softplus(-log_ratio).mean()
    return 0.5 * own + 0.5 * functional.softplus(log_ratio_permuted).mean()


def permute_codes(z: Tensor, order: Tensor) -> Tensor:
    """Permutes each latent over the batch by an order of its own.

    The marginals of the latents stay as they are and their dependence is lost: draws from q(z)
    become draws from the product of the q(z_d): algorithm 1.

    Args:
        z: Latents, [B, D].
        order: A permutation of 0 … B - 1 in each column, int64 [B, D].
    """
    return z.gather(0, order)


class Permutations:
    """The orders that a job's codes are permuted by: a function of its seed and the step alone.

    Args:
        seed: The job's seed.
        count: Codes to permute, B.
        latent_dim: Latents, D, each with an order of its own.
        device: Where they are wanted.
    """

    def __init__(
        self, seed: int, count: int, latent_dim: int, device: torch.device | str = "cpu"
    ) -> None:
        self.seed = seed
        self.shape = (CHUNK, count, latent_dim)
        self.device = device
        self._orders = lru_cache(maxsize=1)(self._draw)

    def _draw(self, chunk: int) -> Tensor:
        generator = torch_generator(self.seed, "permutation", chunk)
        orders = torch.rand(self.shape, generator=generator).argsort(dim=1, stable=True)
        return upload(orders, self.device)

    def order(self, step: int) -> Tensor:
        """Returns a step's permutations of 0 … B - 1, one a column, int64 [B, D]."""
        chunk, place = divmod(step, CHUNK)
        return self._orders(chunk)[place]


class TotalCorrelationAdversary:
    """A discriminator that learns beside the model, to tell its codes from permuted ones.

    Each step it gives the model the density ratio, then learns from codes that the model drew.
    Neither loss moves the other's weights. With the parameter `halves` 0, as in the study, the
    codes of the batch are told from the same codes permuted; with 1, as in the paper, the model
    learns from the first half of the batch, and its codes are told from those of the second half
    permuted, which the model has drawn after its own update.

    Args:
        job: The job.
        device: Where to train.

    Raises:
        UsageError: A batch of one example cannot be halved.
    """

    def __init__(self, job: Job, device: torch.device) -> None:
        self.permuted_size = job.batch_size
        self.model_size = job.batch_size
        if job.parameters["halves"]:
            self.permuted_size = job.batch_size // 2
            self.model_size = job.batch_size - self.permuted_size
        if self.permuted_size == 0:
            raise UsageError(
                f"{job.model}.halves is 1 and --batch-size is 1: a batch of 2 or more is needed."
            )
        self.device = device
        self.precision = job.precision
        self.discriminator = Discriminator(job.latent_dim)
        initialise(
            self.discriminator, job.initialisation, torch_generator(job.seed, "discriminator")
        )
        self.discriminator.to(device)
        self.optimiser = Adam(
            self.discriminator.parameters(), learning_rate=LEARNING_RATE, betas=BETAS
        )
        self.permutations = Permutations(job.seed, self.permuted_size, job.latent_dim, device)

    def log_ratio(self, z: Tensor) -> Tensor:
        """Returns log q(z) - sum of log q(z_d), nats, [B], with a gradient for z alone."""
        fixed = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        with self._autocast():
            ratio: Tensor = functional_call(self.discriminator, fixed, (z,))
        return ratio

    def learn(self, z: Tensor, others: Tensor, step: int) -> None:
        """Does one step of the discriminator's optimiser.

        Args:
            z: Codes that the model drew, [B, D].
            others: Codes to permute: the same ones, or others, [B', D].
            step: Steps done before this one.
        """
        order = self.permutations.order(step)
        codes = torch.cat([z, permute_codes(others, order)]).detach()
        with self._autocast():
            ratios: Tensor = self.discriminator(codes)
        self.optimiser.zero_grad()
        discriminator_loss(ratios[: len(z)], ratios[len(z) :]).backward()
        self.optimiser.step()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def state_dict(self) -> dict[str, Any]:
        """Returns all that the rest of its training depends on, but the step."""
        return {
            "discriminator": self.discriminator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
