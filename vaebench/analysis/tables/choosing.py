"""Choosing hyperparameters: whether the choice holds on another seed, metric or data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from vaebench.analysis.distributions import ranks
from vaebench.analysis.resampling import FloatArray
from vaebench.analysis.robust import once_and, ratio_over_seeds
from vaebench.analysis.sample import Sample
from vaebench.analysis.tables.record import Needs, Rows, table
from vaebench.measures import STUDY, SUPERVISED

LEAST_CELLS = 5
"""Cells that a rank correlation needs: of three, chance alone gives 1 or -1 in a third of cases."""

_IDENTITY = ("model", "strength_name", "strength", "parameters", "warmup_steps")


def chosen(scores: FloatArray) -> FloatArray:
    """Chooses the best cell by each metric with each seed.

    Args:
        scores: [M, K, S] metrics × cells × seeds; NaN where there is no run.

    Returns:
        [M, K, S] the share of the choice that each cell has: 1 for the best, equal shares where
        several are, 0 for all where no cell has a run.
    """
    filled = np.where(np.isnan(scores), -np.inf, scores)
    best = (filled == filled.max(axis=1, keepdims=True)) & np.isfinite(scores)
    return np.asarray(best / np.maximum(best.sum(axis=1, keepdims=True), 1))


def standing(scores: FloatArray) -> FloatArray:
    """Computes how probably each cell beats one that is drawn uniformly with the same seed.

    The drawn cell may be the cell itself, which is a tie, and a tie is half a win.

    Args:
        scores: [M, K, S] metrics × cells × seeds; NaN where there is no run.

    Returns:
        [M, K, S] probabilities, which average to ½ over the cells; NaN where there is no run.
    """
    ranked = ranks(scores, axis=1)
    present = np.sum(~np.isnan(scores), axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray((ranked - 0.5) / present)


def choice_against_chance(
    source: FloatArray, target: FloatArray, *, same_metric: bool
) -> FloatArray:
    """Judges on one data set, with each other seed, the cells that were chosen on another.

    Args:
        source: [M, K, S] scores of the data set to choose on; NaN where there is no run.
        target: [M, K, S] scores of the data set to judge on: the same metrics, cells and seeds.
            Cells that one of the two lacks altogether are not chosen and not drawn.
        same_metric: Judge by the metric that chose, or by each of the others.

    Returns:
        [2, S, S], the choosing seed first, 0 where both are the same: the sum over metrics
        of the probability to win, and how many choices it is the sum of. A choice whose run is
        missing under the judging seed counts in neither.
    """
    common = ~(np.isnan(source).all(axis=(0, 2)) | np.isnan(target).all(axis=(0, 2)))
    if not common.any():
        return np.zeros((2, source.shape[2], source.shape[2]))
    choice, judge = chosen(source[:, common]), standing(target[:, common])
    known = (~np.isnan(judge)).astype(np.float64)
    results = np.zeros((2, source.shape[2], source.shape[2]))
    for place, what in enumerate((np.nan_to_num(judge), known)):
        total = np.einsum("mki,mkj->ij", choice, what, optimize=True)
        if not same_metric:
            total = np.einsum("ki,kj->ij", choice.sum(0), what.sum(0), optimize=True) - total
        np.fill_diagonal(total, 0.0)
        results[place] = total
    return results


@table(
    "same_metric same_dataset probability low high",
    title="Do hyperparameters that were chosen elsewhere beat chance?",
    needs=Needs(seeds=2, cells=2, metrics=(STUDY,)),
    note=(
        "How probably the cell that is best by one metric, on one data set, with one seed beats a "
        "uniformly drawn cell by the same or another metric, on the same or another data set, "
        "with another seed. Exact: no draws. ½ is chance."
    ),
)
def selection(samples: Sequence[Sample]) -> Rows:
    r"""Judges hyperparameters that were chosen by another metric, data set or seed.

    For metric m, data set d and seed i the best cell is chosen (equally good ones share the
    choice). It wins against a uniformly drawn cell of data set e, judged by metric n with seed
    :math:`j \ne i`, a tie being half a win; both runs have seed j. The average is over all
    choices of one sort of pair: first over metrics and seeds of a pair of data sets, then over
    pairs of data sets.

    The drawn cell may be the chosen one, as nothing in the paper keeps it out of a "randomly
    selected model"; that is a tie. Were it kept out, p would be :math:`½ + (p - ½) K / (K - 1)`
    with K cells. The paper draws 10,000 times and counts a tie as won (both from memory: its code
    was not published). Cells that are identical by construction count once; cells of two
    data sets are the same where model and all hyperparameters are.

    References:
        Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of
        Disentangled Representations, ICML 2019, section 5.4 and Table 1,
        https://arxiv.org/abs/1811.12359
    """
    pooled = [sample.pooled for sample in samples]
    names = [name for name in STUDY if any(sample.having([name]) for sample in pooled)]
    cells = list(dict.fromkeys(cell for sample in pooled for cell in identities(sample)))
    seeds = np.unique(np.concatenate([sample.seeds for sample in pooled]))
    scores, weights = [], []
    for sample in pooled:
        row = pd.Index(cells).get_indexer(identities(sample))
        column = np.searchsorted(seeds, sample.seeds)
        block = np.full((len(names), len(cells), len(seeds)), np.nan)
        for place, name in enumerate(names):
            if name in sample.runs.columns:
                block[place][np.ix_(row, column)] = sample.grid(name)
        weight = np.zeros((1 + len(sample.weights), len(seeds)))
        weight[:, column] = once_and(sample.weights)
        scores.append(block)
        weights.append(weight)
    rows: Rows = []
    for same_metric in (True, False):
        for same_dataset in (True, False):
            parts = []
            choices = 0.0
            for d, e in _pairs(pooled, same=same_dataset):
                won, number = choice_against_chance(scores[d], scores[e], same_metric=same_metric)
                if number.any():
                    choices += float(number.sum())
                    parts.append(ratio_over_seeds(won, number, weights[d], weights[e]))
            if parts:
                draws = np.mean(parts, axis=0)
                fewest = min(len(sample.seeds) for sample in pooled)
                low, high = pooled[0].resampling.interval(draws[1:], fewest, draws[0])
                rows.append(
                    {
                        "same_metric": same_metric,
                        "same_dataset": same_dataset,
                        "probability": draws[0],
                        "low": float(low),
                        "high": float(high),
                        "choices": round(choices),
                    }
                )
    return rows


def _nothing_to_compare(samples: Sequence[Sample]) -> str | None:
    if len({sample.dataset for sample in samples}) > 1:
        return None
    if any(len(sample.having(SUPERVISED)) > 1 for sample in samples):
        return None
    return "There is one data set with one metric, and it needs two of either."


@table(
    "dataset_a dataset_b metric spearman",
    title="Do good hyperparameters stay good on other data and by other metrics?",
    needs=Needs(cells=LEAST_CELLS, metrics=(SUPERVISED,)),
    note=(
        "Rank correlation of the cells’ medians over seeds: of a metric between two data sets, "
        "and between two metrics (metric and metric_b) on one."
    ),
    together=_nothing_to_compare,
)
def transfer(samples: Sequence[Sample]) -> Rows:
    """Correlates cells' medians by rank, between data sets and between metrics.

    References:
        Locatello et al. 2019, section 5.4, https://arxiv.org/abs/1811.12359
    """
    medians = [_medians(sample.pooled) for sample in samples]
    rows: Rows = []
    for d, e in _pairs(samples, same=False):
        common = medians[d].index.intersection(medians[e].index, sort=False)
        for name in medians[d].columns.intersection(medians[e].columns, sort=False):
            a, b = medians[d].loc[common, name], medians[e].loc[common, name]
            rows += _transferred(samples[d], samples[e], (name, name), a, b)
    for sample, own in zip(samples, medians, strict=True):
        for a in own.columns:
            for b in own.columns.drop(a):
                rows += _transferred(sample, sample, (a, b), own[a], own[b])
    return rows


def identities(sample: Sample) -> list[tuple[object, ...]]:
    """Names the cells of a sample by model and hyperparameters, in the order of `sample.cells`."""
    columns = [name for name in _IDENTITY if name in sample.runs.columns]
    first = sample.runs.drop_duplicates("cell")[columns].astype(object)
    return list(first.where(first.notna(), None).itertuples(index=False, name=None))


def _pairs(samples: Sequence[Sample], *, same: bool) -> Iterator[tuple[int, int]]:
    """Yields a setting with itself, or with every setting on another data set."""
    for d, first in enumerate(samples):
        for e, second in enumerate(samples):
            if (d == e) if same else (first.dataset != second.dataset):
                yield d, e


def _medians(sample: Sample) -> pd.DataFrame:
    """Computes the cells' medians over seeds: a row per cell, a column per metric."""
    found = {}
    for name in sample.having(SUPERVISED):
        grid = pd.DataFrame(sample.grid(name))
        found[name] = grid.median(axis=1).to_numpy()
    index = pd.Index(identities(sample), tupleize_cols=False)
    return pd.DataFrame(found, index=index)


def _transferred(
    a: Sample, b: Sample, metrics: tuple[str, str], left: pd.Series, right: pd.Series
) -> Rows:
    x, y = left.to_numpy(), right.to_numpy()
    known = np.isfinite(x) & np.isfinite(y)
    both = ranks(np.stack([x[known], y[known]]))
    if known.sum() < LEAST_CELLS or np.any(np.ptp(both, axis=1) == 0):
        return []
    row = {
        "dataset_a": a.dataset,
        "dataset_b": b.dataset,
        "metric": metrics[0],
        "spearman": float(np.corrcoef(both[0], both[1])[0, 1]),
        "metric_b": metrics[1],
        "cells": int(known.sum()),
        "setting_a": a.setting,
        "setting_b": b.setting,
    }
    return [row]
