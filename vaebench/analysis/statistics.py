"""Means with intervals over seeds, and how much of a metric's variance each choice explains."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from vaebench.analysis.distributions import student_quantile


@dataclass(frozen=True)
class MeanInterval:
    """A mean over seeds, or over folds, with its confidence interval.

    Attributes:
        mean: The mean.
        low: Lower end of the interval; None with a single value.
        high: Upper end of the interval; None with a single value.
        runs: How many values it is the mean of.
    """

    mean: float
    low: float | None
    high: float | None
    runs: int

    @property
    def half_width(self) -> float | None:
        """Distance from the mean to either end; None with a single value."""
        return None if self.high is None else self.high - self.mean


def mean_interval(
    values: Iterable[float | None], *, confidence: float = 0.95, folds: int | None = None
) -> MeanInterval | None:
    r"""Computes the mean and the interval that Student's t distribution gives for it.

    Runs of different folds of a cross-validation share training data, so that their mean varies
    more than its standard error says. With k folds the variance of the mean of J of them is taken
    to be :math:`(1/J + 1/(k - 1))\, s^2` instead of :math:`s^2 / J`: the correction of Nadeau and
    Bengio, with the test set 1/(k - 1) times as large as the training set.

    Args:
        values: One value per run, or per fold; None, NaN and infinite ones are left out.
        confidence: Coverage of the interval.
        folds: Number of folds k of the cross-validation that the values are of; None where every
            value is of a training of its own.

    Returns:
        The interval, without ends for a single value; None where no value is left.

    References:
        Nadeau & Bengio, Inference for the Generalization Error, Machine Learning 52, 2003,
        pp. 239-281. For folds instead of random splits: Bouckaert & Frank, Evaluating the
        Replicability of Significance Tests for Comparing Learning Algorithms, PAKDD 2004 (from
        memory).
    """
    kept = _finite(values)
    count = len(kept)
    if count == 0:
        return None
    mean = float(kept.mean())
    if count == 1:
        return MeanInterval(mean, None, None, 1)
    shared = 0.0 if folds is None else 1 / (folds - 1)
    error = float(kept.std(ddof=1)) * math.sqrt(1 / count + shared)
    half = float(student_quantile(0.5 + confidence / 2, count - 1)) * error
    return MeanInterval(mean, mean - half, mean + half, count)


def run_interval(runs: pd.DataFrame, name: str) -> MeanInterval | None:
    """Averages a metric over runs, knowing folds from seeds.

    Folds cut the data the same way for every seed. So where runs are of folds, seeds are averaged
    within each first, and the interval is that of the folds.

    Args:
        runs: Runs, as `vaebench.analysis.runs` gives them; `folds` and `fold` are used where it
            has them.
        name: The metric.

    Returns:
        The interval, see `mean_interval`, with the number of runs; None where none has a value.
    """
    if "folds" not in runs.columns or runs["folds"].isna().all():
        return mean_interval(runs[name])
    values = runs[name].where(np.isfinite(runs[name])).dropna()
    found = mean_interval(values.groupby(runs["fold"]).mean(), folds=int(runs["folds"].max()))
    return None if found is None else replace(found, runs=len(values))


@dataclass(frozen=True)
class RSquared:
    """The part of a metric's variance that a grouping of the runs explains.

    Attributes:
        value: Sum of squares between groups over the total, 0 to 1.
        chance: What groups of these sizes explain on average when they mean nothing at all.
        adjusted: `value` corrected for chance, 0 on average for such groups; None where every
            run has a group of its own.
        groups: Number of groups.
        runs: Number of runs.
    """

    value: float
    chance: float
    adjusted: float | None
    groups: int
    runs: int


def r_squared(values: Sequence[float], groups: Sequence[Hashable]) -> RSquared | None:
    r"""Computes the R² of predicting a metric from a grouping of its runs.

    It equals the R² of ordinary least squares on one indicator per group, and sums of squares
    need no balance: groups may differ in size. With k groups among n runs, groups drawn at
    random explain :math:`(k - 1) / (n - 1)` on average, which is near 1 where seeds are few.

    Args:
        values: The metric [n], finite.
        groups: The group of each run [n].

    Returns:
        The R², or None with fewer than two runs or where the metric is constant.

    References:
        Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of
        Disentangled Representations, ICML 2019, section 5.3 (from memory), https://arxiv.org/abs/1811.12359
    """
    array = np.asarray(values, dtype=np.float64)
    count = len(array)
    if count < 2 or len(groups) != count:
        return None
    total = float(np.sum((array - array.mean()) ** 2))
    if total <= count * (1e-12 * float(np.abs(array).max())) ** 2:
        return None
    codes, names = pd.factorize(pd.Series(list(groups), dtype=object))
    number = len(names)
    sizes = np.bincount(codes, minlength=number)
    means = np.bincount(codes, weights=array, minlength=number) / sizes
    within = float(np.sum((array - means[codes]) ** 2))
    value = min(max(1.0 - within / total, 0.0), 1.0)
    chance = (number - 1) / (count - 1)
    adjusted = None if number == count else 1 - (1 - value) * (count - 1) / (count - number)
    return RSquared(value, chance, adjusted, number, count)


def summarise(frame: pd.DataFrame, by: Sequence[str], measures: Sequence[str]) -> pd.DataFrame:
    """Averages runs by group, with the intervals of `run_interval`.

    Args:
        frame: One row per run, as `vaebench.analysis.runs` gives it.
        by: Columns that make a group, such as `["model", "strength"]`; NULL is a value too.
        measures: Columns to average.

    Returns:
        One row per group in the order of first appearance: `by`, `runs`, and for each measure
        `NAME_mean`, `NAME_low` and `NAME_high` (NaN where there is none).
    """
    rows = []
    for key, group in frame.groupby(list(by), sort=False, dropna=False):
        row = dict(zip(by, key, strict=True)) | {"runs": len(group)}
        for name in measures:
            found = run_interval(group, name)
            row[f"{name}_mean"] = math.nan if found is None else found.mean
            for end in ("low", "high"):
                value = None if found is None else getattr(found, end)
                row[f"{name}_{end}"] = math.nan if value is None else value
        rows.append(row)
    ends = [f"{name}_{part}" for name in measures for part in ("mean", "low", "high")]
    return pd.DataFrame(rows, columns=[*by, "runs", *ends])


def _finite(values: Iterable[float | None]) -> npt.NDArray[np.float64]:
    array = np.array([math.nan if v is None else v for v in values], dtype=np.float64)
    return array[np.isfinite(array)]
