"""Runs made ready for statistics: collapsed and identical ones flagged, one sample per setting."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from vaebench.analysis.resampling import FloatArray, Resampling
from vaebench.errors import UsageError
from vaebench.measures import ERROR, TIMES
from vaebench.models import model_names
from vaebench.store.schema import RELATIVE, SPEC_COLUMNS

IntArray = npt.NDArray[np.intp]

NEEDED = ("dataset", "model", "strength", "cell", "seed")
"""Columns without which there is no analysis."""

_OTHERS = {*SPEC_COLUMNS, *TIMES, "threads"}

VERSIONS = ("with", "without")
"""Values of the column `collapsed`: of all runs, and of those with an active unit."""


def prepare(frame: pd.DataFrame) -> pd.DataFrame:
    """Makes a frame of runs ready: what is missing is filled in, what matters is flagged.

    Args:
        frame: One row per run with `dataset model strength cell seed` and a column per metric, as
            `vaebench.analysis.wide_runs` gives it; `job_key setting fold active_units` are used
            where it has them.

    Returns:
        The rows in an order of their own (data set, model, strength, cell, seed, fold), whatever
        theirs was, with `collapsed` (no active unit) and `duplicate` (see `duplicates`).

    Raises:
        UsageError: A column is missing.
    """
    if {"collapsed", "duplicate"} <= set(frame.columns):
        return frame
    if lacking := [name for name in NEEDED if name not in frame.columns]:
        raise UsageError(
            f"The frame of runs has no column {', '.join(lacking)}: it must have "
            f"{', '.join(NEEDED)} and one column per metric, as vaebench.runs() gives it."
        )
    filled = {
        "job_key": [f"run {place}" for place in range(len(frame))],
        "setting": frame["dataset"],
        "fold": math.nan,
        "active_units": math.nan,
    }
    filled = {name: values for name, values in filled.items() if name not in frame.columns}
    order = {name: place for place, name in enumerate(model_names())}
    rank = frame["model"].map(lambda name: order.get(name, len(order)))
    ready = frame.assign(**filled, collapsed=False, _rank=rank)
    by = ["dataset", "setting", "_rank", "model", "strength", "cell", "seed", "fold", "job_key"]
    ready = ready.sort_values(by, kind="stable", ignore_index=True).drop(columns="_rank")
    ready["collapsed"] = ready["active_units"] == 0
    ready["duplicate"] = duplicates(ready)
    return ready


def duplicates(frame: pd.DataFrame) -> pd.Series:
    """Flags runs that say again what a run above them says.

    Objectives can be the same under two names, as beta-VAE's and beta-TCVAE's at beta 1: their
    runs of a seed are one training, and every figure is the same to the bit. Statistics that
    pool models count them once, under the model that comes first.

    Args:
        frame: Runs in order, as `prepare` gives them.

    Returns:
        True for runs whose reconstruction, ELBO and every other score (but for those relative to
        their cell) are those of an earlier run of another cell with the same setting, seed and
        fold. Without reconstruction and ELBO, equal figures may be chance: False.
    """
    if not {"reconstruction", "elbo"} <= set(frame.columns) or frame.empty:
        return pd.Series(False, index=frame.index)
    figures = [name for name in score_columns(frame) if name not in RELATIVE]
    same = ["setting", "seed", "fold", *figures]
    again = frame.duplicated(same, keep="first")
    first_cell = frame.groupby(same, dropna=False, sort=False)["cell"].transform("first")
    certain = frame[["reconstruction", "elbo"]].notna().all(axis=1)
    return again & certain & (first_cell != frame["cell"])


@dataclass(frozen=True, eq=False)
class Sample:
    """The runs of one setting on one data set, with their seeds and the resamples of these.

    Attributes:
        dataset: Name of the data set.
        setting: Key of the setting: what else the runs share.
        runs: The runs, n of them, as `prepare` gives them.
        resampling: How seeds are resampled.
    """

    dataset: str
    setting: str
    runs: pd.DataFrame
    resampling: Resampling = field(default_factory=Resampling)

    @property
    def labels(self) -> dict[str, str]:
        """What names the sample in a row of a table."""
        return {"dataset": self.dataset, "setting": self.setting}

    @cached_property
    def seeds(self) -> npt.NDArray[np.int64]:
        """The different seeds, ascending [K]."""
        return np.unique(self.runs["seed"].to_numpy(dtype=np.int64))

    @cached_property
    def seed_codes(self) -> IntArray:
        """Place in `seeds` of each run's seed [n]."""
        return np.asarray(np.searchsorted(self.seeds, self.runs["seed"].to_numpy(dtype=np.int64)))

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The cells in order, one row each: `cell model strength` (and how people name them)."""
        named = ["cell", "model", "strength", "strength_name", "parameters", "series", "cell_label"]
        columns = [name for name in named if name in self.runs.columns]
        return self.runs[columns].drop_duplicates("cell", ignore_index=True)

    @cached_property
    def cell_codes(self) -> IntArray:
        """Place in `cells` of each run's cell [n]."""
        return np.asarray(pd.Index(self.cells["cell"]).get_indexer(self.runs["cell"]))

    @cached_property
    def models(self) -> list[str]:
        """The models, in the order of `vaebench.models`."""
        return list(dict.fromkeys(self.cells["model"]))

    @cached_property
    def model_codes(self) -> IntArray:
        """Place in `models` of each run's model [n]."""
        return np.asarray(pd.Index(self.models).get_indexer(self.runs["model"]))

    @cached_property
    def weights(self) -> FloatArray:
        """How often each seed is in each resample [B, K]; the same for all of a setting's tables.

        So differences between models or metrics within a resample are of the same seeds.
        """
        return self.resampling.weights(f"{self.dataset}/{self.setting}", len(self.seeds))

    @cached_property
    def pooled(self) -> Sample:
        """The sample for statistics that pool models: identical runs once, all seeds kept."""
        if not self.runs["duplicate"].any():
            return self
        kept = self.runs[~self.runs["duplicate"]].reset_index(drop=True)
        return Sample(self.dataset, self.setting, kept, self.resampling)

    def values(self, name: str) -> FloatArray:
        """Returns a metric of every run [n], NaN where a run has none."""
        return np.asarray(self.runs[name], dtype=np.float64)

    def grid(self, name: str) -> FloatArray:
        """Returns a metric by cell and seed [C, K], meaned over folds; NaN where there is none."""
        values = self.values(name)
        kept = np.isfinite(values)
        place = self.cell_codes[kept] * len(self.seeds) + self.seed_codes[kept]
        size = len(self.cells) * len(self.seeds)
        counts = np.bincount(place, minlength=size)
        sums = np.bincount(place, weights=values[kept], minlength=size)
        mean = np.divide(sums, counts, out=np.full(size, math.nan), where=counts > 0)
        return np.asarray(mean.reshape(len(self.cells), len(self.seeds)))

    def interval(
        self, draws: npt.ArrayLike, around: npt.ArrayLike | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Reads intervals off figures of the resamples [B, …], see `Resampling.interval`."""
        return self.resampling.interval(draws, len(self.seeds), around)

    def having(self, names: Sequence[str]) -> list[str]:
        """Returns those of the metrics that at least one run has."""
        return [n for n in names if n in self.runs.columns and self.runs[n].notna().any()]


def samples(frame: pd.DataFrame, resampling: Resampling | None = None) -> list[Sample]:
    """Splits runs by data set and setting.

    Args:
        frame: Runs, as `prepare` gives them.
        resampling: How seeds are resampled.
    """
    how = resampling or Resampling()
    found = frame.groupby(["dataset", "setting"], sort=True)
    return [
        Sample(str(dataset), str(setting), runs.reset_index(drop=True), how)
        for (dataset, setting), runs in found
    ]


@dataclass(frozen=True, eq=False)
class Split:
    """Runs made ready and split by data set and setting, once for all tables.

    Attributes:
        runs: The runs, as `prepare` gives them.
        resampling: How seeds are resampled.
    """

    runs: pd.DataFrame
    resampling: Resampling = field(default_factory=Resampling)

    @classmethod
    def of(cls, runs: pd.DataFrame | Split, resampling: Resampling | None = None) -> Split:
        """Makes runs ready and splits them, unless they are.

        Args:
            runs: One row per run, as `vaebench.analysis.wide_runs` gives it, or a `Split`.
            resampling: How seeds are resampled; a `Split` keeps its own without.
        """
        if isinstance(runs, Split) and resampling in {None, runs.resampling}:
            return runs
        frame = runs.runs if isinstance(runs, Split) else runs
        return cls(prepare(frame), resampling or Resampling())

    @cached_property
    def samples(self) -> list[Sample]:
        """The runs of each data set and setting."""
        return samples(self.runs, self.resampling)

    @cached_property
    def active(self) -> Split:
        """Those with an active unit; where no run collapsed, the same object."""
        if not self.runs["collapsed"].any():
            return self
        return Split(self.runs[~self.runs["collapsed"]], self.resampling)


def versions(split: Split) -> Iterator[tuple[str, Split]]:
    """Yields all runs as `with`, then those with an active unit as `without`."""
    yield VERSIONS[0], split
    yield VERSIONS[1], split.active


def score_columns(frame: pd.DataFrame) -> list[str]:
    """Returns the columns that are figures of a run: numbers, not of the job, times or errors."""
    numbers = frame.select_dtypes(include=["float", "integer"]).columns
    return [name for name in numbers if name not in _OTHERS and not name.endswith(ERROR)]
