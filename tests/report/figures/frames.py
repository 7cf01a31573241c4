"""Frames of runs with the columns of `wide_runs`, and what figures are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd

from vaebench.analysis import TABLES, Resampling, Split
from vaebench.analysis.frames import model_name
from vaebench.measures import CORRELATION, SUPERVISED
from vaebench.metrics import SAMPLED
from vaebench.report.figures import FigureData

STRENGTHS: Mapping[str, tuple[str, tuple[float, ...]]] = {
    "betavae_h": ("beta", (1, 2, 4, 6, 8, 16)),
    "betavae_b": ("c_max", (5, 10, 25, 50, 75, 100)),
    "factorvae": ("gamma", (10, 20, 30, 40, 50, 100)),
    "btcvae": ("beta", (1, 2, 4, 6, 8, 10)),
    "dipvae_i": ("lambda_od", (1, 2, 5, 10, 20, 50)),
    "dipvae_ii": ("lambda_od", (1, 2, 5, 10, 20, 50)),
    "cvae": ("beta", (0.5, 1, 3, 10)),
}


def frame(
    models: Sequence[str] = tuple(STRENGTHS)[:6],
    seeds: int = 5,
    datasets: Sequence[str] = ("dsprites",),
    collapsed: bool = True,
) -> pd.DataFrame:
    """A run of every data set, model, strength and seed with every figure that a run can have."""
    rng = np.random.default_rng(0)
    rows = []
    for place, dataset in enumerate(datasets):
        for number, model in enumerate(models):
            name, strengths = STRENGTHS[model]
            for rank, strength in enumerate(strengths):
                for seed in range(seeds):
                    dead = collapsed and model == "betavae_b" and seed == 0
                    rows.append(_run(rng, dataset, model, name, strength, rank, seed, dead)
                                | {"mig": 0.01 if dead else
                                   0.05 * (1 + number + place) + 0.02 * rng.normal()})  # fmt: skip
    return pd.DataFrame(rows)


def _run(
    rng: np.random.Generator,
    dataset: str,
    model: str,
    name: str,
    strength: float,
    rank: int,
    seed: int,
    dead: bool,
) -> dict[str, object]:
    cell = f"{dataset} {model} {strength:g}"
    kl = 0.0 if dead else 30.0 / (1 + rank) + rng.normal()
    reconstruction = 60.0 - kl + 5 * rank + rng.normal()
    found: dict[str, object] = {
        "job_key": f"{cell} {seed}", "setting": f"of {dataset}", "dataset": dataset,
        "model": model, "series": model_name(model), "cell": cell, "parameters": "{}",
        "cell_label": cell, "strength_name": name, "strength": float(strength), "seed": seed,
        "folds": np.nan, "fold": np.nan, "warmup_steps": 0.0, "reconstruction": reconstruction,
        "kl": kl, "elbo": -reconstruction - kl, "active_units": 0.0 if dead else 4.0,
        "train_seconds": 20 + rng.exponential(), "eval_seconds": 4 + rng.exponential(),
        "wall_seconds": 25 + rng.exponential(), "udr": rng.uniform(),
    }  # fmt: skip
    found |= {score: rng.uniform() for score in SUPERVISED if score != "mig_label"}
    found |= {f"{score}_error": 0.05 for score in ("beta_vae_score", "factor_vae_score")}
    for score in CORRELATION:
        found |= {score: rng.exponential(), f"{SAMPLED}{score}": rng.exponential()}
    for predictor in ("logistic", "boosted"):
        for labels in (10, 100, 1000, 10_000):
            share = 0.2 + 0.1 * np.log10(labels) + 0.1 * rng.uniform()
            found[f"downstream_{predictor}_{labels}"] = share
        found[f"downstream_{predictor}_efficiency"] = rng.uniform()
    return found


def folded(strengths: Sequence[float] = (0.5, 1, 3, 10), folds: int = 5) -> pd.DataFrame:
    """A CVAE and a beta-VAE in a cross-validation of one seed."""
    runs = frame(("cvae",), 1, ("fashion-mnist",))
    runs = pd.concat([runs, runs.assign(model="betavae_h", series="beta-VAE", kl=runs["kl"] + 2)])
    runs = runs[runs["strength"].isin(strengths)]
    rng = np.random.default_rng(1)
    parts = []
    for fold in range(folds):
        moved = runs["elbo"] + 3 * rng.normal() + rng.normal(size=len(runs))
        parts.append(runs.assign(fold=float(fold), folds=float(folds), elbo=moved))
    found = pd.concat(parts, ignore_index=True)
    found["cell"] = found["model"] + " " + found["strength"].astype(str)
    found["job_key"] = found["cell"] + " " + found["fold"].astype(str)
    return found


def curves_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Training curves of runs, falling to their figures."""
    steps = np.arange(25, 301, 25)
    parts = []
    for run in runs.itertuples():
        away = np.exp(-steps / 60)
        fit = run.reconstruction + 500 * away
        parts.append(
            pd.DataFrame({"job_key": run.job_key, "step": steps, "reconstruction": fit,
                          "kl": run.kl * (1 - away), "loss": fit + run.kl})
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def figure_data(runs: pd.DataFrame) -> FigureData:
    """What figures of these runs are drawn from, with quick intervals."""
    split = Split.of(runs, Resampling(60))
    tables = {table.name: table(split) for table in TABLES}
    slugs = {key: str(name) for key, name in zip(runs["setting"], runs["dataset"], strict=True)}
    return FigureData(runs, tables, curves_of(runs) if len(runs) else pd.DataFrame(), slugs)


@cache
def study(seeds: int = 5, datasets: int = 1) -> FigureData:
    """A study like the paper's: six models with six strengths each."""
    names = ("dsprites", "noisy-dsprites", "color-dsprites")[:datasets]
    return figure_data(frame(seeds=seeds, datasets=names))


@cache
def folds() -> FigureData:
    """A cross-validation."""
    return figure_data(folded())
