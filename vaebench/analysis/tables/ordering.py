"""How probably each model has each rank, and how far metrics agree on the ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vaebench.analysis.distributions import ranks
from vaebench.analysis.resampling import LEAST_SEEDS, FloatArray
from vaebench.analysis.robust import interquartile_mean, once_and
from vaebench.analysis.sample import Sample
from vaebench.analysis.tables.record import Needs, Rows, table
from vaebench.analysis.tables.reliability import model_runs
from vaebench.measures import SUPERVISED


@table(
    "dataset metric model rank probability",
    title="Which model is best, and how sure is it?",
    needs=Needs(seeds=LEAST_SEEDS, models=2, metrics=(SUPERVISED,)),
    note=(
        "How often each model has each rank (1 is best) by its interquartile mean when seeds are "
        "resampled. Kendall’s W, with its interval, tells how far metrics agree on the ranks: "
        "1 is alike, 0 is not at all."
    ),
)
def ranking(samples: Sequence[Sample]) -> Rows:
    """Ranks the models in every resample of the seeds, by the IQM of their runs."""
    rows: Rows = []
    for sample in samples:
        weights = once_and(sample.weights)
        found = {
            name: {
                model: interquartile_mean(values, seeds, weights)
                for model, (values, seeds) in model_runs(sample, name)
            }
            for name in sample.having(SUPERVISED)
        }
        whole = [list(each.values()) for each in found.values() if len(each) == len(sample.models)]
        agreement = kendall_w(np.array(whole).transpose(2, 0, 1)) if whole else np.array([np.nan])
        low, high = (
            sample.interval(agreement[1:], agreement[0]) if len(agreement) > 1 else (np.nan, np.nan)
        )
        for name, figures in found.items():
            chances = rank_probabilities(np.array(list(figures.values()))[:, 1:])
            rows += [
                {
                    "dataset": sample.dataset,
                    "metric": name,
                    "model": model,
                    "rank": rank + 1,
                    "probability": chance,
                    "kendall_w": float(agreement[0]),
                    "kendall_low": float(low),
                    "kendall_high": float(high),
                    "metrics": len(whole),
                    "setting": sample.setting,
                }
                for model, each in zip(figures, chances, strict=True)
                for rank, chance in enumerate(each)
            ]
    return rows


def rank_probabilities(figures: FloatArray) -> FloatArray:
    """Computes how often each model has each rank over resamples.

    Args:
        figures: A figure of each model in each resample [models, B], higher is better; NaN
            where a resample holds no run of a model: it is left out.

    Returns:
        [models, ranks] probabilities, the best rank first; every row and column sums to 1.
        Models with equal figures share their ranks equally. NaN where no resample is whole.
    """
    whole = figures[:, ~np.isnan(figures).any(axis=0)]
    models = len(figures)
    if not whole.size:
        return np.full((models, models), np.nan)
    better = np.sum(whole[None, :, :] > whole[:, None, :], axis=1)
    tied = np.sum(whole[None, :, :] == whole[:, None, :], axis=1)
    rank = np.arange(models)[None, :, None]
    held = (better[:, None, :] <= rank) & (rank < (better + tied)[:, None, :])
    return np.asarray(np.mean(held / tied[:, None, :], axis=2))


def kendall_w(figures: FloatArray) -> FloatArray:
    r"""Computes Kendall's coefficient of concordance W, corrected for ties.

    .. math:: W = \frac{12 \sum_i (R_i - \bar R)^2}{m^2 (n^3 - n) - m \sum_j \sum (t^3 - t)}

    Args:
        figures: [..., m, n] what m metrics say of n models.

    Returns:
        [...] 1 where all metrics rank the models alike, 0 where their ranks cancel; NaN with one
        metric, one model, where a figure is NaN or no metric tells models apart.

    References:
        Kendall & Babington Smith, The Problem of m Rankings, 1939,
        https://doi.org/10.1214/aoms/1177732186
    """
    metrics, models = figures.shape[-2:]
    if metrics < 2 or models < 2:
        return np.full(figures.shape[:-2], np.nan)
    ranked = ranks(figures)
    tied = np.sum(figures[..., :, None] == figures[..., None, :], axis=-1)
    ties = np.sum(tied.astype(np.float64) ** 2 - 1, axis=(-2, -1))
    total = metrics**2 * (models**3 - models) - metrics * ties
    spread = np.sum((ranked.sum(axis=-2) - metrics * (models + 1) / 2) ** 2, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(total > 0, 12 * spread / total, np.nan))
