"""Objectives: what each model minimises, one file per family."""

from collections.abc import Callable, Mapping

from torch import Tensor

from vaebench.objectives.elbo import (
    LIKELIHOODS,
    Terms,
    annealed_vae,
    autoencoder,
    beta_vae,
    kl_per_latent,
)

Objective = Callable[[Terms, Mapping[str, Tensor], Tensor], Tensor]

OBJECTIVES: dict[str, Objective] = {
    "ae": autoencoder,
    "vae": beta_vae,
    "cvae": beta_vae,
    "betavae_h": beta_vae,
    "betavae_b": annealed_vae,
}

__all__ = ["LIKELIHOODS", "OBJECTIVES", "Objective", "Terms", "kl_per_latent"]
