"""What to know before trusting scores: collapsed runs, and the noise of evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vaebench.analysis.distributions import wilson
from vaebench.analysis.sample import Sample
from vaebench.analysis.tables.record import Needs, Rows, table
from vaebench.measures import ERROR, SUPERVISED, Names

ERRORS = Names(lambda: tuple(f"{name}{ERROR}" for name in SUPERVISED))
"""The standard errors that their evaluations have."""


@table(
    "dataset model strength runs collapsed low high",
    title="How many runs collapsed?",
    needs=Needs(runs=1, metrics=(("active_units",),)),
    note="Runs without an active unit, with Wilson’s 95 % interval of their share.",
    versions=False,
    resampled=False,
)
def collapse(samples: Sequence[Sample]) -> Rows:
    """Counts the runs without an active unit.

    The interval takes the runs of a cell, whose seeds differ, as independent.
    """
    rows: Rows = []
    for sample in samples:
        known = sample.runs[sample.runs["active_units"].notna()]
        for (model, strength), runs in known.groupby(
            ["model", "strength"], sort=False, dropna=False
        ):
            number = int(runs["collapsed"].sum())
            low, high = wilson(number, len(runs))
            rows.append(
                {
                    "dataset": sample.dataset,
                    "model": model,
                    "strength": strength,
                    "runs": len(runs),
                    "collapsed": number,
                    "low": low,
                    "high": high,
                    "setting": sample.setting,
                }
            )
    return rows


@table(
    "dataset metric share",
    title="How much of the spread over seeds is the evaluation’s own?",
    needs=Needs(seeds=2, metrics=(SUPERVISED, ERRORS)),
    note=(
        "Variance of a score over other points of the same representation, as stored with it, "
        "over its variance within cells. Near 1, the seeds cannot be told apart."
    ),
)
def evaluation_noise(samples: Sequence[Sample]) -> Rows:
    """Divides the variance of a score's own evaluation by its variance within cells.

    The first is the mean over runs of the square of half the stored 95 % interval over 1.96, the
    second pools the cells' variances over seeds, and holds the first as a part. Only runs with
    an interval count. With few seeds the ratio may exceed 1.
    """
    rows: Rows = []
    for sample in (each.pooled for each in samples):
        for name in sample.having(SUPERVISED):
            if not sample.having([f"{name}{ERROR}"]):
                continue
            values, errors = sample.values(name), sample.values(f"{name}{ERROR}")
            kept = np.isfinite(values) & np.isfinite(errors)
            codes = sample.cell_codes[kept]
            counts = np.bincount(codes)
            means = np.bincount(codes, weights=values[kept]) / np.maximum(counts, 1)
            squares = float(np.sum((values[kept] - means[codes]) ** 2))
            freedom = int(np.sum(np.maximum(counts - 1, 0)))
            noise = float(np.mean(errors[kept] ** 2))
            scale = float(np.max(np.abs(values[kept]), initial=0.0))
            if freedom == 0 or squares <= freedom * (1e-12 * scale) ** 2:
                continue
            rows.append(
                {
                    "dataset": sample.dataset,
                    "metric": name,
                    "share": noise / (squares / freedom),
                    "noise": noise**0.5,
                    "within": (squares / freedom) ** 0.5,
                    "runs": int(kept.sum()),
                    "setting": sample.setting,
                }
            )
    return rows
