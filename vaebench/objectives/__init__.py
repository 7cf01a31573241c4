"""Objectives: what each model minimises, one file per family."""

from collections.abc import Callable, Mapping

from torch import Tensor

from vaebench.objectives.dip import dip_vae_i, dip_vae_ii
from vaebench.objectives.elbo import (
    LIKELIHOODS,
    Terms,
    annealed_vae,
    autoencoder,
    beta_vae,
    kl_per_latent,
)
from vaebench.objectives.total_correlation import (
    beta_tc_vae,
    discriminator_loss,
    factor_vae,
    permute_codes,
)

Objective = Callable[[Terms, Mapping[str, Tensor], Tensor], Tensor]

OBJECTIVES: dict[str, Objective] = {
    "ae": autoencoder,
    "vae": beta_vae,
    "cvae": beta_vae,
    "betavae_h": beta_vae,
    "betavae_b": annealed_vae,
    "factorvae": factor_vae,
    "btcvae": beta_tc_vae,
    "dipvae_i": dip_vae_i,
    "dipvae_ii": dip_vae_ii,
}

__all__ = [
    "LIKELIHOODS",
    "OBJECTIVES",
    "Objective",
    "Terms",
    "discriminator_loss",
    "kl_per_latent",
    "permute_codes",
]
