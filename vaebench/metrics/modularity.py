"""Modularity: does each dimension know about one factor only?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaebench.errors import DataError
from vaebench.metrics.metric import Metric
from vaebench.outcome import Score
from vaebench.records import Measure

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vaebench.metrics.information import Weights
    from vaebench.metrics.points import Points


MEASURE = Measure(
    name="modularity", title="Modularity", better="higher", low=0.0, high=1.0, needs="factors"
)


@dataclass(frozen=True)
class ModularityResult:
    """Modularity and what it was computed from.

    Attributes:
        score: Mean of `per_dimension`, from 0 to 1.
        per_dimension: Modularity of each dimension [D].
        mutual_information: Between dimensions and factors, in nats [D, F].
    """

    score: float
    per_dimension: npt.NDArray[np.float64]
    mutual_information: npt.NDArray[np.float64]


def modularity(codes: npt.ArrayLike, factors: npt.ArrayLike, *, bins: int = 20) -> float:
    r"""Modularity of Ridgeway & Mozer (2018), from 0 to 1.

    .. math:: \frac{1}{D} \sum_d \left( 1 -
        \frac{\sum_{f \ne f^*} I(z_d; v_f)^2}{(F - 1) \, I(z_d; v_{f^*})^2} \right)

    where f* is the factor that the dimension knows most about. A dimension that knows nothing at
    all counts as 0, as in the published implementation, so dead dimensions lower the score.

    Args:
        codes: Numbers [N, D], one row per example.
        factors: Whole numbers [N, F] of the same examples, F of 2 or more.
        bins: Equal-width bins per dimension, between its minimum and maximum.

    Returns:
        The score.

    Raises:
        DataError: One factor only, codes that are not finite, factors that are not whole numbers
            or have one value, different lengths, or fewer points than bins.

    References:
        Learning Deep Disentangled Embeddings with the F-Statistic Loss, K. Ridgeway, M. C. Mozer,
        2018, https://arxiv.org/abs/1802.05312, section 3 (modularity).
    """
    return modularity_details(codes, factors, bins=bins).score


def modularity_details(
    codes: npt.ArrayLike, factors: npt.ArrayLike, *, bins: int = 20
) -> ModularityResult:
    """Modularity with its parts; arguments and errors as `modularity`."""
    from vaebench.metrics.information import discretise, mutual_information, relabel
    from vaebench.metrics.inputs import check_bins, check_pair

    checked, values = check_pair(codes, factors)
    _check_count(values.shape[1])
    binned = discretise(checked, check_bins(bins, len(checked)))
    return modularity_from_information(mutual_information(binned, relabel(values)))


def modularity_from_information(table: npt.NDArray[np.float64]) -> ModularityResult:
    """Modularity of a table of mutual informations.

    Args:
        table: Nats [D, F], F of 2 or more.

    Returns:
        The score with its parts.
    """
    import numpy as np

    squared = table**2
    most = squared.max(axis=1)
    rest = (squared.sum(axis=1) - most) / (table.shape[1] - 1)
    alive = most > 0
    share = np.divide(rest, most, out=np.ones_like(most), where=alive)
    return ModularityResult(float((1 - share).mean()), 1 - share, table)


def _check_count(factors: int) -> None:
    if factors < 2:
        raise DataError("factors has 1 factor; modularity compares factors and needs at least 2.")


def _scores(points: Points, weights: Weights | None) -> list[Score]:
    _check_count(len(points.truth.sizes))
    found = modularity_from_information(points.information(weights))
    return [Score(MEASURE.name, found.score, len(points))]


MODULARITY = Metric(measures=(MEASURE,), resampled=_scores)
