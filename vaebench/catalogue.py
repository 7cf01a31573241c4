"""The catalogue of models: every name that users type, with its hyperparameters and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from vaebench.errors import unknown


@dataclass(frozen=True)
class ModelInfo:
    """A model as users know it: its title, its hyperparameters and the one that is swept.

    Attributes:
        title: Name and source, for tables.
        parameters: Hyperparameters with their defaults; None means "as long as the run" (steps).
        strength: The hyperparameter that the regulariser is swept over, or None.
        conditional: Whether encoder and decoder are given the label.
        warmup: Whether `--warmup` anneals its beta from 0.
        switches: Parameters that choose a variant: 0 for the study's, 1 for the other.
    """

    title: str
    parameters: Mapping[str, float | None] = field(default_factory=dict)
    strength: str | None = None
    conditional: bool = False
    warmup: bool = True
    switches: tuple[str, ...] = ()


MODELS: Mapping[str, ModelInfo] = MappingProxyType(
    {
        "ae": ModelInfo("Autoencoder", warmup=False),
        "vae": ModelInfo("VAE (Kingma & Welling 2014)"),
        "cvae": ModelInfo("CVAE (Sohn et al. 2015)", {"beta": 1.0}, "beta", conditional=True),
        "betavae_h": ModelInfo("beta-VAE (Higgins et al. 2017)", {"beta": 4.0}, "beta"),
        "betavae_b": ModelInfo(
            "AnnealedVAE (Burgess et al. 2018)",
            {"c_max": 25.0, "gamma": 1000.0, "c_steps": None},
            "c_max",
            warmup=False,
        ),
        "factorvae": ModelInfo(
            "FactorVAE (Kim & Mnih 2018)",
            {"gamma": 10.0, "halves": 0.0},
            "gamma",
            warmup=False,
            switches=("halves",),
        ),
        "btcvae": ModelInfo(
            "beta-TCVAE (Chen et al. 2018)",
            {"alpha": 1.0, "beta": 6.0, "gamma": 1.0, "stratified": 0.0},
            "beta",
            switches=("stratified",),
        ),
        "dipvae_i": ModelInfo(
            "DIP-VAE-I (Kumar et al. 2018)",
            {"lambda_od": 10.0, "lambda_d_factor": 10.0},
            "lambda_od",
            warmup=False,
        ),
        "dipvae_ii": ModelInfo(
            "DIP-VAE-II (Kumar et al. 2018)",
            {"lambda_od": 10.0, "lambda_d_factor": 1.0},
            "lambda_od",
            warmup=False,
        ),
    }
)
ALIASES: Mapping[str, str] = MappingProxyType({"annealedvae": "betavae_b"})


def model_info(name: str) -> ModelInfo:
    """Looks a model up by its canonical name.

    Raises:
        UsageError: The name is none of `MODELS`.
    """
    if name not in MODELS:
        raise unknown("model", name, [*MODELS, *ALIASES])
    return MODELS[name]
