"""Objectives of the ELBO family, as pure functions of tensors that many jobs can share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Terms(NamedTuple):
    """What an objective is made of, for one batch.

    Attributes:
        reconstruction: Negative log-likelihood, nats, [B].
        kl: KL of the posterior from the prior per latent, nats, [B, D].
        mu: Posterior means, [B, D].
        logvar: Logarithms of the posterior variances, [B, D].
        z: Latents drawn, [B, D].
        log_ratio: Logarithm of how much denser the latents are together than each on its own,
            log q(z) - sum of log q(z_d), as a discriminator has it, nats, [B]; None without one.
        generator: At the start of this step's stream of the job, on the CPU: the one source of
            randomness that an objective may have, `torch.randn(3, generator=terms.generator)`.
    """

    reconstruction: Tensor
    kl: Tensor
    mu: Tensor
    logvar: Tensor
    z: Tensor
    log_ratio: Tensor | None = None
    generator: torch.Generator | None = None


def bernoulli(logits: Tensor, x: Tensor) -> Tensor:
    """Negative Bernoulli log-likelihood of pixels in [0, 1], summed over pixels, [B]."""
    loss = functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return loss.flatten(1).sum(1)


def gaussian(mean: Tensor, x: Tensor) -> Tensor:
    """Negative log-likelihood of a Gaussian of variance 1, summed over pixels, [B].

    The constant 0.5·log(2·pi) per pixel is included, so that it is a density in nats.
    """
    squares = (mean - x).square().flatten(1)
    return 0.5 * squares.sum(1) + 0.5 * math.log(2 * math.pi) * squares.shape[1]


LIKELIHOODS = {"bernoulli": bernoulli, "gaussian": gaussian}


def kl_per_latent(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL of N(mu, exp(logvar)) from N(0, 1), nats, [B, D].

    References:
        Auto-Encoding Variational Bayes, Kingma & Welling, 2014, appendix B,
        https://arxiv.org/abs/1312.6114
    """
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def ramp(step: Tensor, length: Tensor) -> Tensor:
    """Grows from 0 at step 0 to 1 at step `length`, linearly; 1 throughout where length is 0."""
    return torch.clamp((step + (length == 0)) / length.clamp(min=1), max=1.0)


def autoencoder(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Mean reconstruction loss: no KL."""
    del hyper, step
    return terms.reconstruction.mean()


def beta_vae(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Reconstruction + beta · KL, with beta grown from 0 over `warmup` steps.

    Args:
        terms: The batch.
        hyper: `beta` and `warmup` (steps), 0-dimensional.
        step: Steps done before this one.

    References:
        beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework,
        Higgins et al., 2017, equation 4, https://openreview.net/forum?id=Sy2fzU9gl
    """
    beta = hyper["beta"] * ramp(step, hyper["warmup"])
    return terms.reconstruction.mean() + beta * terms.kl.sum(1).mean()


def annealed_vae(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Reconstruction + gamma · |KL - C|, with C grown from 0 to `c_max` over `c_steps` steps.

    The KL is the batch's mean, as in the study's code.

    Args:
        terms: The batch.
        hyper: `gamma`, `c_max` (nats) and `c_steps`, 0-dimensional.
        step: Steps done before this one.

    References:
        Understanding disentangling in beta-VAE, Burgess et al., 2018, equation 8,
        https://arxiv.org/abs/1804.03599
    """
    capacity = hyper["c_max"] * ramp(step, hyper["c_steps"])
    distance = (terms.kl.sum(1).mean() - capacity).abs()
    return terms.reconstruction.mean() + hyper["gamma"] * distance
