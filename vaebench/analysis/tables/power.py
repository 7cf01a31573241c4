"""How many seeds a comparison of two models needs, paired by seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from vaebench.analysis.distributions import student_quantile
from vaebench.analysis.resampling import LEAST_SEEDS, FloatArray
from vaebench.analysis.sample import Sample
from vaebench.analysis.tables.record import Needs, Rows, table
from vaebench.measures import SUPERVISED

IntArray = npt.NDArray[np.int64]

POWER, LEVEL = 0.8, 0.05
"""How probably a test shall find an effect, and how probably it may find one that is not."""

MOST_SEEDS = 1_000_000
"""More seeds than this are not told from infinitely many."""


CURVE = (2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100)
"""Numbers of seeds at which the power is told."""

RESAMPLED = 5
"""Seeds that a power from resampling needs: of fewer, resamples repeat each other."""


@table(
    "metric model_a model_b difference seeds",
    title="How many seeds does a comparison of two models need?",
    needs=Needs(seeds=LEAST_SEEDS, models=2, metrics=(SUPERVISED,)),
    note=(
        "Models are compared by their means over strengths, paired by seed; so many seeds give "
        "a paired t test at 5 % a power of 80 %, were the difference and its spread those seen."
    ),
)
def seeds_needed(samples: Sequence[Sample]) -> Rows:
    """Computes how many seeds a paired t test needs for each pair of models.

    References:
        Colas, Sigaud & Oudeyer, How Many Random Seeds? Statistical Power Analysis in Deep
        Reinforcement Learning Experiments, 2018, https://arxiv.org/abs/1806.08295
    """
    rows: Rows = []
    for sample in samples:
        for name, pairs, differences in _paired(sample):
            effects = paired_effect(differences)
            known = np.isfinite(differences)
            for pair, effect, seeds, difference, there in zip(
                pairs,
                effects,
                seeds_for_power(effects),
                np.nansum(differences, axis=1) / np.maximum(known.sum(axis=1), 1),
                known.sum(axis=1),
                strict=True,
            ):
                if there >= LEAST_SEEDS:
                    rows.append(
                        {
                            "metric": name,
                            "model_a": pair[0],
                            "model_b": pair[1],
                            "difference": difference,
                            "seeds": seeds,
                            "effect": effect,
                            "seeds_there": int(there),
                            "dataset": sample.dataset,
                            "setting": sample.setting,
                        }
                    )
    return rows


@table(
    "dataset metric model_a model_b seeds power",
    title="How probably would so many seeds show the difference of two models?",
    needs=Needs(seeds=RESAMPLED, models=2, metrics=(SUPERVISED,)),
    note=(
        "Share of resamples of so many seeds in which a paired t test at 5 % finds the "
        "difference that all seeds show."
    ),
)
def seeds_power(samples: Sequence[Sample]) -> Rows:
    """Computes the power of comparing two models over the number of seeds, by resampling."""
    rows: Rows = []
    numbers = np.array(CURVE)
    for sample in samples:
        for name, pairs, differences in _paired(sample):
            power = np.full((len(pairs), len(numbers)), np.nan)
            known = np.isfinite(differences)
            for pattern in np.unique(known, axis=0):
                if pattern.sum() < RESAMPLED:
                    continue
                alike = (known == pattern).all(axis=1)
                rng = np.random.default_rng([sample.resampling.seed, int(pattern.sum())])
                shape = (sample.resampling.count, numbers.max())
                drawn = rng.integers(0, pattern.sum(), shape)
                found = power_by_resampling(differences[np.ix_(alike, pattern)], numbers, drawn)
                power[alike] = found
            rows += [
                {
                    "dataset": sample.dataset,
                    "metric": name,
                    "model_a": pair[0],
                    "model_b": pair[1],
                    "seeds": int(number),
                    "power": share,
                    "setting": sample.setting,
                }
                for pair, shares in zip(pairs, power, strict=True)
                for number, share in zip(numbers, shares, strict=True)
                if np.isfinite(share)
            ]
    return rows


def model_by_seed(sample: Sample, name: str) -> FloatArray:
    """Averages each model over its cells, seed by seed.

    Where a seed lacks some of a model's cells, these are taken to be as far from their means as
    its others are, so that a missing strength is not mistaken for a difference.

    Returns:
        [models, K]; NaN where a seed has no run of a model.
    """
    grid = sample.grid(name)
    of = pd.Index(sample.models).get_indexer(sample.cells["model"])
    member = np.equal.outer(np.arange(len(sample.models)), of).astype(np.float64)
    known = np.isfinite(grid)
    count = known.sum(axis=1)
    filled = np.where(known, grid, 0.0)
    means = filled.sum(axis=1) / np.maximum(count, 1)
    off = np.where(known, grid - means[:, None], 0.0)
    runs = member @ known
    level = member @ means / np.maximum(member @ (count > 0), 1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(runs > 0, level[:, None] + member @ off / runs, np.nan))


def _paired(sample: Sample) -> Iterator[tuple[str, list[tuple[str, str]], FloatArray]]:
    """Yields for each metric the pairs of models and their differences by seed [P, K]."""
    places = [(a, b) for a in range(len(sample.models)) for b in range(a + 1, len(sample.models))]
    pairs = [(sample.models[a], sample.models[b]) for a, b in places]
    first, second = (np.array(each) for each in zip(*places, strict=True))
    for name in sample.having(SUPERVISED):
        by_seed = model_by_seed(sample, name)
        yield name, pairs, by_seed[first] - by_seed[second]


def paired_effect(differences: FloatArray) -> FloatArray:
    """Computes Cohen's d of paired differences: their mean over their standard deviation.

    Args:
        differences: [..., S] one per seed; NaN where one of the two has none.

    Returns:
        [...]; infinite where all differences are the same, NaN with fewer than two.
    """
    known = ~np.isnan(differences)
    number = known.sum(axis=-1)
    filled = np.where(known, differences, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(axis=-1) / number
        spread = np.where(known, differences - mean[..., None], 0.0)
        deviation = np.sqrt(np.sum(spread**2, axis=-1) / (number - 1))
        deviation = np.where(deviation <= 1e-12 * np.abs(mean), 0.0, deviation)
        effect = mean / deviation
    return np.asarray(np.where((number < 2) | (mean == 0) & (deviation == 0), np.nan, effect))


def seeds_for_power(effects: FloatArray) -> FloatArray:
    """Computes how many seeds a paired t test needs to find an effect: 80 % power at 5 %.

    Args:
        effects: Cohen's d of the paired differences [n].

    Returns:
        The least number of seeds [n], at least 2; infinite where `MOST_SEEDS` are too few, NaN
        where the effect is.
    """
    sizes = np.abs(np.asarray(effects, dtype=np.float64))
    low, high = np.ones(sizes.shape, np.int64), np.full(sizes.shape, MOST_SEEDS)
    never = ~_enough(sizes, high)
    while np.any(high - low > 1):
        middle = (low + high) // 2
        reached = _enough(sizes, np.maximum(middle, 2))
        high, low = np.where(reached, middle, high), np.where(reached, low, middle)
    result = np.where(never, np.inf, np.maximum(high, 2).astype(np.float64))
    return np.asarray(np.where(np.isnan(sizes), np.nan, result))


def _enough(sizes: FloatArray, seeds: IntArray) -> npt.NDArray[np.bool_]:
    """Tells where the test's power suffices.

    The square of noncentral t is noncentral F, whose distribution SciPy knows everywhere; its
    noncentral t, and with it statsmodels' `TTestPower`, is NaN here and there beyond 7.
    """
    shift = sizes * np.sqrt(seeds)
    critical = -student_quantile(LEVEL / 2, seeds - 1)
    bounded = np.minimum(shift, 30.0)  # a power of 98 % even with two seeds
    power = 1 - special.ncfdtr(1, seeds - 1, bounded**2, critical**2)
    return np.asarray(power >= POWER)


def power_by_resampling(differences: FloatArray, seeds: IntArray, drawn: IntArray) -> FloatArray:
    """Computes how often a paired t test at 5 % finds a difference in resamples of n seeds.

    Args:
        differences: [P, S] finite differences of P pairs, one per seed.
        seeds: Numbers of seeds to test with [T], each at least 2.
        drawn: Places of the seeds that were drawn [B, N], N at least the largest of `seeds`: the
            resample of n is the first n.

    Returns:
        [P, T] share of the resamples in which the test finds the difference with its own sign;
        one whose differences are all the same, and not 0, finds it.
    """
    pairs, there = differences.shape
    offset = there * np.arange(len(drawn))[:, None]
    result = np.empty((pairs, len(seeds)))
    sign = np.sign(np.mean(differences, axis=1))[:, None]
    for place, number in enumerate(seeds):
        flat = (drawn[:, :number] + offset).ravel()
        counts = np.bincount(flat, minlength=there * len(drawn)).reshape(len(drawn), there)
        mean = differences @ counts.T / number
        variance = np.maximum(differences**2 @ counts.T / number - mean**2, 0.0)
        variance[variance <= 1e-12 * mean**2] = 0.0
        critical = -student_quantile(LEVEL / 2, number - 1)
        found = sign * mean > critical * np.sqrt(variance / (number - 1))
        result[:, place] = found.mean(axis=1)
    return result
