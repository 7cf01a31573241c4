"""Models: what each minimises, one file a family; the records here are known without torch."""

from __future__ import annotations

from collections.abc import Iterable

from vaebench import plugins
from vaebench.errors import unknown
from vaebench.models.annealed_vae import ANNEALED_VAE
from vaebench.models.autoencoder import AUTOENCODER
from vaebench.models.beta_tc_vae import BETA_TC_VAE
from vaebench.models.beta_vae import BETA_VAE, CVAE, VAE
from vaebench.models.dip_vae import DIP_VAE_I, DIP_VAE_II
from vaebench.models.factor_vae import FACTOR_VAE
from vaebench.models.info_vae import INFO_VAE
from vaebench.models.looks import told_apart
from vaebench.models.vamp_prior import VAMP_PRIOR
from vaebench.records import Model, Parameter

MODELS: tuple[Model, ...] = (
    AUTOENCODER,
    VAE,
    CVAE,
    BETA_VAE,
    ANNEALED_VAE,
    FACTOR_VAE,
    BETA_TC_VAE,
    DIP_VAE_I,
    DIP_VAE_II,
    INFO_VAE,
    VAMP_PRIOR,
)
"""Vaebench's own models, in the order that tables and figures have them in."""


def all_models() -> tuple[Model, ...]:
    """Returns all models: vaebench's own, then those of plug-ins, each of a look of its own."""
    return told_apart(MODELS, plugins.beside(MODELS, Model)[len(MODELS) :])


def model_names() -> list[str]:
    """Returns the models' names, in order."""
    return [model.name for model in all_models()]


def find_model(name: str) -> Model:
    """Looks a model up by its name or an alias.

    Raises:
        UsageError: There is none of that name.
    """
    if (model := known_model(name)) is not None:
        return model
    aliases = [alias for model in all_models() for alias in model.aliases]
    raise unknown("model", name, [*model_names(), *aliases])


def known_model(name: str) -> Model | None:
    """Looks a model up by its name or an alias; None where there is none, as in foreign frames."""
    return _named(name, MODELS) or _named(name, all_models())


def _named(name: str, models: Iterable[Model]) -> Model | None:
    return next((model for model in models if name in model.names), None)


def find_parameter(name: str) -> Parameter | None:
    """Looks a hyperparameter up that some model has; two models write one of a name alike."""
    return _parameter(name, MODELS) or _parameter(name, all_models())


def _parameter(name: str, models: Iterable[Model]) -> Parameter | None:
    found = (parameter for model in models for parameter in model.parameters)
    return next((parameter for parameter in found if parameter.name == name), None)
