"""The beta-VAE whose capacity grows: `betavae_b`, also called `annealedvae`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vaebench.models.beta_vae import ramp
from vaebench.protocols import Terms
from vaebench.records import Model, Parameter, Source

if TYPE_CHECKING:
    from torch import Tensor


def annealed_vae(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Reconstruction + gamma · |KL - C|, with C grown from 0 to `c_max` over `c_steps` steps.

    The KL is the batch's mean, as in the study's code.

    Args:
        terms: The batch.
        hyper: `gamma`, `c_max` (nats) and `c_steps`, 0-dimensional.
        step: Steps done before this one.
    """
    capacity = hyper["c_max"] * ramp(step, hyper["c_steps"])
    distance = (terms.kl.sum(1).mean() - capacity).abs()
    return terms.reconstruction.mean() + hyper["gamma"] * distance


ANNEALED_VAE = Model(
    name="betavae_b",
    aliases=("annealedvae",),
    title="AnnealedVAE",
    source=Source(
        authors="Burgess et al.",
        year=2018,
        paper="Understanding disentangling in beta-VAE",
        place="equation 8",
        link="https://arxiv.org/abs/1804.03599",
    ),
    objective=annealed_vae,
    parameters=(
        Parameter("c_max", 25.0, symbol="C_max", unit="nats"),
        Parameter("gamma", 1000.0, symbol="γ"),
        Parameter("c_steps", None, symbol="steps of C", positive=True),
    ),
    strength="c_max",
    colour="#009e73",
    marker="^",
)
