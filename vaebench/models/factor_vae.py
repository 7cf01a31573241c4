"""FactorVAE, which asks a discriminator for the total correlation of the latents: `factorvae`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vaebench.protocols import Adversary, Job, Terms
from vaebench.records import Model, Parameter, Source

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def factor_vae(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Reconstruction + KL + gamma · total correlation, by the discriminator's density ratio.

    Args:
        terms: The batch, with the discriminator's `log_ratio`.
        hyper: `gamma`, 0-dimensional.
        step: Steps done before this one.
    """
    del step
    assert terms.log_ratio is not None, "FactorVAE needs a discriminator"
    return terms.negative_elbo + hyper["gamma"] * terms.log_ratio.mean()


def adversary(job: Job, device: torch.device) -> Adversary:
    """Makes the discriminator that learns beside a job's model."""
    from vaebench.models.adversary import TotalCorrelationAdversary

    return TotalCorrelationAdversary(job, device)


FACTOR_VAE = Model(
    name="factorvae",
    title="FactorVAE",
    source=Source(
        authors="Kim & Mnih",
        year=2018,
        paper="Disentangling by Factorising",
        place="equations 2 and 3, algorithms 1 and 2, appendix A",
        link="https://arxiv.org/abs/1802.05983",
    ),
    objective=factor_vae,
    parameters=(
        Parameter("gamma", 10.0, symbol="γ"),
        Parameter("halves", 0.0, switch=True),
    ),
    strength="gamma",
    adversary=adversary,
    colour="#cc79a7",
    marker="D",
)
