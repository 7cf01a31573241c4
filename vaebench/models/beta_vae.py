"""The VAE and its kin that weigh the KL: `vae`, `cvae` and `betavae_h`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vaebench.protocols import Terms
from vaebench.records import Model, Parameter, Source

if TYPE_CHECKING:
    from torch import Tensor


def ramp(step: Tensor, length: Tensor) -> Tensor:
    """Grows from 0 at step 0 to 1 at step `length`, linearly; 1 throughout where length is 0."""
    return ((step + (length == 0)) / length.clamp(min=1)).clamp(max=1.0)


def beta_vae(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Reconstruction + beta · KL, with beta grown from 0 over `warmup` steps.

    Args:
        terms: The batch.
        hyper: `beta` and `warmup` (steps), 0-dimensional.
        step: Steps done before this one.
    """
    beta = hyper["beta"] * ramp(step, hyper["warmup"])
    return terms.reconstruction.mean() + beta * terms.kl.sum(1).mean()


VAE = Model(
    name="vae",
    title="VAE",
    source=Source(
        authors="Kingma & Welling",
        year=2014,
        paper="Auto-Encoding Variational Bayes",
        link="https://arxiv.org/abs/1312.6114",
    ),
    objective=beta_vae,
    fixed=(("beta", 1.0),),
    warmup=True,
    colour="#1a1a1a",
    marker="P",
)

CVAE = Model(
    name="cvae",
    title="CVAE",
    source=Source(
        authors="Sohn et al.",
        year=2015,
        paper="Learning Structured Output Representation using Deep Conditional Generative Models",
        link="https://papers.nips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html",
    ),
    objective=beta_vae,
    parameters=(Parameter("beta", 1.0, symbol="β"),),
    strength="beta",
    conditional=True,
    warmup=True,
    colour="#d55e00",
    marker="o",
)

BETA_VAE = Model(
    name="betavae_h",
    title="beta-VAE",
    source=Source(
        authors="Higgins et al.",
        year=2017,
        paper="beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework",
        place="equation 4",
        link="https://openreview.net/forum?id=Sy2fzU9gl",
    ),
    objective=beta_vae,
    parameters=(Parameter("beta", 4.0, symbol="β"),),
    strength="beta",
    warmup=True,
    colour="#0072b2",
    marker="s",
)
