"""From a study to jobs: its settings as the data sets at hand make them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vaebench.errors import UsageError
from vaebench.models import find_model
from vaebench.networks import fitting_size, natural_network
from vaebench.spec import JobSpec, Setting
from vaebench.study import Entry, Study, merged

if TYPE_CHECKING:
    from vaebench.data.info import Contents
    from vaebench.data.own.opened import OwnData

LEAST_FOLD = 2
"""Images of a fold: a variance needs two."""

MOST_EPOCHS = 1_000_000


FIELDS = {
    "steps": "steps",
    "epochs": "epochs",
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


def named(study: Study) -> Study:
    """Returns a study with the names of its data sets as jobs have them.

    A data set of which another attribute is the label has a name of its own.

    Raises:
        UsageError: A name is not known, or a data set has no attribute of the label's name.
    """
    from vaebench.data import find_dataset, find_own, with_label

    names = study.datasets
    if study.label is not None:
        names = tuple(with_label(name, study.label) for name in names)
    found = [name if find_own(name) else find_dataset(name).name for name in names]
    return dataclasses.replace(study, datasets=tuple(dict.fromkeys(found)), label=None)


def plan(
    study: Study,
    data_dir: Path | None,
    precision: str,
    own: Mapping[str, OwnData] = MappingProxyType({}),
) -> list[JobSpec]:
    """Expands a study to jobs, in the order of data sets, seeds, models, strengths.

    Args:
        study: What is asked for.
        data_dir: Folder of downloaded data, to look a user's own images up in.
        precision: Resolved precision.
        own: A user's own data, opened, by the names that were typed.

    Raises:
        UsageError: A name or a value is not one that vaebench takes, or does not fit the data.
    """
    from vaebench.data.cards import card

    folds = Setting(folds=study.folds).folds
    jobs: dict[str, JobSpec] = {}
    for dataset in study.datasets:
        mine = own.get(dataset)
        contents = card(dataset, data_dir).contents if mine is None else mine.contents
        name = dataset if mine is None else mine.name
        if folds and contents.examples // folds < LEAST_FOLD:
            raise UsageError(
                f"--folds is {folds}: {dataset} has {contents.examples} images to train on, "
                f"and each fold needs {LEAST_FOLD} or more."
            )
        for entry in study.entries:
            model = find_model(entry.model)
            if model.conditional and not contents.label_names:
                raise UsageError(f"Model {model.name!r} needs labels, and {dataset} has none.")
        settings = partial(_setting, study, dataset=name, contents=contents, precision=precision)
        jobs |= {job.key: job for job in study.jobs(settings)}
    return list(jobs.values())


def _setting(
    study: Study, entry: Entry, *, dataset: str, contents: Contents, precision: str
) -> Setting:
    """Returns the setting of an entry's jobs on a data set, checked against what that holds."""
    values = merged(study.setting, entry.setting)
    epochs = values.pop("epochs", None)
    if epochs is not None:
        batch_size = values.get("batch_size", Setting.batch_size)
        values["steps"] = _steps(epochs, contents.examples, study.folds, batch_size)
    native = contents.observation_shape[1]
    values.setdefault("network", natural_network(native))
    setting = Setting(**values, dataset=dataset, precision=precision, folds=study.folds)
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
