"""Models compared over all their runs, after Agarwal et al. 2021 (rliable)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from vaebench.analysis.resampling import FloatArray
from vaebench.analysis.robust import (
    interquartile_mean,
    once_and,
    performance_profile,
    probability_of_improvement,
)
from vaebench.analysis.sample import IntArray, Sample
from vaebench.analysis.tables.record import Needs, Rows, table
from vaebench.measures import SUPERVISED

ALL = "all"
"""Name in the column `dataset` of what pools all data sets."""

THRESHOLDS = 41
"""Thresholds of a performance profile, evenly from the lowest run of a data set to the highest."""


@table(
    "dataset model metric iqm low high runs",
    title="How good is each model, whatever its strength and seed?",
    needs=Needs(metrics=(SUPERVISED,)),
    note=(
        "Mean of the middle half of a model’s runs over all strengths and seeds; intervals "
        "from resampling seeds. The data set “all” pools all runs."
    ),
)
def iqm(samples: Sequence[Sample]) -> Rows:
    """Averages the middle half of each model's runs, see `interquartile_mean`.

    References:
        Agarwal et al. 2021, section 4.3, https://arxiv.org/abs/2108.13264
    """
    rows: Rows = []
    for sample in samples:
        weights = once_and(sample.weights)
        for name in sample.having(SUPERVISED):
            found = dict(model_runs(sample, name))
            draws = np.stack([interquartile_mean(*each, weights) for each in found.values()], 1)
            low, high = sample.interval(draws[1:], draws[0])
            rows += [
                {
                    "dataset": sample.dataset,
                    "model": model,
                    "metric": name,
                    "iqm": draws[0, place],
                    "low": low[place],
                    "high": high[place],
                    "runs": len(values),
                    "setting": sample.setting,
                }
                for place, (model, (values, _)) in enumerate(found.items())
            ]
    if len({sample.dataset for sample in samples}) > 1:
        rows += _iqm_of_all(samples)
    return rows


def _iqm_of_all(samples: Sequence[Sample]) -> Rows:
    rows: Rows = []
    weights = once_and(np.concatenate([sample.weights for sample in samples], axis=1))
    offsets = np.cumsum([0, *(len(sample.seeds) for sample in samples)])
    fewest = min(len(sample.seeds) for sample in samples)
    for name in SUPERVISED:
        parts: dict[str, list[tuple[FloatArray, IntArray]]] = {}
        for sample, offset in zip(samples, offsets, strict=False):
            for model, (values, seeds) in model_runs(sample, name):
                parts.setdefault(model, []).append((values, seeds + offset))
        for model, found in parts.items():
            values = np.concatenate([part[0] for part in found])
            seeds = np.concatenate([part[1] for part in found])
            draws = interquartile_mean(values, seeds, weights)
            low, high = samples[0].resampling.interval(draws[1:], fewest, draws[0])
            rows.append(
                {
                    "dataset": ALL,
                    "model": model,
                    "metric": name,
                    "iqm": draws[0],
                    "low": float(low),
                    "high": float(high),
                    "runs": len(values),
                }
            )
    return rows


@table(
    "dataset metric model_a model_b probability low high",
    title="How probably does a run of one model beat a run of another?",
    needs=Needs(models=2, metrics=(SUPERVISED,)),
    note=(
        "P(a > b) + ½ P(a = b) over all pairs of runs of the two models, whatever their "
        "strengths and seeds. ½ is chance."
    ),
)
def improvement(samples: Sequence[Sample]) -> Rows:
    """Computes the probability of improvement of every model over every other.

    References:
        Agarwal et al. 2021, section 4.3, https://arxiv.org/abs/2108.13264
    """
    rows: Rows = []
    for sample in samples:
        weights = once_and(sample.weights)
        for name in sample.having(SUPERVISED):
            models, tables = zip(*model_tables(sample, name), strict=True)
            draws = probability_of_improvement(tables, weights)
            low, high = sample.interval(draws[1:], draws[0])
            rows += [
                {
                    "dataset": sample.dataset,
                    "metric": name,
                    "model_a": models[a],
                    "model_b": models[b],
                    "probability": draws[0, a, b],
                    "low": low[a, b],
                    "high": high[a, b],
                    "setting": sample.setting,
                }
                for a in range(len(models))
                for b in range(len(models))
                if a != b
            ]
    return rows


@table(
    "dataset metric model threshold share low high",
    title="Which share of a model’s runs is better than that?",
    needs=Needs(metrics=(SUPERVISED,)),
    note="Share of the runs above each threshold; intervals hold threshold by threshold.",
)
def profiles(samples: Sequence[Sample]) -> Rows:
    """Computes performance profiles: the share of a model's runs above each threshold.

    References:
        Agarwal et al. 2021, section 4.2, https://arxiv.org/abs/2108.13264
    """
    rows: Rows = []
    for sample in samples:
        for name in sample.having(SUPERVISED):
            known = sample.values(name)
            ends = np.nanmin(known), np.nanmax(known)
            thresholds = np.linspace(*ends, THRESHOLDS) if ends[0] < ends[1] else np.array(ends[:1])
            for model, values in model_tables(sample, name):
                draws = performance_profile(values, thresholds, once_and(sample.weights))
                low, high = sample.interval(draws[1:], draws[0])
                rows += [
                    {
                        "dataset": sample.dataset,
                        "metric": name,
                        "model": model,
                        "threshold": thresholds[place],
                        "share": draws[0, place],
                        "low": low[place],
                        "high": high[place],
                        "setting": sample.setting,
                    }
                    for place in range(len(thresholds))
                ]
    return rows


def model_runs(sample: Sample, name: str) -> Iterator[tuple[str, tuple[FloatArray, IntArray]]]:
    """Yields each model's runs that have a metric: values [n] and places of their seeds [n]."""
    if name not in sample.runs.columns:
        return
    values = sample.values(name)
    for code, model in enumerate(sample.models):
        kept = (sample.model_codes == code) & np.isfinite(values)
        if kept.any():
            yield model, (values[kept], sample.seed_codes[kept])


def model_tables(sample: Sample, name: str) -> Iterator[tuple[str, FloatArray]]:
    """Yields each model's metric by run and seed [R, K], R the most runs that a seed has.

    Which run of a seed stands in which row has no meaning; NaN fills the columns up.
    """
    for model, (values, seeds) in model_runs(sample, name):
        order = np.argsort(seeds, kind="stable")
        counts = np.bincount(seeds, minlength=len(sample.seeds))
        row = np.arange(len(seeds)) - np.repeat(np.cumsum(counts) - counts, counts)
        found = np.full((counts.max(), len(sample.seeds)), np.nan)
        found[row, seeds[order]] = values[order]
        yield model, found
