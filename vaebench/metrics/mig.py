"""The mutual information gap (MIG): how far one dimension leads in knowing each factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaebench.metrics.metric import Metric
from vaebench.outcome import Score
from vaebench.records import Measure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vaebench.metrics.information import Weights
    from vaebench.metrics.points import Points


OF_FACTORS = Measure(name="mig", title="MIG", better="higher", low=0.0, high=1.0, needs="factors")
OF_LABELS = Measure(
    name="mig_label",
    title="MIG (label)",
    short="MIG label",
    better="higher",
    low=0.0,
    high=1.0,
    needs="labels",
)


@dataclass(frozen=True)
class MigResult:
    """The mutual information gap and what it was computed from.

    Attributes:
        score: Mean of `gaps`, from 0 to 1.
        gaps: Per factor [F], the two largest informations' difference over the entropy.
        mutual_information: Between dimensions and factors, in nats [D, F].
        entropies: Of the factors, in nats [F].
    """

    score: float
    gaps: npt.NDArray[np.float64]
    mutual_information: npt.NDArray[np.float64]
    entropies: npt.NDArray[np.float64]


def mig(codes: npt.ArrayLike, factors: npt.ArrayLike, *, bins: int = 20) -> float:
    r"""Mutual information gap of Chen et al. (2018), from 0 to 1.

    .. math:: \frac{1}{F} \sum_f \frac{1}{H(v_f)} \left( I(z_{(1)}; v_f) - I(z_{(2)}; v_f) \right)

    where z(1) and z(2) are the two dimensions that know most about the factor. The codes are
    binned per dimension between their minimum and maximum, as in Locatello et al. (2019). A
    constant dimension knows nothing, 0 nats; a single dimension leads over 0. For one label per
    example pass `labels[:, None]`.

    Args:
        codes: Numbers [N, D], one row per example.
        factors: Whole numbers [N, F] of the same examples; each factor takes two values or more.
        bins: Equal-width bins per dimension.

    Returns:
        The score.

    Raises:
        DataError: Codes that are not finite, factors that are not whole numbers or have one
            value, different lengths, or fewer points than bins.

    References:
        Isolating Sources of Disentanglement in Variational Autoencoders, R. T. Q. Chen, X. Li,
        R. Grosse, D. Duvenaud, 2018, https://arxiv.org/abs/1802.04942, equation 6.

        Challenging Common Assumptions in the Unsupervised Learning of Disentangled
        Representations, F. Locatello et al., 2019, https://arxiv.org/abs/1811.12359, appendix C.
    """
    return mig_details(codes, factors, bins=bins).score


def mig_details(codes: npt.ArrayLike, factors: npt.ArrayLike, *, bins: int = 20) -> MigResult:
    """The mutual information gap with its parts; arguments and errors as `mig`."""
    from vaebench.metrics.information import discretise, entropies, mutual_information, relabel
    from vaebench.metrics.inputs import check_bins, check_pair

    checked, values = check_pair(codes, factors)
    binned = discretise(checked, check_bins(bins, len(checked)))
    renamed = relabel(values)
    return mig_from_information(mutual_information(binned, renamed), entropies(renamed))


def mig_from_information(
    table: npt.NDArray[np.float64], entropy: npt.NDArray[np.float64]
) -> MigResult:
    """The gap of mutual informations that are known already.

    Args:
        table: Mutual information of dimensions and factors, in nats [D, F].
        entropy: Of the factors, in nats [F].

    Returns:
        The score with its parts. A factor without entropy has gap 0.
    """
    import numpy as np

    ranked = np.sort(np.vstack([table, np.zeros_like(table[:1])]), axis=0)
    # The row of zeros is what a single dimension leads over; it changes nothing otherwise.
    lead = ranked[-1] - ranked[-2]
    gaps = np.divide(lead, entropy, out=np.zeros_like(lead), where=entropy > 0)
    return MigResult(float(gaps.mean()), gaps, table, entropy)


def _of_factors(points: Points, weights: Weights | None) -> list[Score]:
    found = mig_from_information(points.information(weights), points.entropies(weights))
    return [Score(OF_FACTORS.name, found.score, len(points))]


def _of_labels(points: Points) -> list[Score]:
    assert points.labels is not None
    value = mig(points.codes, points.labels[:, None], bins=points.bins)
    return [Score(OF_LABELS.name, value, len(points))]


MIG = Metric(measures=(OF_FACTORS,), resampled=_of_factors)
MIG_LABEL = Metric(measures=(OF_LABELS,), of_sample=_of_labels)
