"""From options and studies to jobs: the one place that knows which of them wins."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vaebench import lists
from vaebench.errors import UsageError
from vaebench.models import find_model
from vaebench.networks import fitting_size, natural_network
from vaebench.spec import JobSpec, Setting, SweepSpec
from vaebench.study import Entry, Study, merged

if TYPE_CHECKING:
    from vaebench.data.info import Contents
    from vaebench.data.own.opened import OwnData

PLAIN = Study(name="", entries=(Entry("cvae"), Entry("betavae_h")))
"""What is trained where neither a study nor a model is named."""

LEAST_FOLD = 2
"""Images of a fold: a variance needs two."""

MOST_EPOCHS = 1_000_000


@dataclass(frozen=True)
class Request:
    """What is asked for, over a study; None and no beta leave the study's choice.

    Attributes:
        study: The study; that of `--models` alone has defaults for all else.
        models: Names or aliases.
        betas: The beta of every model that has one.
        grid: Values by model and parameter.
        seeds: The seeds.
        datasets: Names.
        folds: Parts of the training set in cross-validation.
        epochs: Instead of steps.
        setting: Fields of `Setting`.
    """

    study: Study
    models: tuple[str, ...] | None = None
    betas: tuple[float, ...] = ()
    grid: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    seeds: tuple[int, ...] | None = None
    datasets: tuple[str, ...] | None = None
    folds: int | None = None
    epochs: float | None = None
    setting: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, given, example in (
            ("model", self.models, "--models vae"),
            ("data set", self.datasets, "--dataset dsprites"),
        ):
            if given == ():
                raise UsageError(f"No {kind} given: name at least one, as in {example}.")


FIELDS = {
    "steps": "steps",
    "batch_size": "batch_size",
    "lr": "learning_rate",
    "weight_decay": "weight_decay",
    "latent_dim": "latent_dim",
    "network": "network",
    "likelihood": "likelihood",
    "warmup": "warmup_steps",
    "initialisation": "initialisation",
    "eval_size": "eval_size",
    "scores": "scores",
    "dci": "dci",
    "solver": "solver",
}
"""The options that make a setting, and what its fields are called."""


def plan(
    request: Request,
    data_dir: Path | None,
    precision: str,
    own: Mapping[str, OwnData] = MappingProxyType({}),
) -> list[JobSpec]:
    """Expands a request to jobs, in the order of data sets, seeds, models, strengths.

    So a sweep that is stopped early has whole seeds: every cell as often as the others.

    Args:
        request: What is asked for.
        data_dir: Folder of downloaded data, to look a user's own images up in.
        precision: Resolved precision.
        own: A user's own data, opened, by the names that were typed.

    Raises:
        UsageError: A name or a value is not one that vaebench takes, or does not fit the data.
    """
    from vaebench.data.cards import card

    entries = _entries(request)
    seeds = request.seeds or lists.seeds(request.study.seeds)
    folds = _folds(request)
    jobs: dict[str, JobSpec] = {}
    turn = {seed: place for place, seed in enumerate(seeds)}
    for dataset in request.datasets or request.study.datasets:
        mine = own.get(dataset)
        contents = card(dataset, data_dir).contents if mine is None else mine.contents
        name = dataset if mine is None else mine.name
        if folds and contents.examples // folds < LEAST_FOLD:
            raise UsageError(
                f"--folds is {folds}: {dataset} has {contents.examples} images to train on, "
                f"and each fold needs {LEAST_FOLD} or more."
            )
        found: list[JobSpec] = []
        for entry in entries:
            setting = _setting(request, entry, name, contents, precision)
            model = find_model(entry.model)
            if model.conditional and not contents.label_names:
                raise UsageError(f"Model {model.name!r} needs labels, and {dataset} has none.")
            sweep = SweepSpec(
                setting=setting, models=(model.name,), seeds=seeds, grid={model.name: entry.grid}
            )
            found += sweep.expand()
        for job in sorted(found, key=lambda job: (turn[job.seed], job.fold or 0)):
            jobs.setdefault(job.key, job)
    return list(jobs.values())


def _entries(request: Request) -> list[Entry]:
    """Returns the models to train with their grids, options over the study's values."""
    chosen = list(request.study.entries)
    if request.models:
        chosen = [
            entry
            for name in request.models
            for entry in [e for e in chosen if find_model(e.model) is find_model(name)]
            or [Entry(name)]
        ]
    typed = {find_model(name).name: values for name, values in request.grid.items()}
    SweepSpec(models=tuple(entry.model for entry in chosen), seeds=(0,), grid=request.grid)
    entries = []
    for entry in chosen:
        grid = dict(entry.grid)
        if request.betas and find_model(entry.model).has("beta"):
            grid["beta"] = request.betas
        grid |= typed.get(find_model(entry.model).name, {})
        entries.append(dataclasses.replace(entry, grid=grid))
    return entries


def _folds(request: Request) -> int | None:
    """Returns the number of folds, checked."""
    return Setting(folds=request.study.folds if request.folds is None else request.folds).folds


def _setting(
    request: Request,
    entry: Entry,
    dataset: str,
    contents: Contents,
    precision: str,
) -> Setting:
    values = merged(request.study.setting, entry.setting)
    typed = {} if request.epochs is None else {"epochs": request.epochs}
    values = merged(values, typed | dict(request.setting))
    epochs = values.pop("epochs", None)
    folds = _folds(request)
    if epochs is not None:
        batch_size = values.get("batch_size", Setting.batch_size)
        values["steps"] = _steps(epochs, contents.examples, folds, batch_size)
    native = contents.observation_shape[1]
    values.setdefault("network", natural_network(native))
    setting = Setting(**values, dataset=dataset, precision=precision, folds=folds)
    fitting_size(setting.network, contents.observation_shape)
    if "batch_size" in values:  # the default one may go through a small set several times
        _check_batch(setting, dataset, contents.examples)
    if setting.dci is not None and setting.scores == "core":
        raise UsageError(
            f"--dci {setting.dci} without --scores all: the core scores have no DCI. "
            "Give both, or neither."
        )
    return setting


def _check_batch(setting: Setting, dataset: str, examples: int) -> None:
    """Refuses a chosen batch that has more examples than there are to train on."""
    folds = setting.folds
    trained = examples - math.ceil(examples / folds) if folds else examples
    if setting.batch_size > trained:
        where = f" in each of {folds} folds" if folds else ""
        raise UsageError(
            f"--batch-size is {setting.batch_size:,}: {dataset} has {trained:,} images to train "
            f"on{where}. Give --batch-size {trained} or less."
        )


def _steps(epochs: Any, examples: int, folds: int | None, batch_size: Any) -> int:
    if not isinstance(epochs, (int, float)) or not 0 < epochs <= MOST_EPOCHS:
        raise UsageError(
            f"--epochs is {epochs!r}: it must be a number above 0 and at most {MOST_EPOCHS:,}."
        )
    if not isinstance(batch_size, int) or batch_size < 1:
        raise UsageError(f"--batch-size is {batch_size!r}: it must be a whole number, 1 or more.")
    trained = examples - examples // folds if folds else examples
    return math.ceil(epochs * trained / batch_size)
