"""What a section of the report says in words and tables: one section per setting."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vaebench.analysis import MEASURES
from vaebench.analysis.frames import symbol
from vaebench.data import DatasetInfo, find_dataset, find_own
from vaebench.digits import duration
from vaebench.errors import UsageError
from vaebench.measures import FIT, TIMES
from vaebench.spec import JobSpec, Setting

SCORES_SAID = {
    "core": "core (those that train no classifier of downstream tasks)",
    "all": "all, with downstream tasks and the sampled representation",
}
LONGEST_SLUG = 80
"""Characters of a data set's name in files' names; of a longer one, a path, the end tells more."""
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
    "dci": "DCI by {} boosting",
    "solver": "solver {}",
}
_UNSET = {"folds": "no folds", "dci": "DCI by this project’s boosting", "solver": "one-vs-rest"}
"""What a field of a setting says that is None, where others of the database have it."""


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
        return [name for name in names if self.runs[name].notna().any()]

    @property
    def fit(self) -> list[str]:
        """Those of reconstruction, KL and ELBO that at least one run has."""
        return [name for name in FIT if self.runs[name].notna().any()]

    def count(self, state: str) -> int:
        """Returns how many jobs are in a state."""
        return int((self.jobs["state"] == state).sum())


def dataset_title(name: str) -> str:
    """Returns what a data set is called in the literature; users' own by their name."""
    about = _published(name)
    return name if about is None else about.title


def _published(name: str) -> DatasetInfo | None:
    """Returns what is known of a data set; None of users' own, and where its plug-in is missing."""
    if find_own(name) is not None:
        return None
    try:
        return find_dataset(name)
    except UsageError:
        return None


def evaluated_on(spec: JobSpec) -> str:
    """Says which images figures are of: held out from training, or those that were trained on."""
    if spec.folds is not None:
        return "images of the fold that was held out of training"
    about = _published(spec.dataset)
    if about is None:
        return "images of the data set, those trained on among them unless it has a split"
    if about.contents.train_images:
        return f"held-out test images of {dataset_title(spec.dataset)}"
    return f"images of the training set: {dataset_title(spec.dataset)} has no split"


def settings(jobs: pd.DataFrame, runs: pd.DataFrame) -> list[SettingData]:
    """Splits a database's jobs and runs by setting, in the order they were first added."""
    first = jobs.drop_duplicates("setting")
    specs: dict[str, JobSpec] = dict(zip(first["setting"], first["spec"], strict=True))
    slugs = Counter(_slug(spec.dataset) for spec in specs.values())
    found = []
    for key, spec in specs.items():
        alike = [other for other in specs.values() if other.dataset == spec.dataset]
        slug = _slug(spec.dataset)
        title = dataset_title(spec.dataset)
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
    return _UNSET[name] if value is None else _SAID[name].format(value)


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
        ("Data set", dataset_title(spec.dataset)),
        ("Models", "; ".join(models)),
        ("Seeds", _ranges(sorted(jobs["seed"].unique()))),
        *_folds(jobs),
        ("Training", ", ".join(training)),
        ("Network", ", ".join([*network, f"{spec.initialisation} initialisation"])),
        ("Precision", spec.precision),
        ("Scores", SCORES_SAID[spec.scores]),
        ("Evaluation", f"{evaluated_on(spec)}; size {spec.eval_size:,} (the study’s is 10,000)"),
    ]
    rows += _environment(environments)
    if len(data.runs):
        rows.append(("Wall time", f"{duration(seconds)} in all, summed over runs"))
    extra = [_said(spec, name) for name in ("dci", "solver") if getattr(spec, name) is not None]
    return rows + ([("Also", ", ".join(extra))] if extra else [])


def mixed_processors(runs: pd.DataFrame, processors: Mapping[str, str]) -> list[tuple[str, str]]:
    """Says of how many cells the runs were trained on several kinds of processor.

    Args:
        runs: Finished runs, with `job_key` and `cell`.
        processors: The processor's name by job key, where it is known.

    Returns:
        A word and its explanation; nothing where no cell mixes them.
    """
    kinds = runs["job_key"].map(processors).groupby(runs["cell"]).unique()
    known = [{str(name) for name in found if pd.notna(name)} for found in kinds]
    several = [names for names in known if len(names) > 1]
    if not several:
        return []
    named = "; ".join(sorted({name for names in several for name in names}))
    text = (
        f"{len(several)} of {len(kinds)} cells have runs of several kinds of processor ({named}): "
        "the same seed has other bits on each, so that a run made again elsewhere is another draw"
    )
    return [("Mixed processors", text)]


def _folds(jobs: pd.DataFrame) -> list[tuple[str, str]]:
    folds = {(job.fold, job.folds) for job in jobs["spec"] if job.fold is not None}
    if not folds:
        return []
    number = max(count for _, count in folds if count is not None)
    done = _ranges(sorted(fold for fold, _ in folds if fold is not None))
    return [("Folds", f"{done} of {number} (cross-validation; each trains on the others’ images)")]


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


def _ranges(numbers: Sequence[int]) -> str:
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in parts)
