"""Scores of representations: pure functions of arrays, with the published study's defaults.

Arrays are example-first: codes are numbers [N, D], factors whole numbers [N, F]. The BetaVAE and
FactorVAE scores take a sampler instead, `represent(factors: int[N, F]) -> float[N, D]`.

- A wrong array raises `vaebench.errors.DataError` with one line that names it.
- A constant ("dead") dimension never raises and never makes NaN. It knows nothing, predicts
  nothing and depends on nothing.
- A score that has no finite value, such as the total correlation of a singular covariance, is
  None in its result, whose `notes` say why. Scores that are plain floats are always finite.
- Randomness comes from a `rng` or a `seed` argument only.

`mig` and its like give the score alone, `mig_details` and its like what it was computed from, and
`score_representation` everything at once (`score_sample` what one sample gives, `score_split` what
is learnt on some points and tested on others). Bootstrap intervals are in `intervals`.

What is known of a metric stands in its own file, as a `Metric` with the records of its scores;
`METRICS` lists them.
"""

from vaebench import plugins
from vaebench.metrics.active import ACTIVE_UNITS, active_mask, active_units
from vaebench.metrics.beta_vae import BETA_VAE, BetaVaeResult, beta_vae_details, beta_vae_score
from vaebench.metrics.dci import DCI, DciResult, dci
from vaebench.metrics.downstream import DOWNSTREAM, DownstreamResult, downstream
from vaebench.metrics.explicitness import (
    EXPLICITNESS,
    ExplicitnessResult,
    explicitness,
    explicitness_details,
)
from vaebench.metrics.factor_vae import (
    FACTOR_VAE,
    FactorVaeResult,
    factor_vae_details,
    factor_vae_score,
)
from vaebench.metrics.intervals import Interval, accuracy_interval, bootstrap
from vaebench.metrics.irs import IRS, IrsResult, irs, irs_details
from vaebench.metrics.metric import SAMPLED, Metric
from vaebench.metrics.mig import MIG, MIG_LABEL, MigResult, mig, mig_details
from vaebench.metrics.modularity import (
    MODULARITY,
    ModularityResult,
    modularity,
    modularity_details,
)
from vaebench.metrics.sap import SAP, SapResult, sap, sap_details
from vaebench.metrics.suite import (
    score_drawn,
    score_learnt,
    score_points,
    score_representation,
    score_sample,
    score_split,
)
from vaebench.metrics.udr import UDR, UdrResult, udr
from vaebench.metrics.unsupervised import UNSUPERVISED, UnsupervisedResult, unsupervised
from vaebench.outcome import Score
from vaebench.records import Measure

METRICS: tuple[Metric, ...] = (
    UDR,
    BETA_VAE,
    FACTOR_VAE,
    MIG,
    MIG_LABEL,
    DCI,
    MODULARITY,
    EXPLICITNESS,
    SAP,
    IRS,
    UNSUPERVISED,
    ACTIVE_UNITS,
    DOWNSTREAM,
)
"""Vaebench's own metrics, in the order in which their scores are shown."""

MEASURES = tuple(measure for metric in METRICS for measure in metric.measures)
"""The records of their scores."""


def all_metrics() -> tuple[Metric, ...]:
    """Returns all metrics: vaebench's own, then those of plug-ins."""
    return plugins.beside(METRICS, Metric)


def all_measures() -> tuple[Measure, ...]:
    """Returns the records of their scores."""
    return tuple(measure for metric in all_metrics() for measure in metric.measures)


__all__ = [
    "MEASURES",
    "METRICS",
    "SAMPLED",
    "BetaVaeResult",
    "DciResult",
    "DownstreamResult",
    "ExplicitnessResult",
    "FactorVaeResult",
    "Interval",
    "IrsResult",
    "Metric",
    "MigResult",
    "ModularityResult",
    "SapResult",
    "Score",
    "UdrResult",
    "UnsupervisedResult",
    "accuracy_interval",
    "active_mask",
    "active_units",
    "all_measures",
    "all_metrics",
    "beta_vae_details",
    "beta_vae_score",
    "bootstrap",
    "dci",
    "downstream",
    "explicitness",
    "explicitness_details",
    "factor_vae_details",
    "factor_vae_score",
    "irs",
    "irs_details",
    "mig",
    "mig_details",
    "modularity",
    "modularity_details",
    "sap",
    "sap_details",
    "score_drawn",
    "score_learnt",
    "score_points",
    "score_representation",
    "score_sample",
    "score_split",
    "udr",
    "unsupervised",
]
