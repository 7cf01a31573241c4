"""Choosing one run of several: what it is worth with labels, without them, and at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from vaebench.analysis.resampling import FloatArray
from vaebench.analysis.sample import Sample
from vaebench.analysis.tables.record import Needs, Rows, table
from vaebench.measures import SUPERVISED

LABELLESS = ("elbo", "udr")
"""What chooses a run without labels; more is better."""


@table(
    "dataset metric trials chosen_by value",
    title="What does it cost to choose a run without labels?",
    needs=Needs(runs=2, metrics=(SUPERVISED,)),
    note=(
        "Metric of the run that is chosen from so many trials, on average over all draws of as "
        "many runs, whatever their model, strength and seed: chosen by the metric itself, by "
        "ELBO, by UDR, or at random."
    ),
)
def best_of(samples: Sequence[Sample]) -> Rows:
    """Computes what the chosen one of n runs is worth, see `expected_best`.

    References:
        Dodge et al., Show Your Work: Improved Reporting of Experimental Results, EMNLP 2019,
        section 3 (there with replacement), https://arxiv.org/abs/1909.03004
    """
    rows: Rows = []
    chances: dict[int, tuple[npt.NDArray[np.int64], FloatArray]] = {}
    for sample in (each.pooled for each in samples):
        for name in sample.having(SUPERVISED):
            values = sample.values(name)
            kept = np.isfinite(values)
            runs = int(kept.sum())
            if runs not in chances:
                numbers = trials(runs)
                chances[runs] = numbers, best_chances(runs, numbers)
            numbers, chance = chances[runs]
            keys = {"metric": values}
            keys |= {key: sample.values(key) for key in sample.having(LABELLESS)}
            keys["random"] = np.zeros(len(values))
            for key, figures in keys.items():
                found = expected_best(values[kept], figures[kept], chance)
                rows += [
                    {
                        "dataset": sample.dataset,
                        "metric": name,
                        "trials": int(number),
                        "chosen_by": key,
                        "value": value,
                        "runs": runs,
                        "setting": sample.setting,
                    }
                    for number, value in zip(numbers, found, strict=True)
                ]
    return rows


def trials(runs: int) -> npt.NDArray[np.int64]:
    """Returns numbers of trials from 1 to all runs: each up to 10, then 12 per power of ten."""
    grid = np.concatenate([np.arange(1, 10), np.geomspace(10, 1e6, 61).round(), [runs]])
    return np.unique(grid[grid <= runs]).astype(np.int64)


def expected_best(values: FloatArray, keys: FloatArray, chances: FloatArray) -> FloatArray:
    """Computes what the run is worth that a key chooses from n runs, on average over all draws.

    Runs with equal keys are chosen with equal probability; those without a key only where no
    other is drawn.

    Args:
        values: What a run is worth [N], finite.
        keys: What it is chosen by [N], higher is better; NaN where it has none.
        chances: As `best_chances` gives them [T, N].

    Returns:
        The expected worth of the chosen run for each number of trials [T].
    """
    filled = np.where(np.isnan(keys), -np.inf, keys)
    _, tie = np.unique(filled, return_inverse=True)
    means = np.bincount(tie, weights=values) / np.bincount(tie)
    return np.asarray(chances @ means[np.sort(tie)])


def best_chances(runs: int, numbers: npt.NDArray[np.int64]) -> FloatArray:
    r"""Computes how probably the r-th lowest of N runs is the highest of n that are drawn.

    The draw is without replacement: :math:`\binom{r-1}{n-1} / \binom{N}{n}`.

    Args:
        runs: Number of runs (N).
        numbers: How many are drawn [T], from 1 to N.

    Returns:
        [T, N] probabilities; each row sums to 1.
    """
    rank, drawn = np.arange(1, runs + 1)[None, :], numbers[:, None]
    possible = rank >= drawn
    log = _log_binomial(np.where(possible, rank - 1, drawn - 1), drawn - 1)
    return np.where(possible, np.exp(log - _log_binomial(runs, drawn)), 0.0)


def _log_binomial(n: npt.ArrayLike, k: npt.ArrayLike) -> FloatArray:
    n, k = np.asarray(n, dtype=np.float64), np.asarray(k, dtype=np.float64)
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
