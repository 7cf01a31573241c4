"""What a metric is to an evaluation: records of its scores, and the function that computes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaebench.outcome import Score
from vaebench.records import Measure

if TYPE_CHECKING:
    from vaebench.metrics.information import Weights
    from vaebench.metrics.points import Points, Sampler, Split

SAMPLED = "sampled_"
"""What a score of the sampled representation begins with; without it, it is of the mean."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric, of one score or of several that come together.

    One of its functions is given, or none for a metric of a whole cell. Each returns the scores in
    the order of `measures`, and raises DataError where the data do not allow them.

    Attributes:
        measures: Records of its scores.
        resampled: Of a sample whose points count as often as the weights say (once each for None),
            so that an interval can be bootstrapped. All such metrics share the resamples.
        of_sample: Of a sample that is not resampled.
        of_split: Of what is learnt on some points and tested on others.
        drawn: Of images drawn by their factors.
    """

    measures: tuple[Measure, ...]
    resampled: Callable[[Points, Weights | None], list[Score]] | None = None
    of_sample: Callable[[Points], list[Score]] | None = None
    of_split: Callable[[Split], list[Score]] | None = None
    drawn: Callable[[Sampler], list[Score]] | None = None
