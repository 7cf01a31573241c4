"""`vaebench compare`: whether one database repeats another, cell by cell, with a verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vaebench.cli import tables
from vaebench.cli.tables import Column, figure
from vaebench.passwords import hidden
from vaebench.sweeping.stored import compare as compared

if TYPE_CHECKING:
    import pandas as pd

    from vaebench.analysis import Comparison


def compare(
    first: Annotated[str, typer.Argument(metavar="A.db", help="The database to compare with.")],
    second: Annotated[str, typer.Argument(metavar="B.db", help="The replication.")],
    every: Annotated[
        bool, typer.Option("--all", help="A row for each metric of each cell, not only a cell's.")
    ] = False,
) -> None:
    """Say whether a second database repeats a first: the same bits, or the same within noise.

    Runs of one key are compared figure by figure. Cells are compared metric by metric: by a t test
    paired by seed where the seeds are the same, else by Welch's, all adjusted by Holm's method.
    Exit code 0 means repeated, 1 that something differs.

    Example: vaebench compare results/laptop-v1/results.db results/results.db
    """
    found = compared(first, second)
    first, second = hidden(first), hidden(second)
    rows = _every(found.tests) if every else _cells(found)
    tables.emit_table(
        _EVERY if every else _CELLS, rows, whole="send the output to a file or a pipe"
    )
    for text in _remarks(found, first, second):
        tables.emit(Text(text))
    if found.verdict == "different":
        raise typer.Exit(1)


_CELLS = (
    Column("dataset", spare=3),
    Column("cell"),
    Column("runs", right=True),
    Column("same bits", right=True, spare=1),
    Column("largest shift", spare=2),
    Column("in SE", right=True, spare=2),
    Column("adjusted p", right=True, spare=1),
    Column("verdict"),
)
_EVERY = (
    Column("dataset", spare=3),
    Column("cell"),
    Column("metric"),
    Column("A", right=True),
    Column("B", right=True),
    Column("B - A", right=True),
    Column("95 % interval", spare=2),
    Column("adjusted p", right=True, spare=1),
)


def _cells(found: Comparison) -> list[list[str]]:
    """A row a cell: how many runs are the same bits, and the metric with the surest shift."""
    same = found.runs[found.runs["different"] == 0]["cell_label"].value_counts()
    rows = []
    for _, tests in found.tests.groupby(["dataset", "parameters", "cell_label"], sort=False):
        first = tests.iloc[0]
        counts = [int(tests["runs_a"].max()), int(tests["runs_b"].max())]
        equal = int(same.get(first["cell_label"], 0))
        known = tests.dropna(subset=["p"])
        shift, errors, p, verdict = "-", "-", "-", "one run: cannot be told"
        if equal == max(counts):
            verdict = "same bits"
        elif not known.empty:
            surest = known.loc[known["p"].idxmin()]
            shift, p = surest["metric"], _p(known["p_adjusted"].min())
            half = (surest["high"] - surest["low"]) / 2
            errors = f"{abs(surest['difference']) / half:.2f}" if half else "-"
            differing = known[known["p_adjusted"] < 0.05]["metric"]
            verdict = f"differs: {', '.join(differing)}" if len(differing) else "within noise"
        rows.append(
            [
                first["dataset"],
                first["cell_label"],
                f"{counts[0]}" if counts[0] == counts[1] else f"{counts[0]} / {counts[1]}",
                f"{equal} of {max(counts)}",
                shift,
                errors,
                p,
                verdict,
            ]
        )
    return rows


def _every(tests: pd.DataFrame) -> list[list[str]]:
    return [
        [
            row.dataset,
            row.cell_label,
            row.metric,
            figure(row.mean_a),
            figure(row.mean_b),
            figure(row.difference),
            "-" if math.isnan(row.low) else f"{figure(row.low)} to {figure(row.high)}",
            _p(row.p_adjusted),
        ]
        for row in tests.itertuples()
    ]


def _p(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _remarks(found: Comparison, first: str, second: str) -> list[str]:
    """The lines below the table: what could not be compared, and the verdict."""
    lines = [""]
    for name, cells in ((first, found.only_a), (second, found.only_b)):
        if cells:
            lines.append(f"Only in {name}: {'; '.join(cells)}.")
    lines += [f"The settings differ in {name}: {a}, and {b}." for name, a, b in found.setting]
    shared = len(found.runs)
    lines.append(
        f"{found.same_bits} of {shared} runs that both have are the same to the last bit."
        if shared
        else "No run is in both: seeds or settings differ."
    )
    tests = int(found.tests["p"].notna().sum())
    if found.verdict == "same bits":
        lines.append("Verdict: the same bits.")
    elif tests:
        paired = bool(found.tests["paired"].all())
        name = "paired t test" if paired else "t test (paired by seed or Welch's)"
        seen = f"{tests} tests of means, {name}, Holm's adjustment at 5 %"
        if found.differences.empty:
            lines.append(f"Verdict: the same within the seeds' noise ({seen}: none differs).")
        else:
            lines.append(f"Verdict: different ({seen}: {len(found.differences)} differ).")
    else:
        lines.append("Verdict: none, since each cell has one run on a side; train more seeds.")
    return lines
