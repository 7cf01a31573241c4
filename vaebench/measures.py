"""The records of all figures of a run by name, and which of them are looked at together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from vaebench import metrics, outcome
from vaebench.metrics.unsupervised import UNSUPERVISED as DEPENDENCE
from vaebench.records import Measure

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {one.name: one for one in (*outcome.FIT, *metrics.MEASURES, *outcome.TIMES) if one.column}
)
"""All figures with a column of their own, in the order to show them."""

FIT = tuple(one.name for one in outcome.FIT)
"""How well the model fits the data: the terms of its objective."""

TIMES = tuple(one.name for one in outcome.TIMES)
"""What a run cost."""

STUDY = (
    "beta_vae_score",
    "factor_vae_score",
    "mig",
    "dci_disentanglement",
    "modularity",
    "sap",
)
"""The six disentanglement metrics of Locatello et al. 2019, in the order of their figures."""

SUPERVISED = tuple(
    one.name for one in MEASURES.values() if one.needs in {"factors", "grid", "labels"}
)
"""Scores of the mean representation that need ground-truth factors, or labels."""

CORRELATION = tuple(one.name for one in DEPENDENCE.measures)
"""How far latents depend on each other: no labels needed, and no direction is the better one."""

ERROR = "_error"
"""What the column of a score's standard error ends with: its evaluation's own, not over seeds."""

UNSUPERVISED = (*FIT, *CORRELATION, "udr", *(f"{metrics.SAMPLED}{name}" for name in CORRELATION))
"""What is known of a run without labels, and could choose a model."""

_NAMED = {one.name: one for one in (*MEASURES.values(), *metrics.MEASURES)}


def measure(name: str) -> Measure:
    """Looks a figure up; one without a proper name is called by its column's."""
    if known := _NAMED.get(name):
        return known
    if name.startswith(metrics.SAMPLED):
        mean = measure(name.removeprefix(metrics.SAMPLED))
        return replace(mean, name=name, title=f"{mean.title}, sampled")
    if name.endswith(ERROR):
        own = measure(name.removesuffix(ERROR))
        return replace(own, name=name, title=f"standard error of {own.title}", low=0.0, high=None)
    return Measure(name=name, title=name.replace("_", " ").capitalize())
