"""From the store to pandas: jobs, runs, long scores and curves, named and in reading order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from vaebench.analysis.distributions import normal_quantile
from vaebench.measures import ERROR, SUPERVISED, TIMES
from vaebench.models import find_model, find_parameter, known_model, model_names
from vaebench.spec import JobSpec
from vaebench.store import Reader, curves_of, figures_of_runs, results_of, schema, scores_of
from vaebench.store.schema import SCORES, SPEC_COLUMNS

_ORDER = ["setting_order", "model_order", "series_order", "strength", "seed"]
_TEXT = tuple(c.name for c in (*schema.jobs.c, *schema.environments.c) if c.type.python_type is str)


def symbol(name: str) -> str:
    """Returns how a hyperparameter is written in figures and tables."""
    parameter = find_parameter(name)
    return name if parameter is None else parameter.symbol or name


def model_name(model: str) -> str:
    """Returns a model's name without its source, such as `beta-VAE`."""
    known = known_model(model)
    return model if known is None else known.title


def jobs(reader: Reader) -> pd.DataFrame:
    """Reads all jobs, whatever their state.

    Args:
        reader: The database.

    Returns:
        One row per job, in reading order (settings as first added, models as in `vaebench.models`,
        strength, seed): `job_key setting cell dataset model model_title series cell_label
        strength_name strength seed state attempts error spec`. A *series* is what one line in a
        figure stands for: a model, with those of its other hyperparameters that vary within the
        setting. `spec` holds the `JobSpec`.
    """
    rows = reader.jobs()
    names = _series([row.spec for row in rows])
    settings: dict[str, int] = {}
    table = []
    for row in rows:
        spec, setting = row.spec, row.spec.setting
        series = names[row.key]
        table.append(
            {
                "job_key": row.key,
                "setting": setting,
                "cell": spec.cell,
                "dataset": spec.dataset,
                "model": spec.model,
                "model_title": find_model(spec.model).cited,
                "series": series,
                "cell_label": _cell_label(series, spec),
                "strength_name": spec.strength_name,
                "strength": spec.strength,
                "seed": spec.seed,
                "state": row.state,
                "attempts": row.attempts,
                "error": row.error,
                "spec": spec,
                "setting_order": settings.setdefault(setting, len(settings)),
                "model_order": model_names().index(spec.model),
                "series_order": (len(series), series),
            }
        )
    columns = ["job_key", "setting", "cell", "dataset", "model", "model_title", "series",
               "cell_label", "strength_name", "strength", "seed", "state", "attempts", "error",
               "spec", *_ORDER[:3]]  # fmt: skip
    frame = pd.DataFrame(table, columns=columns)
    frame["strength"] = frame["strength"].astype("float64")
    frame = frame.sort_values(_ORDER, kind="stable", ignore_index=True)
    return frame.drop(columns=_ORDER[:3])


def runs(reader: Reader) -> pd.DataFrame:
    """Reads the finished runs with their scores: the `results` view, named and in order.

    Args:
        reader: The database.

    Returns:
        One row per run in the order of `jobs`: the view's columns, with `model_title`, `series`
        and `cell_label`. Scores are float; a missing or infinite one is NaN.
    """
    known = jobs(reader)
    rows = results_of(reader)
    view = pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*SPEC_COLUMNS, *SCORES, *TIMES])
    for name in view.columns.difference([*_TEXT, "seed"]):
        numbers = pd.to_numeric(view[name]).astype("float64")
        view[name] = numbers.where(np.isfinite(numbers))
    named = known[["job_key", "model_title", "series", "cell_label"]]
    return named.merge(view, on="job_key", how="inner", validate="one_to_one")


