"""Priors of the latents: the standard normal, its KL, and the density that others are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Log density of N(mu, exp(logvar)), nats, of the shape that the arguments broadcast to."""
    return -0.5 * ((z - mu).square() * (-logvar).exp() + logvar + math.log(2 * math.pi))


def kl_per_latent(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL of N(mu, exp(logvar)) from N(0, 1), nats, [B, D].

    References:
        Auto-Encoding Variational Bayes, Kingma & Welling, 2014, appendix B,
        https://arxiv.org/abs/1312.6114
    """
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


class StandardNormal:
    """The prior N(0, I).

    Args:
        latents: Number of latents, D.
        device: Where draws are wanted.
    """

    factorises = True

    def __init__(self, latents: int, device: torch.device | str = "cpu") -> None:
        self.latents = latents
        self.device = device

    def kl(self, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """KL of posteriors from it in closed form, whatever was drawn, nats, [B, D]."""
        del z
        return kl_per_latent(mu, logvar)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draws latents [count, D]; the generator is on the CPU."""
        import torch

        from vaebench.upload import upload

        return upload(torch.randn(count, self.latents, generator=generator), self.device)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of latents [B, D], nats, [B]."""
        zero = z.new_zeros(())
        return log_normal(z, zero, zero).sum(1)
