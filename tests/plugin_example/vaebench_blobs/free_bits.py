"""A VAE with free bits: latents are not pushed below some nats of information each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vaebench.protocols import Terms
from vaebench.records import Model, Parameter, Source

if TYPE_CHECKING:
    from torch import Tensor


def free_bits(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Reconstruction + the sum over latents of their mean KL, each counted as `floor` or more.

    Args:
        terms: The batch: its reconstruction, nats [B], its KL, nats [B, D], and more.
        hyper: The hyperparameters by name, 0-dimensional.
        step: Steps done before this one, 0-dimensional.

    Returns:
        The loss, nats per example, 0-dimensional.
    """
    kl = terms.kl.mean(0)
    return terms.reconstruction.mean() + kl.clamp(min=hyper["floor"]).sum()


FREE_BITS = Model(
    name="freebits",
    title="Free bits",
    source=Source(
        authors="Kingma et al.",
        year=2016,
        paper="Improved Variational Inference with Inverse Autoregressive Flow",
        place="section C.8",
        link="https://arxiv.org/abs/1606.04934",
    ),
    objective=free_bits,
    parameters=(Parameter("floor", 0.25, symbol="λ", unit="nats"),),
    strength="floor",
    colour="#117733",
    marker="H",
)
