"""Figures of rank correlations: of metrics with each other, without labels, and downstream."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from vaebench.analysis.measures import SUPERVISED
from vaebench.report.figures.matrices import Numbers, matrix, matrix_board, titles
from vaebench.report.figures.record import Figure, OfEach, View

APART = 0.05
"""From so large a difference on, what a correlation is without collapsed runs is written too."""


def pivot(
    frame: pd.DataFrame, rows: str, columns: str, values: str, names: tuple[list[str], list[str]]
) -> Numbers:
    """Makes a matrix of a tidy table, NaN where it has no row."""
    found = frame.pivot_table(index=rows, columns=columns, values=values, aggfunc="first")
    return np.asarray(found.reindex(index=names[0], columns=names[1]), dtype=np.float64)


def differing(view: View, values: Numbers, others: Numbers) -> Numbers | None:
    """Keeps those figures without collapsed runs that differ from those with them."""
    if not view.collapsed:
        return None
    return np.where(np.abs(others - values) >= APART, others, np.nan)


def _metrics(view: View) -> Canvas | None:
    rows = view.table("metric_correlation")
    there = set(rows["metric_a"]) if len(rows) else set()
    names = [name for name in SUPERVISED if name in there]
    if len(names) < 2:
        return None
    both = (names, names)
    values = pivot(rows, "metric_a", "metric_b", "spearman", both)
    rest = view.table("metric_correlation", "without")
    others = differing(view, values, pivot(rest, "metric_a", "metric_b", "spearman", both))
    board = matrix_board(1, titles(names), titles(names))
    matrix(board.panels[0], values, *([titles(names)] * 2), kind="correlation", others=others)
    return board.figure


metric_correlation = Figure(
    name="metric_correlation",
    title="Do the metrics agree?",
    caption=(
        "Spearman’s rank correlation of every two metrics over all runs of the data set, identical "
        "runs counted once. 1 (red): they order the runs alike; 0 (white): they say nothing of "
        "each other. In brackets, where it differs by 0.05 or more: without the collapsed runs. "
        "Intervals are in the table."
    ),
    tables=("metric_correlation",),
    draw=OfEach("metric_correlation", _metrics),
)
