"""Resampling of seeds: weights by resample and seed, and the intervals that resamples give."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vaebench.analysis.distributions import normal_share, student_quantile

FloatArray = npt.NDArray[np.float64]

LEAST_SEEDS = 3
"""Of fewer seeds an interval would say nothing: two have three different resamples."""

FULL_SEEDS = 5
"""From so many on, resamples reach far enough for an interval of 95 %."""


@dataclass(frozen=True)
class Resampling:
    """How seeds are resampled: one draw serves all models and strengths of a data set.

    Seeds are crossed with models and strengths: a seed gives the same initialisation and the same
    order of the data to all of them. Runs that share it are no independent draws, so seeds are
    drawn with replacement, each with all its runs. Data sets are strata, drawn apart.

    Attributes:
        count: Number of resamples B.
        seed: Of the generator. The same seed gives the same resamples of a data set, whatever
            other data sets there are and in whatever order the runs come.
        confidence: Coverage of the intervals.
    """

    count: int = 1000
    seed: int = 0
    confidence: float = 0.95

    def weights(self, stratum: str, seeds: int) -> FloatArray:
        """Draws how often each seed is in each resample.

        Args:
            stratum: Name of the data set (and setting): each has a stream of its own.
            seeds: Number of seeds K.

        Returns:
            Whole numbers [B, K], each row's sum K.
        """
        digest = hashlib.sha256(stratum.encode()).digest()[:8]
        rng = np.random.default_rng([self.seed, int.from_bytes(digest, "little")])
        drawn = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=self.count)
        return drawn.astype(np.float64)

    def interval(
        self, draws: npt.ArrayLike, seeds: int, around: npt.ArrayLike | None = None
    ) -> tuple[FloatArray, FloatArray]:
        r"""Reads intervals off resampled figures: expanded percentiles.

        The plain percentile interval of a mean is narrower than Student's by
        :math:`\sqrt{(K - 1) / K}` and by the ratio of the normal's quantile to Student's, which
        is a lot for few seeds. Expanded percentiles make up for both: the tails are
        :math:`\Phi(-\sqrt{K / (K - 1)}\, t_{K - 1})` instead of 2.5 %. With fewer than six
        seeds or so they are the least and the greatest of all resamples; from 20 seeds on they
        hardly differ from plain percentiles.

        Args:
            draws: The figure in each resample [B, …]; NaN where a resample does not define it.
            seeds: Number of seeds K; in a pooled figure, that of the stratum with the fewest.
            around: The figure itself [...]: an interval that does not hold it, as resampling can
                be off for few seeds, is widened until it does.

        Returns:
            Lower and upper ends [...], NaN with fewer than three seeds, and where fewer than half
            of the resamples define the figure.

        References:
            Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician
            69(4), 2015, section on expanded percentiles, https://arxiv.org/abs/1411.5279
        """
        array = np.asarray(draws, dtype=np.float64)
        known = np.isfinite(array)
        shape = array.shape[1:]
        if seeds < LEAST_SEEDS:
            return np.full(shape, math.nan), np.full(shape, math.nan)
        tail = self.tail(seeds)
        filled = np.where(known, array, np.nan)
        enough = known.mean(axis=0) >= 0.5
        filled = np.where(enough, filled, 0.0)
        ends = np.quantile if bool((known | ~enough).all()) else np.nanquantile
        low, high = ends(filled, [tail, 1 - tail], axis=0)
        low, high = np.where(enough, low, math.nan), np.where(enough, high, math.nan)
        if around is None:
            return low, high
        point = np.where(enough, around, math.nan)
        return np.fmin(low, point), np.fmax(high, point)

    def tail(self, seeds: int) -> float:
        """Returns the share of resamples beyond either end of an interval."""
        return _tail(self.confidence, seeds)


@lru_cache
def _tail(confidence: float, seeds: int) -> float:
    half = 0.5 + confidence / 2
    quantile = float(student_quantile(half, seeds - 1)) * math.sqrt(seeds / (seeds - 1))
    return normal_share(-quantile)
