"""Studies: what a sweep asks for, and the jobs that it comes to."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from vaebench.errors import UsageError
from vaebench.models import find_model
from vaebench.spec import JobSpec, Setting

MOST_JOBS = 100_000
"""Jobs of a study on one data set; the largest has 1,800."""

Grid = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Entry:
    """One model of a study with the values of its hyperparameters.

    Attributes:
        model: Name or alias.
        grid: Values by parameter; a parameter that is missing has its default.
        setting: What of the study's setting this model has its own way.
    """

    model: str
    grid: Grid = field(default_factory=dict)
    setting: Mapping[str, Any] = field(default_factory=dict)

    def cells(self, setting: Setting, seed: int) -> list[JobSpec]:
        """Returns a job of each combination of values, of one seed and the first fold.

        Raises:
            UsageError: A value is out of range.
        """
        model, fold = find_model(self.model), None if setting.folds is None else 0
        grid = {
            name: self.grid.get(name, (value,))
            for name, value in model.defaults(setting.steps).items()
        }
        shared = dataclasses.asdict(setting)
        return [
            JobSpec(
                **shared,
                model=model.name,
                parameters=dict(zip(grid, values, strict=True)),
                seed=seed,
                fold=fold,
            )
            for values in itertools.product(*grid.values())
        ]


@dataclass(frozen=True)
class Study:
    """What a sweep asks for.

    Attributes:
        name: What `--study` takes; empty where none is named.
        title: One line on it.
        paper: Where it comes from.
        datasets: Names of the data sets.
        seeds: The seeds.
        entries: The models.
        setting: Fields of `Setting`, and `epochs` instead of `steps`.
        folds: Parts of the training set in cross-validation; None for none.
        label: Which of the data sets' attributes is the label; None for the usual one.
    """

    name: str = ""
    title: str = ""
    paper: str = ""
    datasets: tuple[str, ...] = ("dsprites",)
    seeds: tuple[int, ...] = (0, 1, 2)
    entries: tuple[Entry, ...] = ()
    setting: Mapping[str, Any] = field(default_factory=dict)
    folds: int | None = None
    label: str | None = None

    def over(
        self,
        *,
        models: Sequence[str] | None = None,
        betas: Sequence[float] = (),
        grid: Mapping[str, Grid] = MappingProxyType({}),
        seeds: Sequence[int] | None = None,
        datasets: Sequence[str] | None = None,
        folds: int | None = None,
        label: str | None = None,
        setting: Mapping[str, Any] = MappingProxyType({}),
    ) -> Study:
        """Returns the study with what a user asks for in place of its own.

        Args:
            models: Names or aliases, in the order to train them: the study's entries of these, or
                else one with defaults.
            betas: The beta of every model that has one.
            grid: Values by model and parameter; they win over `betas`.
            seeds: The seeds, in order.
            datasets: Names.
            folds: Parts of the training set in cross-validation.
            label: Which of the data sets' attributes is the label.
            setting: Fields of `Setting`, and `epochs`; they win over those of single models too.

        Raises:
            UsageError: A name is not known, or nothing is asked for.
        """
        for kind, given, example in (
            ("model", models, "--models vae"),
            ("data set", datasets, "--dataset dsprites"),
            ("seed", seeds, "--seeds 3"),
        ):
            if given is not None and not given:
                raise UsageError(f"No {kind} given: name at least one, as in {example}.")
        chosen = list(self.entries)
        if models is not None:
            chosen = [
                entry
                for name in models
                for entry in [e for e in chosen if find_model(e.model) is find_model(name)]
                or [Entry(name)]
            ]
        typed = _typed(grid, chosen)
        entries = []
        for entry in chosen:
            model = find_model(entry.model)
            values = dict(entry.grid)
            if betas and model.has("beta"):
                values["beta"] = tuple(betas)
            values |= typed.get(model.name, {})
            own = merged(entry.setting, setting)
            entries.append(dataclasses.replace(entry, grid=values, setting=own))
        return dataclasses.replace(
            self,
            entries=tuple(entries),
            seeds=self.seeds if seeds is None else tuple(seeds),
            datasets=self.datasets if datasets is None else tuple(datasets),
            folds=self.folds if folds is None else folds,
            label=self.label if label is None else label,
        )

    def jobs(self, setting_of: Callable[[Entry], Setting]) -> list[JobSpec]:
        """Returns its jobs on one data set, each once, seeds and folds outermost.

        So a sweep that is stopped early has whole seeds: every cell as often as the others.

        Args:
            setting_of: Returns the setting of an entry's jobs.

        Raises:
            UsageError: A value is out of range, or too many jobs are asked for.
        """
        cells_asked = sum(math.prod(map(len, entry.grid.values())) for entry in self.entries)
        if (asked := cells_asked * len(self.seeds) * (self.folds or 1)) > MOST_JOBS:
            raise UsageError(
                f"This asks for {asked:,} jobs, and a sweep may have {MOST_JOBS:,}: name fewer "
                "values, seeds or folds."
            )
        folds = [None] if self.folds is None else list(range(self.folds))
        cells: dict[str, JobSpec] = {}
        for entry in self.entries:
            for job in entry.cells(setting_of(entry), self.seeds[0]):
                cells.setdefault(job.cell, job)
        places = itertools.product(dict.fromkeys(self.seeds), folds, cells.values())
        return [job.sibling(seed, fold) for seed, fold, job in places]


PLAIN = Study(entries=(Entry("cvae"), Entry("betavae_h")))
"""What is trained where neither a study nor a model is named."""


def _typed(grid: Mapping[str, Grid], entries: Sequence[Entry]) -> dict[str, Grid]:
    """Returns values by the canonical names of models, which must be among the entries."""
    named = [find_model(entry.model) for entry in entries]
    typed: dict[str, Grid] = {}
    for name, parameters in grid.items():
        model = find_model(name)
        if model not in named:
            raise UsageError(f"--set names {name!r}, which is not among --models.")
        for parameter in parameters:
            if not model.has(parameter):
                known = ", ".join(each.name for each in model.parameters) or "none"
                raise UsageError(f"Model {name!r} has no parameter {parameter!r}. It has: {known}.")
        typed[model.name] = {**typed.get(model.name, {}), **parameters}
    return typed


def merged(setting: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a setting with another's values over it; `steps` and `epochs` replace each other."""
    lengths = {"steps", "epochs"}
    kept = {k: v for k, v in setting.items() if k not in lengths or not lengths & over.keys()}
    return {**kept, **over}
