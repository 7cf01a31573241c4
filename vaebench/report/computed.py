"""The tables of the analysis, computed once for a report, with what they lack in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from vaebench.analysis import TABLES, Split, Statistic
from vaebench.report.contents import dataset_title
from vaebench.report.processes import of_each

_BY_NAME = {table.name: table for table in TABLES}


@dataclass(frozen=True)
class Computed:
    """Every table of the analysis on the runs of a database.

    Attributes:
        split: The runs, by data set and setting.
        tables: The tables by name; those that lack something have no rows of what lacks it.
        missing: By table, what is missing where it leaves something out, in whole sentences.
        cautions: By table, what is to be known to read it, in whole sentences.
    """

    split: Split = field(repr=False)
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    missing: Mapping[str, list[str]]
    cautions: Mapping[str, list[str]]

    @property
    def runs(self) -> pd.DataFrame:
        """The runs, as `vaebench.analysis.prepare` gives them."""
        return self.split.runs

    def record(self, name: str) -> Statistic:
        """Returns what a table is."""
        return _BY_NAME[name]


def compute(runs: pd.DataFrame, advance: Callable[[int], None]) -> Computed:
    """Computes all tables, several at a time.

    Args:
        runs: One row per run, as `vaebench.analysis.wide_runs` gives it.
        advance: Is told how many are done.
    """
    split = Split.of(runs)
    for each in (*split.samples, *split.active.samples):  # made once, before processes are forked
        each.weights  # noqa: B018
        each.pooled  # noqa: B018

    def one(name: str) -> tuple[pd.DataFrame, list[str], list[str]]:
        table = _BY_NAME[name]
        said = table.missing(split, dataset_title), table.cautions(split, dataset_title)
        return table(split), *said

    names = list(_BY_NAME)
    found = dict(zip(names, of_each(one, names, advance), strict=True))
    return Computed(
        split,
        {name: found[name][0] for name in names},
        {name: found[name][1] for name in names},
        {name: found[name][2] for name in names},
    )
