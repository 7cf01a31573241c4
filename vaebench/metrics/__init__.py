"""Scores of representations: pure functions of arrays, with the published study's defaults."""

from vaebench.metrics.active import active_mask, active_units
from vaebench.metrics.beta_vae import BetaVaeResult, beta_vae_details, beta_vae_score
from vaebench.metrics.factor_vae import FactorVaeResult, factor_vae_details, factor_vae_score
from vaebench.metrics.gap import MigResult, mig, mig_details

__all__ = [
    "BetaVaeResult",
    "FactorVaeResult",
    "MigResult",
    "active_mask",
    "active_units",
    "beta_vae_details",
    "beta_vae_score",
    "factor_vae_details",
    "factor_vae_score",
    "mig",
    "mig_details",
]
