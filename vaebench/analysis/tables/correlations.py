"""Whether metrics agree: rank correlations among themselves, with label-free ones, with tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vaebench.analysis.ranks import Correlation, correlate, rank_parts
from vaebench.analysis.resampling import FloatArray
from vaebench.analysis.sample import IntArray, Sample
from vaebench.analysis.tables.record import Needs, Rows, table
from vaebench.measures import SUPERVISED, UNSUPERVISED
from vaebench.metrics.downstream import TASKS

LEAST_RUNS = 5
"""Runs that a rank correlation needs: of three, chance alone gives 1 or -1 in a third of cases."""

RANKED_RUNS = 5
"""Runs of a cell below which UDR is not to be trusted."""

THIRDS = ("lowest", "middle", "highest")
"""Thirds of the runs by a metric."""

_POOLED = "Identical runs count once; intervals from resampling seeds."


def few_ranked(sample: Sample) -> str | None:
    """Warns of a UDR of few runs; None where it has enough, or where there is none."""
    if not sample.having(["udr"]) or len(sample.seeds) >= RANKED_RUNS:
        return None
    return (
        f"compares {len(sample.seeds)} runs of a cell for UDR, which is unreliable below "
        f"{RANKED_RUNS}"
    )


@table(
    "dataset metric_a metric_b spearman low high runs",
    title="Do the metrics agree?",
    needs=Needs(runs=LEAST_RUNS, metrics=(SUPERVISED,), of_each=2),
    note=(
        "Spearman’s rank correlation of every two metrics over all runs of a data set, of the "
        f"mean representation. {_POOLED}"
    ),
)
def metric_correlation(samples: Sequence[Sample]) -> Rows:
    """Correlates every metric with every metric, over all runs of a data set.

    References:
        Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of
        Disentangled Representations, ICML 2019, section 5.2 (from memory),
        https://arxiv.org/abs/1811.12359
    """
    rows: Rows = []
    for sample in (each.pooled for each in samples):
        names = sample.having(SUPERVISED)
        rows += _rows(sample, "metric_a", names, "metric_b", names)
    return rows


@table(
    "dataset unsupervised metric spearman low high runs",
    title="Can a model be chosen without labels?",
    needs=Needs(runs=LEAST_RUNS, metrics=(UNSUPERVISED, SUPERVISED)),
    note=(
        "Spearman’s rank correlation of what is known without labels with every metric, over all "
        "runs, and (within_) over the runs of a cell, where only the seed differs: ranks within "
        "the cell, their covariances pooled over cells. UDR is of runs that score each other: "
        "it changes when a cell gets another run, and its runs are not independent. "
        f"{_POOLED}"
    ),
    caution=few_ranked,
)
def unsupervised_correlation(samples: Sequence[Sample]) -> Rows:
    """Correlates what is known without labels with every metric, over all runs and within cells.

    References:
        Locatello et al. 2019, section 5.4 (from memory). UDR: Duan et al., Unsupervised Model
        Selection for Variational Disentangled Representation Learning, ICLR 2020,
        https://arxiv.org/abs/1905.12614; that it needs five models or more: from memory.
    """
    rows: Rows = []
    for sample in (each.pooled for each in samples):
        names, metrics = sample.having(UNSUPERVISED), sample.having(SUPERVISED)
        rows += _rows(sample, "unsupervised", names, "metric", metrics, within=True)
    return rows


@table(
    "dataset downstream metric spearman low high runs",
    title="Does disentanglement help downstream?",
    needs=Needs(runs=LEAST_RUNS, metrics=(SUPERVISED,)),
    note=(
        "Spearman’s rank correlation of downstream accuracies, and of the statistical efficiency "
        "(accuracy with 100 labels over that with 10,000), with every metric, over all runs. "
        f"{_POOLED}"
    ),
    lack=lambda sample: None if tasks(sample) else "no downstream accuracies (--scores all)",
)
def downstream_correlation(samples: Sequence[Sample]) -> Rows:
    """Correlates downstream accuracies and efficiencies with every metric.

    References:
        Locatello et al. 2019, section 5.5 (from memory).
    """
    rows: Rows = []
    for sample in (each.pooled for each in samples):
        rows += _rows(sample, "downstream", tasks(sample), "metric", sample.having(SUPERVISED))
    return rows


@table(
    "dataset metric third predictor labels mean low high runs",
    title="Accuracy over the number of labels",
    needs=Needs(runs=9, metrics=(SUPERVISED,)),
    note=(
        "Mean downstream accuracy over the number of labels, of the lowest, middle and highest "
        "third of the runs by each metric; runs with the same value are in the same third. "
        f"{_POOLED}"
    ),
    lack=lambda sample: None if tasks(sample) else "no downstream accuracies (--scores all)",
)
def downstream_curves(samples: Sequence[Sample]) -> Rows:
    """Averages downstream accuracies over thirds of the runs by each metric."""
    return [row for each in samples for row in _curves(each.pooled)]


def tasks(sample: Sample) -> list[str]:
    """Returns the downstream scores that a sample has: by predictor, labels, then efficiency."""
    every = [name for name in sample.runs.columns if name in TASKS]
    return sorted(sample.having(every), key=_task_order)


def _task_order(name: str) -> tuple[bool, float]:
    task = TASKS[name]
    return task.predictor != "logistic", float("inf") if task.labels is None else task.labels


def _rows(
    sample: Sample,
    left_column: str,
    left: list[str],
    right_column: str,
    right: list[str],
    *,
    within: bool = False,
) -> Rows:
    """Makes a row of every pair that enough runs have."""
    found = correlate(sample, left, right)
    inside = correlate(sample, left, right, within=True) if within else None
    rows: Rows = []
    for i, j in np.argwhere(found.runs >= LEAST_RUNS):
        named = {"dataset": sample.dataset, left_column: left[i], right_column: right[j]}
        more = _figures(inside, i, j, "within_") if inside else {}
        rows.append(named | _figures(found, i, j) | more | {"setting": sample.setting})
    return rows


def _figures(found: Correlation, i: int, j: int, prefix: str = "") -> dict[str, float]:
    return {
        f"{prefix}spearman": float(found.value[i, j]),
        f"{prefix}low": float(found.low[i, j]),
        f"{prefix}high": float(found.high[i, j]),
        f"{prefix}runs": int(found.runs[i, j]),
    }


def _curves(sample: Sample) -> Rows:
    names = [name for name in tasks(sample) if _labels(name) is not None]
    accuracy = np.stack([sample.values(name) for name in names], axis=1)
    weights = np.concatenate([np.ones((1, len(sample.seeds))), sample.weights])
    rows: Rows = []
    for metric in sample.having(SUPERVISED):
        kept = np.isfinite(sample.values(metric)) & np.isfinite(accuracy).all(axis=1)
        if kept.sum() < 9:
            continue
        means, sizes = _thirds(
            sample.values(metric)[kept], sample.seed_codes[kept], accuracy[kept], weights
        )
        low, high = sample.interval(means[1:], means[0])
        for place, word in enumerate(THIRDS):
            for which, name in enumerate(names):
                task = TASKS[name]
                rows.append(
                    {
                        "dataset": sample.dataset,
                        "metric": metric,
                        "third": word,
                        "predictor": task.predictor,
                        "labels": task.labels,
                        "mean": means[0, place, which],
                        "low": low[place, which],
                        "high": high[place, which],
                        "runs": int(sizes[place]),
                        "setting": sample.setting,
                    }
                )
    return rows


def _thirds(
    values: FloatArray, seeds: IntArray, tasks: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Averages tasks over thirds by a metric, which every resample makes anew.

    Args:
        values: The metric [n].
        seeds: Seed of each run [n].
        tasks: Accuracies [n, T].
        weights: Number of times each seed was drawn [R, K].

    Returns:
        The means [R, 3, T], NaN where ties leave a third empty, and the sizes of the thirds in
        the first row of weights [3].
    """
    blocks = np.zeros(len(values), dtype=np.intp)
    parts = rank_parts(values, seeds, blocks, weights.shape[1]).astype(np.float32)
    sums = np.concatenate([tasks, np.ones((len(tasks), 1))], axis=1).astype(np.float32)
    found = np.empty((len(weights), 3, tasks.shape[1]))
    sizes = np.empty((len(weights), 3))
    step = max(1, 1_000_000 // len(values))
    for start in range(0, len(weights), step):
        drawn = weights[start : start + step].astype(np.float32)
        each = drawn[:, seeds]
        cut = each.sum(axis=1, keepdims=True) / 6
        rank = drawn @ parts
        every = each @ sums
        lowest = np.where(rank < -cut, each, 0) @ sums
        highest = np.where(rank >= cut, each, 0) @ sums
        total = np.stack([lowest, every - lowest - highest, highest], axis=1)
        size = total[:, :, -1:]
        sizes[start : start + step] = size[:, :, 0]
        with np.errstate(invalid="ignore", divide="ignore"):
            found[start : start + step] = np.where(size > 0.5, total[:, :, :-1] / size, np.nan)
    return found, sizes[0]


def _labels(name: str) -> int | None:
    return TASKS[name].labels if name in TASKS else None
