"""Likelihoods of the pixels given the latents, by the names that `--likelihood` takes."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional


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
