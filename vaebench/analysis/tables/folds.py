"""The choice of a strength by cross-validation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from vaebench.analysis.sample import Sample
from vaebench.analysis.statistics import mean_interval, run_interval
from vaebench.analysis.tables.record import Needs, Rows, table
from vaebench.measures import FIT, SUPERVISED, Names, measure

CRITERIA = Names(lambda: tuple(n for n in (*FIT, *SUPERVISED) if measure(n).better is not None))
"""Metrics that a strength can be chosen by: those of which one direction is the better."""


@table(
    "dataset model strength metric mean low high chosen",
    title="The choice of the strength by cross-validation",
    needs=Needs(folds=2, strengths=2, metrics=(CRITERIA,)),
    note=(
        "Means over folds of what is held out; chosen is the strength whose mean is best. "
        "Folds share training data: intervals are wider than Student’s by Nadeau and Bengio’s "
        "correction. difference is to the chosen strength, fold by fold; one whose interval holds "
        "0 was as good. The ELBO is the objective at beta 1, so it favours beta near 1 by its "
        "definition."
    ),
    resampled=False,
)
def cross_validation(samples: Sequence[Sample]) -> Rows:
    """Averages every metric over folds, by model and strength, and marks the best strength.

    References:
        Nadeau & Bengio, Inference for the Generalization Error, Machine Learning 52, 2003,
        pp. 239-281.
    """
    rows: Rows = []
    for sample in samples:
        for metric in sample.having(CRITERIA):
            for _, runs in sample.runs.groupby("model", sort=False):
                rows += _choice(sample, runs, metric)
    return rows


def _choice(sample: Sample, runs: pd.DataFrame, metric: str) -> Rows:
    """Makes the rows of one model and metric; none for a model of one strength."""
    by_fold = runs.pivot_table(index="fold", columns="cell", values=metric, sort=False)
    if by_fold.shape[1] < 2:
        return []
    means = by_fold.mean()
    best = means.idxmax() if measure(metric).better == "higher" else means.idxmin()
    folds = int(runs["folds"].max()) if "folds" in runs.columns else len(by_fold)
    rows: Rows = []
    for cell, group in runs.groupby("cell", sort=False):
        found = run_interval(group.assign(folds=folds), metric)
        if found is None:
            continue
        apart = mean_interval(by_fold[cell] - by_fold[best], folds=folds)
        low, high = (None, None) if apart is None or cell == best else (apart.low, apart.high)
        first = group.iloc[0]
        rows.append(
            {
                "dataset": sample.dataset,
                "model": first["model"],
                "strength": first["strength"],
                "metric": metric,
                "mean": found.mean,
                "low": _or_nan(found.low),
                "high": _or_nan(found.high),
                "chosen": cell == best,
                "runs": found.runs,
                "folds": folds,
                "difference": math.nan if apart is None else apart.mean,
                "difference_low": _or_nan(low),
                "difference_high": _or_nan(high),
                "cell": cell,
                "setting": sample.setting,
            }
        )
    return rows


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
