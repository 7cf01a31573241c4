"""The tables of the analysis, computed once for a report, with what they lack in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from vaebench.analysis import TABLES, Table, prepare
from vaebench.report.processes import of_each

_BY_NAME = {table.name: table for table in TABLES}


@dataclass(frozen=True)
class Computed:
    """Every table of the analysis on the runs of a database.

    Attributes:
        runs: The runs, as `vaebench.analysis.prepare` gives them.
        tables: The tables by name; those that lack something have no rows of what lacks it.
        missing: By table, what is missing where it leaves something out, in whole sentences.
        cautions: By table, what is to be known to read it, in whole sentences.
    """

    runs: pd.DataFrame = field(repr=False)
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    missing: Mapping[str, list[str]]
    cautions: Mapping[str, list[str]]

    def record(self, name: str) -> Table:
        """Returns what a table is."""
        return _BY_NAME[name]


def compute(runs: pd.DataFrame, advance: Callable[[int], None]) -> Computed:
    """Computes all tables, several at a time.

    Args:
        runs: One row per run, as `vaebench.analysis.wide_runs` gives it.
        advance: Is told how many are done.
    """
    ready = prepare(runs)

    def one(name: str) -> tuple[pd.DataFrame, list[str], list[str]]:
        table = _BY_NAME[name]
        return table(ready), table.missing(ready), table.cautions(ready)

    names = list(_BY_NAME)
    found = dict(zip(names, of_each(one, names, advance), strict=True))
    return Computed(
        ready,
        {name: found[name][0] for name in names},
        {name: found[name][1] for name in names},
        {name: found[name][2] for name in names},
    )
