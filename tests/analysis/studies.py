"""Made-up studies with known effects, as frames of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

MODELS = ("betavae_h", "betavae_b", "factorvae", "btcvae", "dipvae_i", "dipvae_ii")
STRENGTHS = (1.0, 2.0, 4.0, 6.0, 8.0, 16.0)


def grid(
    models: tuple[str, ...] = MODELS,
    strengths: tuple[float, ...] = STRENGTHS,
    seeds: int = 5,
    dataset: str = "dsprites",
) -> pd.DataFrame:
    """A run of every model, strength and seed, without metrics."""
    rows = [
        {"dataset": dataset, "model": m, "strength": s, "cell": f"{dataset} {m} {s:g}", "seed": k}
        for m in models
        for s in strengths
        for k in range(seeds)
    ]
    return pd.DataFrame(rows)


def effects(
    frame: pd.DataFrame,
    rng: np.random.Generator,
    *,
    model: Mapping[str, float] | float = 0.0,
    strength: Mapping[str, float] | float = 0.0,
    seed: float = 0.0,
    both: float = 0.0,
    residual: float = 0.0,
) -> np.ndarray:
    """A metric with crossed random effects of known variances, or of known model and cell effects.

    Numbers are variances to draw from; mappings are effects by model, or by cell.
    """
    n = len(frame)
    pair = frame["model"] + " " + frame["seed"].astype(str)
    return (
        _effect(frame["model"], model, rng)
        + _effect(frame["cell"], strength, rng)
        + _effect(frame["seed"].astype(str), seed, rng)
        + _effect(pair, both, rng)
        + np.sqrt(residual) * rng.standard_normal(n)
    )


def _effect(
    levels: pd.Series, size: Mapping[str, float] | float, rng: np.random.Generator
) -> np.ndarray:
    if isinstance(size, Mapping):
        return levels.map(size).to_numpy(dtype=float)
    names = levels.unique()
    drawn = dict(zip(names, np.sqrt(size) * rng.standard_normal(len(names)), strict=True))
    return levels.map(drawn).to_numpy(dtype=float)


def covered(draws: int, truth: float, interval: Callable[[int], tuple[float, float]]) -> float:
    """The share of intervals that hold the truth."""
    found = [interval(i) for i in range(draws)]
    return float(np.mean([low <= truth <= high for low, high in found]))
