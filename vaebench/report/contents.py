"""What a section of the report says in words and tables: one section per setting."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vaebench.analysis import MEASURES, Decomposition, decompose, measure, summarise
from vaebench.analysis.frames import symbol
from vaebench.analysis.measures import FIT, TIMES
from vaebench.hints import hint
from vaebench.report.tables import Table
from vaebench.spec import JobSpec, Setting
from vaebench.store.schema import SCORES

TITLES = {"dsprites": "dSprites", "mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}
LONGEST_SLUG = 80
"""Characters of a data set's name in files' names; of a longer one, a path, the end tells more."""
ARROWS = {"higher": "\N{NO-BREAK SPACE}↑", "lower": "\N{NO-BREAK SPACE}↓", None: ""}
_SHARES = ("model_r2", "model_chance", "model_adjusted", "cell_r2", "cell_chance",
           "cell_adjusted", "seed")  # fmt: skip
_SAID = {
    "steps": "{:,} steps",
    "batch_size": "batches of {}",
    "learning_rate": "learning rate {:g}",
    "weight_decay": "weight decay {:g}",
    "latent_dim": "{} latents",
    "network": "network {}",
    "likelihood": "{} likelihood",
    "initialisation": "{} initialisation",
    "precision": "{}",
    "eval_size": "evaluation size {:,}",
    "scores": "{} scores",
    "folds": "{} folds",
}


@dataclass(frozen=True)
class SettingData:
    """The jobs and runs of one setting: those that can be compared with each other.

    Attributes:
        key: The setting's key.
        slug: What its files begin with.
        title: What sets it apart from the other settings of the database.
        spec: Any of its jobs, for what they share.
        jobs: All its jobs, as `vaebench.analysis.jobs` gives them.
        runs: Those that are done, as `vaebench.analysis.runs` gives them.
    """

    key: str
    slug: str
    title: str
    spec: JobSpec
    jobs: pd.DataFrame
    runs: pd.DataFrame

    @property
    def scores(self) -> list[str]:
        """Scores that at least one run has, in the order to show them."""
        apart = {*FIT, *TIMES}
        names = [n for n in MEASURES if n in self.runs.columns and n not in apart]
        names += [n for n in SCORES if n in self.runs.columns and n not in {*names, *apart}]
        return [name for name in names if self.runs[name].notna().any()]

    @property
    def fit(self) -> list[str]:
        """Those of reconstruction, KL and ELBO that at least one run has."""
        return [name for name in FIT if self.runs[name].notna().any()]

    def count(self, state: str) -> int:
        """Returns how many jobs are in a state."""
        return int((self.jobs["state"] == state).sum())


def settings(jobs: pd.DataFrame, runs: pd.DataFrame) -> list[SettingData]:
    """Splits a database's jobs and runs by setting, in the order they were first added."""
    first = jobs.drop_duplicates("setting")
    specs: dict[str, JobSpec] = dict(zip(first["setting"], first["spec"], strict=True))
    slugs = Counter(_slug(spec.dataset) for spec in specs.values())
    found = []
    for key, spec in specs.items():
        alike = [other for other in specs.values() if other.dataset == spec.dataset]
        slug = _slug(spec.dataset)
        title = TITLES.get(spec.dataset, spec.dataset)
        if slugs[slug] > 1:
            slug = f"{slug}-{key[:6]}"
        if len(alike) > 1:
            title = f"{title}: {', '.join(_differences(spec, alike))}"
        found.append(
            SettingData(
                key,
                slug,
                title,
                spec,
                jobs[jobs["setting"] == key],
                runs[runs["setting"] == key],
            )
        )
    return found


def _slug(dataset: str) -> str:
    """Turns a data set's name into the beginning of files' names, which may not be long."""
    plain = re.sub(r"[^a-z0-9]+", "-", dataset.lower()).strip("-") or "data"
    return plain if len(plain) <= LONGEST_SLUG else plain[-LONGEST_SLUG:].strip("-")


def _differences(spec: JobSpec, others: Sequence[JobSpec]) -> list[str]:
    apart = {"dataset", "warmup_steps"}
    names = [field.name for field in dataclasses.fields(Setting) if field.name not in apart]
    return [
        _said(spec, name) for name in names if len({getattr(other, name) for other in others}) > 1
    ]


def _said(spec: JobSpec, name: str) -> str:
    value = getattr(spec, name)
    return _SAID.get(name, name.replace("_", " ") + " {}").format(value)


