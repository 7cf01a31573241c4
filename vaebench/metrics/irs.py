"""The interventional robustness score (IRS): does a dimension move when other factors do?"""

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

    from vaebench.metrics.inputs import IntArray
    from vaebench.metrics.points import Points


MEASURE = Measure(name="irs", title="IRS", better="higher", low=0.0, high=1.0, needs="factors")


@dataclass(frozen=True)
class IrsResult:
    """The interventional robustness score and what it was computed from.

    Attributes:
        score: Mean of `per_dimension` weighted by `deviations`; 0 when every dimension is
            constant.
        per_dimension: Best entry of each row of `matrix` [D]; 0 for a constant dimension.
        parents: The factor of that entry [D]; -1 for a constant dimension.
        matrix: 1 - how far a dimension strays while a factor stays, over its largest deviation
            [D, F]; 0 for a constant dimension.
        deviations: Largest distance of each dimension from its mean [D].
    """

    score: float
    per_dimension: npt.NDArray[np.float64]
    parents: IntArray
    matrix: npt.NDArray[np.float64]
    deviations: npt.NDArray[np.float64]


def irs(
    codes: npt.ArrayLike, factors: npt.ArrayLike, *, bins: int = 20, quantile: float = 0.99
) -> float:
    """Interventional robustness score of Suter et al. (2019), at most 1.

    For each value of a factor the points that have it are compared with their mean code: the
    0.99 quantile of the distance says how far a dimension strays while that factor stays and the
    others move. Its mean over values, as a share of the dimension's largest deviation, is taken
    from 1; each dimension keeps its best factor, and dimensions are weighted by their largest
    deviation. Constant dimensions are left out exactly (the published implementation finds them
    by a variance that rounding makes positive, and gave -54.6 on a constant 0.1); with no other
    left the score is 0, as in the published implementation.

    Args:
        codes: Numbers [N, D], one row per example.
        factors: Whole numbers [N, F] of the same examples.
        bins: Factors are put into so many equal-width bins first, as in the published
            implementation, which joins values of factors with more values than that.
        quantile: From 0 to 1; 1 is the paper's maximum.

    Returns:
        The score.

    Raises:
        DataError: Codes that are not finite, factors that are not whole numbers or have one
            value, different lengths, fewer points than bins, or a quantile outside 0 to 1.

    References:
        Robustly Disentangled Causal Mechanisms: Validating Deep Representations for
        Interventional Robustness, R. Suter, D. Miladinovic, B. Schölkopf, S. Bauer, 2019,
        https://arxiv.org/abs/1811.00007, sections 3 and 4.
    """
    return irs_details(codes, factors, bins=bins, quantile=quantile).score


def irs_details(
    codes: npt.ArrayLike, factors: npt.ArrayLike, *, bins: int = 20, quantile: float = 0.99
) -> IrsResult:
    """The interventional robustness score with its parts; arguments and errors as `irs`."""
    import numpy as np

    from vaebench.metrics.information import discretise
    from vaebench.metrics.inputs import check_bins, check_pair, varying_dimensions

    checked, values = check_pair(codes, factors)
    if not 0 <= quantile <= 1:
        raise DataError(f"quantile is {quantile}; a number from 0 to 1 is needed.")
    groups = discretise(values.astype(np.float64), check_bins(bins, len(checked))).values
    codes64 = checked.astype(np.float64)
    varying = np.flatnonzero(varying_dimensions(codes64))
    alive = codes64[:, varying]
    matrix = np.zeros((codes64.shape[1], values.shape[1]))
    deviations = np.zeros(codes64.shape[1])
    parents = np.full(codes64.shape[1], -1, dtype=np.int64)
    if len(varying) == 0:
        return IrsResult(0.0, matrix.max(axis=1), parents, matrix, deviations)
    deviations[varying] = np.abs(alive - alive.mean(axis=0)).max(axis=0)
    for factor in range(values.shape[1]):
        strays = _mean_stray(alive, groups[:, factor], quantile)
        matrix[varying, factor] = 1 - strays / deviations[varying]
    parents[varying] = matrix[varying].argmax(axis=1)
    per_dimension = matrix.max(axis=1)
    score = float(np.average(per_dimension, weights=deviations))
    return IrsResult(score, per_dimension, parents, matrix, deviations)


def _mean_stray(
    codes: npt.NDArray[np.float64], groups: IntArray, quantile: float
) -> npt.NDArray[np.float64]:
    """Mean over groups of the quantile of the distance from the group's mean [D]."""
    import numpy as np

    strays = []
    for group in np.unique(groups):
        members = codes[groups == group]
        strays.append(np.quantile(np.abs(members - members.mean(axis=0)), quantile, axis=0))
    return np.asarray(np.mean(strays, axis=0))


def _scores(points: Points) -> list[Score]:
    assert points.factors is not None
    return [Score(MEASURE.name, irs(points.codes, points.factors, bins=points.bins), len(points))]


IRS = Metric(measures=(MEASURE,), of_sample=_scores)
