"""What a figure of the report is: its words, the tables it draws from, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd
from matplotlib.figure import Figure as Canvas
from pandas.api.types import is_numeric_dtype

from vaebench.analysis.sample import VERSIONS, Sample, prepare
from vaebench.analysis.sample import samples as split

Drawn = list[tuple[str, Canvas]]
"""Figures by the stem of their files: the setting's slug, `_` and the figure's name."""

ALL = "all"
"""Begins the stem of a figure that is of all settings together."""


@dataclass(frozen=True, eq=False)
class View:
    """One setting of a database, as figures see it.

    Attributes:
        slug: What its files begin with; it has no underscore.
        title: What it is called.
        sample: Its runs, as the statistics see them.
        tables: Rows of the computed tables that are of this setting, by table.
        curves: Training curves of its runs.
        several: Whether the database has other settings, so that the title must be said.
    """

    slug: str
    title: str
    sample: Sample
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    curves: pd.DataFrame = field(repr=False)
    several: bool = False

    @property
    def runs(self) -> pd.DataFrame:
        """Its runs, as `vaebench.analysis.prepare` gives them."""
        return self.sample.runs

    def table(self, name: str, collapsed: str = VERSIONS[0]) -> pd.DataFrame:
        """Returns the setting's rows of a table; none where it was not computed.

        Args:
            name: The table.
            collapsed: `with` for all runs, `without` for those with an active unit.
        """
        return version(self.tables.get(name, pd.DataFrame()), collapsed)

    @property
    def collapsed(self) -> int:
        """How many runs have no active unit."""
        return int(self.runs["collapsed"].sum())


@dataclass(frozen=True, eq=False)
class FigureData:
    """All that figures are drawn from.

    Attributes:
        runs: One row per run, as `vaebench.analysis.wide_runs` gives it.
        tables: Computed tables of `vaebench.analysis.TABLES` by name; what is not there is not
            drawn.
        curves: Training curves, as `vaebench.analysis.curves` gives them.
        slugs: What the files of a setting begin with, by the setting's key; its data set's name
            where there is none.
        titles: What a setting is called, by its key; its data set's name where there is none.
    """

    runs: pd.DataFrame = field(repr=False)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict, repr=False)
    curves: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    slugs: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    def table(self, name: str, collapsed: str = VERSIONS[0]) -> pd.DataFrame:
        """Returns a table of all settings, as `View.table` does of one."""
        return version(self.tables.get(name, pd.DataFrame()), collapsed)

    @cached_property
    def views(self) -> list[View]:
        """The settings that have a run; in the order of `slugs`, others after them."""
        if self.runs.empty:
            return []
        every = {sample.setting: sample for sample in split(prepare(self.runs))}
        order = [key for key in self.slugs if key in every]
        order += [key for key in every if key not in self.slugs]
        return [self._view(every[key], several=len(every) > 1) for key in order]

    def _view(self, sample: Sample, *, several: bool) -> View:
        key = sample.setting
        tables = {
            name: rows[rows["setting"] == key]
            for name, rows in self.tables.items()
            if "setting" in rows.columns
        }
        curves = self.curves
        if len(curves):
            curves = curves[curves["job_key"].isin(sample.runs["job_key"])]
        slug = self.slugs.get(key, sample.dataset.replace("_", "-"))
        title = self.titles.get(key, sample.dataset)
        return View(slug, title, sample, tables, curves, several)


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Attributes:
        name: Its name, which files' names end with.
        title: The question that it answers.
        caption: What is drawn and how to read it.
        tables: Names of the analysis tables that it draws from.
        draw: Draws it: any number of figures, none where there is too little. It never raises
            for what a database may lack.
        across: Whether it is of all settings together; else each setting has its own.
    """

    name: str
    title: str
    caption: str
    tables: tuple[str, ...]
    draw: Callable[[FigureData], Drawn] = field(repr=False)
    across: bool = False


def version(rows: pd.DataFrame, collapsed: str) -> pd.DataFrame:
    """Returns the rows of a table that are of all runs, or of those with an active unit."""
    if "collapsed" not in rows.columns or is_numeric_dtype(rows["collapsed"]):
        return rows  # the table `collapse` counts them in a column of that name
    return rows[rows["collapsed"] == collapsed]


@dataclass(frozen=True)
class OfEach:
    """The `draw` of a figure of which every setting has one or none.

    Attributes:
        name: The figure's name.
        one: Draws it for one setting; None where there is too little.
    """

    name: str
    one: Callable[[View], Canvas | None]

    def __call__(self, data: FigureData) -> Drawn:
        """Draws the figure of every setting that has enough for it."""
        found = [(f"{view.slug}_{self.name}", self.one(view)) for view in data.views]
        return [(stem, figure) for stem, figure in found if figure is not None]
