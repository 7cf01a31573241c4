"""Scores of representations: pure functions of arrays, with the published study's defaults.

Arrays are example-first: codes are numbers [N, D], factors whole numbers [N, F]. The BetaVAE and
FactorVAE scores take a sampler instead, `represent(factors: int[N, F]) -> float[N, D]`.

- A wrong array raises `vaebench.errors.DataError` with one line that names it.
- A constant ("dead") dimension never raises and never makes NaN. It knows nothing, predicts
  nothing and depends on nothing.
- A score that has no finite value, such as the total correlation of a singular covariance, is
  None in its result, whose `reasons` says why. Scores that are plain floats are always finite.
- Randomness comes from a `rng` or a `seed` argument only.

`mig` and its like give the score alone, `mig_details` and its like what it was computed from, and
`score_representation` everything at once (`score_sample` what one sample gives, `score_split` what
is learnt on some points and tested on others). Bootstrap intervals are in `intervals`.
"""

from vaebench.metrics.active import active_mask, active_units
from vaebench.metrics.beta_vae import BetaVaeResult, beta_vae_details, beta_vae_score
from vaebench.metrics.dci import DciResult, dci
from vaebench.metrics.downstream import DownstreamResult, downstream
from vaebench.metrics.explicitness import ExplicitnessResult, explicitness, explicitness_details
from vaebench.metrics.factor_vae import FactorVaeResult, factor_vae_details, factor_vae_score
from vaebench.metrics.intervals import Interval, accuracy_interval, bootstrap
from vaebench.metrics.irs import IrsResult, irs, irs_details
from vaebench.metrics.mig import MigResult, mig, mig_details
from vaebench.metrics.modularity import ModularityResult, modularity, modularity_details
from vaebench.metrics.sap import SapResult, sap, sap_details
from vaebench.metrics.suite import Score, score_representation, score_sample, score_split
from vaebench.metrics.udr import UdrResult, udr
from vaebench.metrics.unsupervised import UnsupervisedResult, unsupervised

__all__ = [
    "BetaVaeResult",
    "DciResult",
    "DownstreamResult",
    "ExplicitnessResult",
    "FactorVaeResult",
    "Interval",
    "IrsResult",
    "MigResult",
    "ModularityResult",
    "SapResult",
    "Score",
    "UdrResult",
    "UnsupervisedResult",
    "accuracy_interval",
    "active_mask",
    "active_units",
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
    "score_representation",
    "score_sample",
    "score_split",
    "udr",
    "unsupervised",
]
