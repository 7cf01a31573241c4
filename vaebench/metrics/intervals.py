"""Bootstrap intervals of scores over the points that they were computed from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaebench.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vaebench.metrics.inputs import IntArray

    Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Where a score would lie were other points drawn; models and codes stay as they are.

    Attributes:
        low: Lower end.
        high: Upper end.
        level: Share of repetitions that it should hold the score of, from 0 to 1.
    """

    low: float
    high: float
    level: float


def bootstrap(
    statistic: Callable[[Matrix], npt.ArrayLike],
    points: int,
    *,
    rng: np.random.Generator,
    resamples: int = 200,
    level: float = 0.95,
    bounds: tuple[npt.ArrayLike, npt.ArrayLike] = (-math.inf, math.inf),
) -> list[Interval]:
    """Bootstrap intervals of one or more statistics of the same points.

    A resample is handed over as how often each point was drawn, so that a statistic can work
    on what was counted or sorted once (binned codes, hits, ranks) instead of copying rows. The
    quantiles of the resampled statistics are moved so that their mean lies on the score itself:
    mutual information of a resample, which repeats points, is too large on average, and plain
    percentiles would lie beside the score.

    Args:
        statistic: Takes weights [N], whole numbers that sum to N, and gives a number or S numbers.
        points: Number of points (N).
        rng: Source of randomness.
        resamples: How many resamples.
        level: From 0 to 1.
        bounds: The least and the largest value that scores may have: one for all, or S each.

    Returns:
        S intervals; a statistic that is not finite in some resample has NaN ends.

    Raises:
        DataError: A level outside 0 to 1, fewer than 2 points or 10 resamples.
    """
    import numpy as np

    from vaebench.metrics.inputs import check_size

    check_size(points, "the number of points", least=2)
    check_size(resamples, "resamples", least=10)
    _check_level(level)
    value = np.atleast_1d(np.asarray(statistic(np.ones(points)), dtype=np.float64))
    drawn = np.empty((resamples, len(value)))
    for row in range(resamples):
        counts = np.bincount(rng.integers(0, points, size=points), minlength=points)
        drawn[row] = statistic(counts.astype(np.float64))
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    spread = np.quantile(drawn - drawn.mean(axis=0), tails, axis=0)
    ends = np.clip(value + spread, *bounds)
    return [Interval(float(low), float(high), level) for low, high in ends.T]


def accuracy_interval(hits: npt.NDArray[np.bool_], *, level: float = 0.95) -> Interval:
    r"""Interval of an accuracy, without resampling.

    One hit or miss per point gives Wilson's interval, which keeps a width when all points are
    right; several per point, [N, F], that belong together give the normal interval of the
    points' mean hits, and Wilson's for N points where these do not vary.

    Args:
        hits: bool [N] or [N, F].
        level: From 0 to 1.

    Returns:
        The interval, within 0 to 1.

    Raises:
        DataError: No hits, or a level outside 0 to 1.

    References:
        Probable Inference, the Law of Succession, and Statistical Inference, E. B. Wilson, 1927,
        https://doi.org/10.1080/01621459.1927.10502953.
    """
    import numpy as np
    from scipy.stats import norm

    _check_level(level)
    if hits.size == 0:
        raise DataError("hits is empty; an accuracy needs at least one point.")
    z = float(norm.ppf((1 + level) / 2))
    means = hits.astype(np.float64).reshape(len(hits), -1).mean(axis=1)
    count, share = len(means), float(means.mean())
    if hits.ndim > 1 and np.ptp(means) > 0:
        half = z * float(means.std(ddof=1)) / math.sqrt(count)
        return Interval(max(0.0, share - half), min(1.0, share + half), level)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    spread = share * (1 - share) / count + z**2 / (4 * count**2)
    half = z * math.sqrt(spread) / (1 + z**2 / count)
    return Interval(max(0.0, centre - half), min(1.0, centre + half), level)


class WeightedAreas:
    """Mean area under the ROC curves of a factor's values, for any weights of the points.

    Points are ranked once; a resample then costs one running sum per value.

    Args:
        probabilities: [N, K].
        classes: What each column stands for [K].
        labels: True classes [N].
    """

    def __init__(self, probabilities: Matrix, classes: IntArray, labels: IntArray) -> None:
        import numpy as np
        from scipy.stats import rankdata

        member = labels[:, None] == classes
        kept = member.any(axis=0) & ~member.all(axis=0)
        values, member = probabilities[:, kept].T, member[:, kept].T
        self._order = np.argsort(values, axis=1)
        self._class, self._point = np.nonzero(member)
        # Between which places of the running sum a member's equals lie.
        self._first = (rankdata(values, method="min", axis=1) - 1)[member].astype(np.int64)
        self._last = rankdata(values, method="max", axis=1)[member].astype(np.int64)

    def __call__(self, weights: Matrix) -> float:
        """The mean area; a value that the weights leave without members or others is left out."""
        import numpy as np

        count, points = self._order.shape
        running = np.zeros((count, points + 1))
        np.cumsum(weights[self._order], axis=1, out=running[:, 1:])
        below = 0.5 * (running[self._class, self._first] + running[self._class, self._last])
        mine = weights[self._point]
        inside = np.bincount(self._class, mine, minlength=count)
        # What a member lies above, less the members among it: half of all pairs of members.
        above = np.bincount(self._class, mine * below, minlength=count) - 0.5 * inside**2
        pairs = inside * (weights.sum() - inside)
        curved = pairs > 0
        return float(np.mean(above[curved] / pairs[curved])) if curved.any() else float("nan")


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise DataError(f"level is {level}; a number between 0 and 1 is needed.")
