"""What each figure of a run is called, its unit, which way is better and where it can lie."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from vaebench.digits import written


@dataclass(frozen=True)
class Measure:
    """A figure of a run, as people read it.

    Attributes:
        name: Column of the `results` view.
        title: Proper name, short enough for a table's head.
        unit: Unit, or an empty string for a pure number.
        better: `higher`, `lower`, or None where neither is.
        low: Least value it can have, or None.
        high: Greatest value it can have, or None.
        digits: Decimals to print, at least.
    """

    name: str
    title: str
    unit: str = ""
    better: str | None = None
    low: float | None = None
    high: float | None = None
    digits: int = 3

    @property
    def label(self) -> str:
        """Title with its unit, for an axis."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def text(self, value: float | None, width: float | None = None) -> str:
        """Prints a value; an en dash where there is none.

        Args:
            value: The value, or half the width of its interval.
            width: That half, so that neither of the two is rounded away.
        """
        if value is None or not math.isfinite(value):
            return "–"
        return written(value, self.digits, width)


NATS = "nats per image"

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        item.name: item
        for item in (
            Measure("reconstruction", "Reconstruction", NATS, "lower", digits=1),
            Measure("kl", "KL", NATS, None, low=0.0, digits=1),
            Measure("elbo", "ELBO", NATS, "higher", digits=1),
            Measure("udr", "UDR", "", "higher", 0.0, 1.0),
            Measure("mig", "MIG", "", "higher", 0.0, 1.0),
            Measure("mig_label", "MIG (label)", "", "higher", 0.0, 1.0),
            Measure("beta_vae_score", "BetaVAE score", "", "higher", 0.0, 1.0),
            Measure("factor_vae_score", "FactorVAE score", "", "higher", 0.0, 1.0),
            Measure("modularity", "Modularity", "", "higher", 0.0, 1.0),
            Measure("explicitness", "Explicitness", "", "higher", 0.0, 1.0),
            Measure("dci_disentanglement", "DCI disentanglement", "", "higher", 0.0, 1.0),
            Measure("dci_completeness", "DCI completeness", "", "higher", 0.0, 1.0),
            Measure("dci_informativeness", "DCI informativeness", "", "higher", 0.0, 1.0),
            Measure("sap", "SAP", "", "higher", 0.0, 1.0),
            Measure("irs", "IRS", "", "higher", 0.0, 1.0),
            Measure("gaussian_total_correlation", "Gaussian TC", "nats", None, 0.0),
            Measure("gaussian_wasserstein", "Wasserstein corr.", "", None, 0.0),
            Measure("gaussian_wasserstein_normalised", "Wasserstein corr. (norm.)", "", None, 0.0),
            Measure("mutual_information", "Pairwise MI", "nats", None, 0.0),
            Measure("active_units", "Active units", "latents", None, low=0.0, digits=1),
            Measure("wall_seconds", "Wall time", "seconds", "lower", low=0.0, digits=1),
            Measure("train_seconds", "Training time", "seconds", "lower", low=0.0, digits=1),
            Measure("eval_seconds", "Evaluation time", "seconds", "lower", low=0.0, digits=1),
        )
    }
)
"""All figures with a name of their own, in the order to show them."""

FIT = ("reconstruction", "kl", "elbo")
"""How well the model fits the data: the terms of its objective."""

TIMES = ("wall_seconds", "train_seconds", "eval_seconds")
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

SUPERVISED = (
    "beta_vae_score",
    "factor_vae_score",
    "mig",
    "mig_label",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "modularity",
    "explicitness",
    "sap",
    "irs",
)
"""Scores of the mean representation that need ground-truth factors, or labels."""

CORRELATION = (
    "gaussian_total_correlation",
    "gaussian_wasserstein",
    "gaussian_wasserstein_normalised",
    "mutual_information",
)
"""How far latents depend on each other: no labels needed, and no direction is the better one."""

SAMPLED = "sampled_"
"""What a score of the sampled representation begins with; without it, it is of the mean."""

ERROR = "_error"
"""What the column of a score's standard error ends with: its evaluation's own, not over seeds."""

UNSUPERVISED = (*FIT, *CORRELATION, "udr", *(f"{SAMPLED}{name}" for name in CORRELATION))
"""What is known of a run without labels, and could choose a model."""

_DOWNSTREAM = re.compile(r"downstream_(?P<predictor>[a-z]+)_(?P<what>\d+|efficiency)")
_PREDICTORS = {"logistic": "Logistic regression", "boosted": "Boosted trees"}


@dataclass(frozen=True, order=True)
class Downstream:
    """What a downstream score is of.

    Attributes:
        predictor: What learns the factors from the representation: `logistic` or `boosted`.
        labels: Number of labels it learns from; None for the efficiency, the accuracy with 100
            labels over that with 10,000.
    """

    predictor: str
    labels: int | None


def downstream_of(name: str) -> Downstream | None:
    """Reads a downstream score's name; None for any other score, and for the sampled kin."""
    found = _DOWNSTREAM.fullmatch(name)
    if found is None:
        return None
    what = found["what"]
    return Downstream(found["predictor"], None if what == "efficiency" else int(what))


def measure(name: str) -> Measure:
    """Looks a figure up; one without a proper name is called by its column's."""
    if known := MEASURES.get(name):
        return known
    if name.startswith(SAMPLED):
        mean = measure(name.removeprefix(SAMPLED))
        return replace(mean, name=name, title=f"{mean.title}, sampled")
    if name.endswith(ERROR):
        own = measure(name.removesuffix(ERROR))
        return replace(own, name=name, title=f"standard error of {own.title}", low=0.0, high=None)
    if task := downstream_of(name):
        predictor = _PREDICTORS.get(task.predictor, task.predictor.capitalize())
        what = "efficiency" if task.labels is None else f"{task.labels:,} labels"
        most = None if task.labels is None else 1.0
        return Measure(name, f"{predictor}, {what}", "", "higher", 0.0, most)
    return Measure(name, name.replace("_", " ").capitalize())