def wide_runs(reader: Reader) -> pd.DataFrame:
    """Reads the finished runs with every figure of theirs, for the statistics of a sweep.

    Args:
        reader: The database.

    Returns:
        The frame of `runs`, and after its columns one for each other stored figure, by name, but
        the KL of single latents: those of the sampled representation, of downstream tasks and so
        on. `NAME_error` is the standard error that the evaluation of a score with ground truth
        has by itself, as its stored 95 % interval tells. A missing or infinite value is NaN.
    """
    frame = runs(reader)
    others = {
        name: frame["job_key"].map(by_key).astype("float64")
        for name, by_key in sorted(figures_of_runs(reader).items())
        if name not in frame.columns
    }
    normal = 2 * normal_quantile(0.975)
    others |= {
        f"{name}{ERROR}": frame["job_key"].map(by_key).astype("float64") / normal
        for name, by_key in figures_of_runs(reader, widths_of=SUPERVISED).items()
    }
    more = pd.DataFrame(others, index=frame.index)
    return pd.concat([frame, more.where(np.isfinite(more))], axis=1)


def long_scores(reader: Reader, keys: Iterable[str]) -> pd.DataFrame:
    """Reads every stored figure of the given runs.

    Returns:
        One row per run and score: `job_key name value points low high note`.
    """
    rows = [{"job_key": key, **vars(score)} for key, score in scores_of(reader, keys)]
    columns = ["job_key", "name", "value", "points", "low", "high", "note"]
    return pd.DataFrame(rows, columns=columns)


def curves(reader: Reader, keys: Iterable[str]) -> pd.DataFrame:
    """Reads the training curves of the given runs.

    Returns:
        One row per run and logged step: `job_key step loss reconstruction kl`, in nats per
        example; `kl` is NaN where the model has none.
    """
    rows = [{"job_key": key, **vars(point)} for key, point in curves_of(reader, keys)]
    frame = pd.DataFrame(rows, columns=["job_key", "step", "loss", "reconstruction", "kl"])
    numbers = ["loss", "reconstruction", "kl"]
    frame[numbers] = frame[numbers].astype("float64")
    return frame


def representatives(frame: pd.DataFrame) -> pd.DataFrame:
    """Picks one run per cell to be looked at: the one whose ELBO is the median over seeds.

    With an even number of seeds it is the lower of the middle two. Cells without an ELBO (an
    autoencoder's) are judged by their reconstruction instead.

    Args:
        frame: Runs, as `runs` gives them.

    Returns:
        One row per cell, in the order of `frame`, with the column `chosen_by`: `elbo`,
        `reconstruction`, or an empty string where neither is known.
    """
    picked = []
    for _, group in frame.groupby("cell", sort=False):
        by = next((n for n in ("elbo", "reconstruction") if group[n].notna().any()), "")
        ordered = group.dropna(subset=[by]).sort_values([by, "seed"]) if by else group
        picked.append(ordered.iloc[[(len(ordered) - 1) // 2]].assign(chosen_by=by))
    if not picked:
        return frame.assign(chosen_by="")
    return pd.concat(picked, ignore_index=True)


def _cell_label(series: str, spec: JobSpec) -> str:
    if spec.strength is None or spec.strength_name is None:
        return series
    return f"{series}, {symbol(spec.strength_name)} = {spec.strength:g}"


def _series(specs: list[JobSpec]) -> dict[str, str]:
    """Names each job's series: its model and what else of it varies within its setting."""
    groups: dict[tuple[str, str], list[JobSpec]] = defaultdict(list)
    for spec in specs:
        groups[spec.setting, spec.model].append(spec)
    names = {}
    for (_, model), members in groups.items():
        varying = [
            name
            for name in sorted({name for spec in members for name in _others(spec)})
            if len({_others(spec).get(name) for spec in members}) > 1
        ]
        for spec in members:
            extra = [f"{symbol(name)} = {_others(spec)[name]:g}" for name in varying]
            names[spec.key] = ", ".join([model_name(model), *extra])
    return names


def _others(spec: JobSpec) -> dict[str, Any]:
    others = {k: v for k, v in spec.parameters.items() if k != spec.strength_name}
    return others | {"warm-up": spec.warmup_steps}
