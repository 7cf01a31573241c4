"""Participation ratio: how many dimensions codes vary in, whatever their axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaebench.metrics import Metric, Score
from vaebench.records import Measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vaebench.metrics.points import Points

MEASURE = Measure(name="participation", title="Participation ratio", unit="dimensions", low=0.0)


def scores(points: Points, weights: NDArray | None) -> list[Score]:
    """Computes tr(C)² / tr(C²) of the codes' covariance C.

    Args:
        points: The sample; `points.codes` are its codes [N, D].
        weights: How often each point counts in a bootstrap's resample [N]; None for once each.

    Returns:
        A score for each of the metric's measures, in their order.

    References:
        Gao et al., A theory of multineuronal dimensionality, dynamics and measurement, 2017,
        https://doi.org/10.1101/214262
    """
    import numpy as np

    covariance = np.cov(points.codes, rowvar=False, fweights=weights)
    square = float((covariance**2).sum())
    if square == 0:
        return [Score(MEASURE.name, None, len(points), note="no code varies")]
    return [Score(MEASURE.name, float(np.trace(covariance)) ** 2 / square, len(points))]


PARTICIPATION = Metric(measures=(MEASURE,), resampled=scores)
