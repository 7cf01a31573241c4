"""Priors of the latents, and the densities that they are made of."""

from __future__ import annotations

from torch import Tensor


def kl_per_latent(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL of N(mu, exp(logvar)) from N(0, 1), nats, [B, D].

    References:
        Auto-Encoding Variational Bayes, Kingma & Welling, 2014, appendix B,
        https://arxiv.org/abs/1312.6114
    """
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)
