"""What a table of the report is: its columns, what it needs and the function that makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from vaebench.analysis.resampling import FULL_SEEDS, LEAST_SEEDS, Resampling
from vaebench.analysis.sample import Sample, Split, versions
from vaebench.measures import measure

Rows = list[dict[str, Any]]

Say = Callable[[Sample], str | None]
"""Says something of a setting, as what stands after its name; None for nothing."""


@dataclass(frozen=True)
class Needs:
    """What a statistic must have to mean anything.

    All but `datasets` are of one setting on one data set; a setting that has less is left out of
    the table, and `Statistic.missing` says so.

    Attributes:
        runs: Finished runs.
        seeds: Different seeds. Folds of a seed share training data and are none.
        models: Models.
        strengths: Different strengths of at least one model.
        cells: Cells: models, each with its hyperparameters.
        folds: Different folds.
        metrics: Groups of metrics: of each, some must have values.
        of_each: How many of each group.
        datasets: Settings that have all this.
    """

    runs: int = 2
    seeds: int = 1
    models: int = 1
    strengths: int = 1
    cells: int = 1
    folds: int = 0
    metrics: tuple[Sequence[str], ...] = ()
    of_each: int = 1
    datasets: int = 1

    def lack(self, sample: Sample) -> str | None:
        """Says what a setting is short of, as the end of a sentence; None for nothing."""
        runs = sample.runs
        by_model = sample.cells.groupby("model")["strength"].nunique(dropna=False)
        folds = int(runs["fold"].nunique())
        found = {
            "run": (len(runs), self.runs),
            "seed": (len(sample.seeds), self.seeds),
            "model": (len(sample.models), self.models),
            "strength": (int(by_model.max()) if len(by_model) else 0, self.strengths),
            "cell": (len(sample.cells), self.cells),
            "fold": (folds, self.folds),
        }
        for what, (number, least) in found.items():
            if number < least:
                folded = what == "seed" and folds > 1
                aside = " (folds share training data and are none)" if folded else ""
                return f"{_counted(number, what)}{aside}, and it needs {least} or more"
        for group in self.metrics:
            if len(there := sample.having(group)) < self.of_each:
                names = ", ".join(measure(name).title for name in group[:3])
                others = f" and {len(group) - 3} others" if len(group) > 3 else ""
                return (
                    f"{len(there) or 'none'} of {names}{others}, and it needs "
                    f"{self.of_each} or more"
                )
        return None


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Statistic:
    """A statistic of a frame of runs, as a tidy table: call it with the frame.

    Attributes:
        name: Name of the table and of its CSV.
        columns: The columns that it always has, in order; more may stand after them.
        title: What it shows, for people.
        needs: What it must have to mean anything.
        compute: Makes the rows of one version (all runs, or those with an active unit) from the
            samples that have what is needed; each row has the `columns`.
        note: What is to be known to read it.
        lack: What else a setting is short of, as the end of a sentence; None for nothing.
        caution: What is to be known of a setting's rows, as the end of a sentence; None for
            nothing.
        versions: Whether there are rows `with` and `without` collapsed runs, told apart by the
            column `collapsed` after `columns`.
        resampled: Whether `low` and `high` are from resampling seeds.
        together: Says, as a whole sentence, what all settings together are short of that have
            what is needed each; None for nothing.
    """

    name: str
    columns: tuple[str, ...]
    title: str
    needs: Needs
    compute: Callable[[Sequence[Sample]], Rows] = field(repr=False)
    note: str = ""
    lack: Say | None = field(default=None, repr=False)
    caution: Say | None = field(default=None, repr=False)
    versions: bool = True
    resampled: bool = True
    together: Callable[[Sequence[Sample]], str | None] | None = field(default=None, repr=False)

    def __call__(
        self, frame: pd.DataFrame | Split, *, resampling: Resampling | None = None
    ) -> pd.DataFrame:
        """Computes the table.

        Args:
            frame: One row per run, as `vaebench.analysis.wide_runs` gives it, or a `Split` of
                such, which several tables can share. The order of its rows does not matter.
            resampling: How seeds are resampled for intervals.

        Returns:
            The table; without rows where `missing` says why.

        Raises:
            UsageError: The frame has not the columns of runs.
        """
        split = Split.of(frame, resampling)
        parts = []
        chosen = list(versions(split)) if self.versions else [("", split)]
        done: dict[Split, pd.DataFrame] = {}
        for label, each in chosen:
            if each not in done:
                done[each] = self._version(each)
            part = done[each]
            if self.versions:
                part = part.copy()
                part.insert(len(self.columns), "collapsed", label)
            parts.append(part)
        kept = [part for part in parts if len(part)] or parts[:1]
        return pd.concat(kept, ignore_index=True)

    def _version(self, split: Split) -> pd.DataFrame:
        able = [sample for sample in split.samples if self._lack(sample) is None]
        rows = self.compute(able) if len(able) >= self.needs.datasets else []
        found = pd.DataFrame(rows)
        more = [name for name in found.columns if name not in self.columns]
        return found.reindex(columns=[*self.columns, *more])

    def missing(self, frame: pd.DataFrame | Split, called: Callable[[str], str] = str) -> list[str]:
        """Says, in whole sentences, what is missing where the table leaves something out.

        Args:
            frame: The runs.
            called: What a data set is called, by its name.
        """
        every = Split.of(frame).samples
        if not every:
            return ["There is no finished run."]
        lacks = [self._lack(sample) for sample in every]
        said = [
            f"{where} has {lack}."
            for where, lack in zip(_names(every, called), lacks, strict=True)
            if lack is not None
        ]
        able = lacks.count(None)
        if 0 < able < self.needs.datasets:
            least = self.needs.datasets
            said.append(f"There is {_counted(able, 'data set')}, and it needs {least} or more.")
        if able and self.together is not None:
            whole = [each for each, lack in zip(every, lacks, strict=True) if lack is None]
            short = self.together(whole)
            said += [] if short is None else [short]
        return said

    def cautions(
        self, frame: pd.DataFrame | Split, called: Callable[[str], str] = str
    ) -> list[str]:
        """Says, in whole sentences, what is to be known of the data sets in the table.

        Args:
            frame: The runs.
            called: What a data set is called, by its name.
        """
        every = [sample for sample in Split.of(frame).samples if self._lack(sample) is None]
        sayings: list[Say] = [_few_seeds] if self.resampled and "low" in self.columns else []
        sayings += [self.caution] if self.caution else []
        return [
            f"{where} {said}."
            for where, sample in zip(_names(every, called), every, strict=True)
            for say in sayings
            if (said := say(sample)) is not None
        ]

    def _lack(self, sample: Sample) -> str | None:
        found = self.needs.lack(sample)
        return found if found or self.lack is None else self.lack(sample)


def _names(every: Sequence[Sample], called: Callable[[str], str]) -> list[str]:
    """Names samples by their data set, and by their setting where it has several."""
    twice = len({s.dataset for s in every}) < len(every)
    return [called(s.dataset) + (f" ({s.setting[:6]})" if twice else "") for s in every]


def _few_seeds(sample: Sample) -> str | None:
    """Warns of intervals from few seeds.

    Of K seeds, an interval can be no wider than the range of the resamples, which for a mean is
    that of the seeds: it misses the median of a continuous distribution in 2 of 2^K studies.
    """
    seeds = len(sample.seeds)
    if seeds < LEAST_SEEDS:
        return f"has {_counted(seeds, 'seed')}: intervals need {LEAST_SEEDS} or more"
    if seeds < FULL_SEEDS:
        most = 100 * (1 - 2 / 2**seeds)
        return f"has {seeds} seeds: its intervals hold the truth in about {most:.0f} % of studies"
    return None


def table(
    columns: str,
    *,
    title: str,
    needs: Needs,
    note: str = "",
    lack: Say | None = None,
    caution: Say | None = None,
    versions: bool = True,
    resampled: bool = True,
    together: Callable[[Sequence[Sample]], str | None] | None = None,
) -> Callable[[Callable[[Sequence[Sample]], Rows]], Statistic]:
    """Makes a `Statistic` of the function that computes its rows; see it for the arguments.

    Args:
        columns: Names of the columns, separated by blanks.
        title: What it shows.
        needs: What it must have.
        note: What is to be known to read it.
        lack: What else a setting is short of, as the end of a sentence; None for nothing.
        caution: What is to be known of a setting's rows, as the end of a sentence; None for
            nothing.
        versions: Whether there are rows with and without collapsed runs.
        resampled: Whether `low` and `high` are from resampling seeds.
        together: What all settings together are short of.
    """

    def made(compute: Callable[[Sequence[Sample]], Rows]) -> Statistic:
        names = tuple(columns.split())
        name = compute.__name__
        found = Statistic(
            name, names, title, needs, compute, note, lack, caution, versions, resampled, together
        )
        object.__setattr__(found, "__doc__", compute.__doc__)
        return found

    return made
