"""What scores are computed from: a sample, training and test points, images to be drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from vaebench.metrics.boosting import BoostedFit, Method, boosted_trees
from vaebench.metrics.information import (
    Categories,
    Joint,
    Weights,
    different_pairs,
    discretise,
    entropies,
    relabel,
)
from vaebench.metrics.inputs import (
    FloatArray,
    IntArray,
    check_bins,
    check_codes,
    check_list,
    check_pair,
    check_split,
)
from vaebench.metrics.intervals import Interval, accuracy_interval, bootstrap
from vaebench.metrics.linear import Solver
from vaebench.metrics.sampling import Represent
from vaebench.outcome import Score
from vaebench.records import Measure


class Points:
    """A sample of codes and factors, with what several scores of it share worked out once.

    Args:
        codes: Numbers [N, D].
        factors: Whole numbers [N, F], or None where they are not known.
        labels: Whole numbers [N], or None without any.
        bins: Equal-width bins per dimension.
    """

    def __init__(
        self,
        codes: npt.ArrayLike,
        factors: npt.ArrayLike | None = None,
        labels: IntArray | None = None,
        *,
        bins: int = 20,
    ) -> None:
        self._codes = np.asarray(codes)
        self.factors = factors
        self.labels = labels
        self.bins = bins
        self._known: tuple[Weights | None, npt.NDArray[np.float64]] | None = None

    def __len__(self) -> int:
        """Number of points."""
        return len(self._codes)

    def has(self, needs: str | None) -> bool:
        """Says whether there is what a score needs; see `Measure.needs`."""
        if needs == "labels":
            return self.labels is not None
        return needs is None or (needs == "factors" and self.factors is not None)

    @cached_property
    def codes(self) -> FloatArray:
        """The codes, checked [N, D]."""
        return check_codes(self._codes)

    @cached_property
    def truth(self) -> Categories:
        """The factors, renumbered [N, F]."""
        assert self.factors is not None
        return relabel(check_pair(self.codes, self.factors)[1])

    @cached_property
    def binned(self) -> Categories:
        """The codes, binned [N, D]."""
        return discretise(self.codes, check_bins(self.bins, len(self)))

    @cached_property
    def codes64(self) -> npt.NDArray[np.float64]:
        """The codes in double precision."""
        return self.codes.astype(np.float64)

    @cached_property
    def _joint(self) -> Joint:
        shape = (len(self.binned.sizes), len(self.truth.sizes))
        return Joint(self.binned, self.truth, list(np.ndindex(shape)))

    @cached_property
    def _pairs(self) -> Joint | None:
        return different_pairs(self.binned) if len(self.binned.sizes) > 1 else None

    def information(self, weights: Weights | None) -> npt.NDArray[np.float64]:
        """Mutual information of dimensions and factors, in nats [D, F]."""
        if self._known is None or self._known[0] is not weights:
            table = self._joint.information(weights)
            self._known = weights, table.reshape(len(self.binned.sizes), -1)
        return self._known[1]

    def entropies(self, weights: Weights | None) -> npt.NDArray[np.float64]:
        """Of the factors, in nats [F]."""
        return entropies(self.truth, weights)

    def information_of_pairs(self, weights: Weights | None) -> float | None:
        """Mean mutual information of two dimensions, in nats; None where there is one."""
        return None if self._pairs is None else float(self._pairs.information(weights).mean())


class Split:
    """Training and test points, with what several scores of them share worked out once.

    Args:
        codes_train: Numbers [N, D], in random order.
        factors_train: Whole numbers [N, F].
        codes_test: Numbers [M, D].
        factors_test: Whole numbers [M, F].
        solver: Of logistic regressions, see `explicitness`.
        method: Of boosted trees, see `dci`.
        sizes: Numbers of labels of the downstream tasks.
        resamples: Bootstrap resamples per interval; 0 leaves all intervals out.
        rng: Source of randomness of the bootstrap.
        seed: Breaks ties between the splits of boosted trees.

    Raises:
        DataError: As `check_split`.
    """

    def __init__(
        self,
        codes_train: npt.ArrayLike,
        factors_train: npt.ArrayLike,
        codes_test: npt.ArrayLike,
        factors_test: npt.ArrayLike,
        *,
        solver: Solver,
        method: Method,
        sizes: Sequence[int],
        rng: np.random.Generator,
        resamples: int = 200,
        seed: int = 0,
    ) -> None:
        self.train, self.truth, self.test, self.wanted = check_split(
            codes_train, factors_train, codes_test, factors_test
        )
        self.solver, self.method, self.seed = solver, method, seed
        self.sizes = check_list(sizes, "downstream_sizes")
        self.resamples, self.rng = resamples, rng

    @property
    def arrays(self) -> tuple[FloatArray, IntArray, FloatArray, IntArray]:
        """Codes and factors to train on, codes and factors to test on."""
        return self.train, self.truth, self.test, self.wanted

    @cached_property
    def trees(self) -> list[BoostedFit]:
        """Boosted trees of each factor."""
        return [
            boosted_trees(
                self.train,
                self.truth[:, i],
                self.test,
                self.wanted[:, i],
                method=self.method,
                seed=self.seed,
            )
            for i in range(self.truth.shape[1])
        ]

    def bootstrapped(
        self,
        measure: Measure,
        value: float,
        statistic: Callable[[npt.NDArray[np.float64]], float],
    ) -> Score:
        """A score with the interval of what the statistic is of resampled test points.

        Args:
            measure: Its record.
            value: Its value.
            statistic: Takes how often each test point counts, [M]; see `bootstrap`.
        """
        if not self.resamples:
            return Score(measure.name, value, len(self.train))
        (likely,) = bootstrap(
            statistic,
            len(self.wanted),
            rng=self.rng,
            resamples=self.resamples,
            bounds=bounds([measure]),
        )
        return scored(measure.name, value, len(self.train), likely)

    def accuracy(self, measure: Measure, value: float, hits: npt.NDArray[np.bool_]) -> Score:
        """An accuracy with its interval, from what was guessed right, bool [M] or [M, F]."""
        likely = accuracy_interval(hits) if self.resamples else None
        return scored(measure.name, value, len(self.train), likely)


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """Images that can be drawn by their factors, and how many of them.

    Attributes:
        represent: Encodes the images of given factors.
        factor_sizes: Number of values of each factor.
        rng: Makes the source of randomness of the score with a name.
        num_train: Points that a classifier learns from.
        num_eval: Points that it is judged on.
        num_variance: Images that variances over the data set are estimated from.
        solver: Of logistic regressions, see `beta_vae_score`.
    """

    represent: Represent
    factor_sizes: Sequence[int]
    rng: Callable[[str], np.random.Generator]
    num_train: int
    num_eval: int
    num_variance: int
    solver: Solver

    def accuracy(self, measure: Measure, value: float, hits: npt.NDArray[np.bool_]) -> Score:
        """An accuracy with its interval, from which points were right, bool [num_eval]."""
        return scored(measure.name, value, self.num_train, accuracy_interval(hits))


def bounds(measures: Sequence[Measure]) -> tuple[list[float], list[float]]:
    """The least and the largest value of each score, infinite where there is no bound."""
    low = [-np.inf if one.low is None else one.low for one in measures]
    return low, [np.inf if one.high is None else one.high for one in measures]


def scored(
    name: str, value: float | None, points: int, likely: Interval | None, note: str | None = None
) -> Score:
    """A score with its interval, but for one without value or of which an end is not finite."""
    if value is None or likely is None or not np.isfinite([likely.low, likely.high]).all():
        return Score(name, value, points, note=note)
    return Score(name, value, points, likely.low, likely.high)