def facts(data: SettingData, environments: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Lists what was run, on what and how long, as pairs of a word and its explanation.

    Args:
        data: The setting.
        environments: The distinct environments of its runs, as the store has them.
    """
    spec, jobs = data.spec, data.jobs
    models = []
    for series, group in jobs.groupby("series", sort=False):
        values = ", ".join(f"{v:g}" for v in sorted(group["strength"].dropna().unique()))
        name = group["strength_name"].iloc[0]
        said = [f"{symbol(str(name))} = {values}"] if values else []
        constant = [job.unusual for job in group["spec"]]
        shared = {n: v for n, v in constant[0].items() if all(u.get(n) == v for u in constant)}
        said += [f"{symbol(n)} = {v:g}" for n, v in shared.items() if symbol(n) not in str(series)]
        models.append(f"{series} ({'; '.join(said)})" if said else str(series))
    warmups = sorted({job.warmup_steps for job in jobs["spec"]})
    training = [_said(spec, "steps"), _said(spec, "batch_size"), "Adam"]
    training.append(_said(spec, "learning_rate"))
    if spec.weight_decay:
        training.append(_said(spec, "weight_decay"))
    if any(warmups):
        training.append(f"beta warm-up over {' or '.join(f'{w:,}' for w in warmups)} steps")
    network = [spec.network, f"{spec.latent_dim} latents", f"{spec.likelihood} likelihood"]
    seconds = float(data.runs["wall_seconds"].sum())
    rows = [
        ("Data set", TITLES.get(spec.dataset, spec.dataset)),
        ("Models", "; ".join(models)),
        ("Seeds", _ranges(sorted(jobs["seed"].unique()))),
        ("Training", ", ".join(training)),
        ("Network", ", ".join([*network, f"{spec.initialisation} initialisation"])),
        ("Precision", spec.precision),
        ("Evaluation", f"size {spec.eval_size:,} (the study’s own is 10,000)"),
    ]
    rows += _environment(environments)
    if len(data.runs):
        rows.append(("Wall time", f"{duration(seconds)} in all, summed over runs"))
    named = {*_SAID, "dataset", "warmup_steps"}
    others = [field.name for field in dataclasses.fields(Setting) if field.name not in named]
    extra = [_said(spec, name) for name in others if getattr(spec, name) is not None]
    return rows + ([("Also", ", ".join(extra))] if extra else [])


def _environment(environments: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    said: dict[str, list[str]] = {"Device": [], "Versions": [], "Code": [], "Data from": []}
    for found in environments:
        device = str(found.get("device", ""))
        if name := found.get("device_name"):
            device = f"{device} ({name})"
        if threads := found.get("threads"):
            device += f", {threads} thread{'s' if threads != 1 else ''}"
        if host := found.get("host"):
            device += f", on {host}"
        if system := found.get("system"):
            device += f", {system}"
        said["Device"].append(device)
        packages = found.get("packages")
        packages = packages if isinstance(packages, Mapping) else {}
        versions = {"python": found.get("python"), **packages}
        said["Versions"].append(", ".join(f"{n} {v}" for n, v in versions.items() if v))
        if commit := found.get("git_commit"):
            dirty = " with uncommitted changes" if found.get("git_dirty") else ""
            said["Code"].append(f"{str(commit)[:12]}{dirty}")
        said["Data from"].append(str(found.get("data") or ""))
    joined = {word: "; ".join(dict.fromkeys(t for t in texts if t)) for word, texts in said.items()}
    return [(word, text) for word, text in joined.items() if text]


def summary_table(data: SettingData) -> Table:
    """Averages every figure over the seeds of a cell; cells without a finished run are kept."""
    names = [*data.fit, *data.scores]
    names += ["wall_seconds"] if data.runs["wall_seconds"].notna().any() else []
    done = summarise(data.runs, ["cell"], names).set_index("cell")
    rows, figures = [], []
    for cell, group in data.jobs.groupby("cell", sort=False):
        first = group.iloc[0]
        found = done.loc[cell] if cell in done.index else None
        finished = 0 if found is None else int(done["runs"].astype(int)[cell])
        strength = "–"
        if pd.notna(first["strength"]):
            strength = f"{symbol(first['strength_name'])} = {first['strength']:g}"
        cells = [_mean(found, name) for name in names]
        count = str(finished) if finished == len(group) else f"{finished} of {len(group)}"
        rows.append([first["series"], strength, count, *cells])
        numbers = {} if found is None else found.drop("runs").to_dict()
        named = first[["model", "series", "strength_name", "strength"]].to_dict()
        figures.append(named | {"runs": finished, "jobs": len(group)} | numbers)
    heads = [measure(name).title + ARROWS[measure(name).better] for name in names]
    caption = (
        "Mean over seeds ± half the width of its 95 % interval (Student’s t); a single run has "
        "no interval. Reconstruction, KL and ELBO in nats per image, wall time in seconds for "
        "training and evaluation together. ↑ higher is better, ↓ lower is better."
    )
    return Table(
        f"{data.slug}_summary",
        caption,
        ["Model", "Strength", "Runs", *heads],
        rows,
        pd.DataFrame(figures),
        text_columns=2,
    )


def _mean(row: Any, name: str) -> str:
    if row is None or pd.isna(row[f"{name}_mean"]):
        return "–"
    about, mean = measure(name), row[f"{name}_mean"]
    if pd.isna(row[f"{name}_high"]):
        return about.text(mean)
    half = row[f"{name}_high"] - mean
    return f"{about.text(mean, half)} ± {about.text(half, half)}"


def decompositions(data: SettingData) -> dict[str, Decomposition | None]:
    """Splits the variance of every metric; None for a metric that is constant."""
    runs = data.runs
    names = [*data.fit, *data.scores]
    models, cells = runs["model"].tolist(), runs["cell"].tolist()
    return {name: decompose(runs[name].tolist(), models, cells) for name in names}


def variance_table(data: SettingData, parts: Mapping[str, Decomposition | None]) -> Table:
    """Tables the variance explained, beside what chance would explain."""
    rows, figures = [], []
    for name, part in parts.items():
        title = measure(name).title
        if part is None:
            rows.append([title, str(int(data.runs[name].notna().sum())), *["–"] * 7])
            continue
        told = part.seed is not None
        chosen = [
            part.model.value,
            part.model.chance,
            part.model.adjusted,
            part.cell.value if told else None,
            part.cell.chance if told else None,
            part.cell.adjusted,
            part.seed,
        ]
        rows.append([title, str(part.cell.runs), *(_share(value) for value in chosen)])
        counts = {"runs": part.cell.runs, "models": part.model.groups, "cells": part.cell.groups}
        figures.append({"metric": name, **counts, **dict(zip(_SHARES, chosen, strict=True))})
    caption = (
        "R² of each metric over all runs: sum of squares between groups over the total. “By "
        "chance” is what as many groups would explain on average if they meant nothing, "
        "(k − 1)/(n − 1); “adjusted” corrects for it and is below 0 where chance would have done "
        "better. The rest is the seed. A dash: the metric is the same in all runs, or no cell "
        "has a second run."
    )
    heads = ["R² of model", "by chance", "adjusted", "R² of model × strength", "by chance",
             "adjusted", "Rest: seed"]  # fmt: skip
    return Table(
        f"{data.slug}_variance", caption, ["Metric", "Runs", *heads], rows, pd.DataFrame(figures)
    )


def failure_table(data: SettingData, db: str, limit: int = 50) -> Table | None:
    """Lists failed jobs with what went wrong; None where there are none."""
    failed = data.jobs[data.jobs["state"] == "FAILED"]
    if failed.empty:
        return None
    rows = [
        [label, str(seed), key, (error or "no message").splitlines()[0][:200]]
        for label, seed, key, error in zip(
            failed["cell_label"], failed["seed"], failed["job_key"], failed["error"], strict=True
        )
    ][:limit]
    more = f" {len(failed) - limit:,} more are not listed." if len(failed) > limit else ""
    caption = f"Failed jobs. To see the traceback of one: {hint('vaebench show KEY', db)}.{more}"
    kept = failed[["job_key", "model", "cell_label", "seed", "attempts", "error"]]
    heads = ["Cell", "Seed", "Key", "Error"]
    return Table(f"{data.slug}_failed", caption, heads, rows, kept, text_columns=4)


def _share(value: float | None) -> str:
    return "–" if value is None else measure("r2").text(value)


def duration(seconds: float) -> str:
    """Prints a time as people say it."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"


def _ranges(numbers: Sequence[int]) -> str:
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in parts)
