"""Figures of rank correlations: of metrics with each other, without labels, and downstream."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from vaebench.analysis import measure
from vaebench.measures import SUPERVISED
from vaebench.report.figures.board import text_width, title
from vaebench.report.figures.matrices import (
    HEAD,
    Numbers,
    hush,
    matrix,
    matrix_board,
    small_board,
    titles,
)
from vaebench.report.figures.record import ALL, Drawn, Figure, FigureData, OfEach, View

APART = 0.05
"""From so large a difference on, what a correlation is without collapsed runs is written too."""


def pivot(
    frame: pd.DataFrame, rows: str, columns: str, values: str, names: tuple[list[str], list[str]]
) -> Numbers:
    """Makes a matrix of a tidy table, NaN where it has no row."""
    found = frame.pivot_table(index=rows, columns=columns, values=values, aggfunc="first")
    return np.array(found.reindex(index=names[0], columns=names[1]), dtype=np.float64)


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


def _columns(view: View, table: str, row: str) -> tuple[list[str], list[str]]:
    rows = view.table(table)
    metrics = [name for name in SUPERVISED if name in set(rows["metric"])]
    return list(dict.fromkeys(rows[row])), metrics


def _pair(view: View, name: str, row: str, kinds: dict[str, str]) -> Canvas | None:
    """Draws a table of rows by metrics, one matrix for each column of values."""
    rows = view.table(name)
    if rows.empty:
        return None
    kinds = {key: text for key, text in kinds.items() if rows[key].notna().any()}
    both = _columns(view, name, row)
    rest = view.table(name, "without")
    wide = len(both[1]) * len(kinds) > 12
    board = matrix_board(
        len(kinds),
        titles(both[0]),
        titles(both[1]),
        labels=9.0 if wide else 10.0,
        heads=list(kinds.values()) if len(kinds) > 1 else (),
    )
    for axes, (column, text) in zip(board.panels, kinds.items(), strict=True):
        values = pivot(rows, row, "metric", column, both)
        others = differing(view, values, pivot(rest, row, "metric", column, both))
        matrix(
            axes,
            values,
            titles(both[0]),
            titles(both[1]),
            kind="correlation",
            others=None if wide else others,
            size=7.6 if wide else 9.5,
            bare=wide,
            labels=9.0 if wide else 10.0,
        )
        if len(kinds) > 1:
            axes.set_title(text, fontsize=HEAD)
    for axes in board.beside():
        axes.tick_params(labelleft=False)
    return board.figure


def _unsupervised(view: View) -> Canvas | None:
    kinds = {"spearman": "Over all runs", "within_spearman": "Within cells: the seed alone"}
    return _pair(view, "unsupervised_correlation", "unsupervised", kinds)


unsupervised_correlation = Figure(
    name="unsupervised_correlation",
    title="Can a model be chosen without labels?",
    caption=(
        "Spearman’s rank correlation of what is known without labels with every metric: over all "
        "runs, and within cells, where runs differ in the seed alone. What is to be chosen by "
        "must be far from 0 in the same direction everywhere. UDR is of runs that score each "
        "other. Numbers without the collapsed runs and intervals are in the table."
    ),
    tables=("unsupervised_correlation",),
    draw=OfEach("unsupervised_correlation", _unsupervised),
)


def _downstream(view: View) -> Canvas | None:
    return _pair(view, "downstream_correlation", "downstream", {"spearman": ""})


downstream_correlation = Figure(
    name="downstream_correlation",
    title="Does disentanglement help downstream?",
    caption=(
        "Spearman’s rank correlation of downstream accuracies, and of the statistical efficiency "
        "(accuracy with 100 labels over that with 10,000), with every metric, over all runs. In "
        "brackets, where it differs by 0.05 or more: without the collapsed runs."
    ),
    tables=("downstream_correlation",),
    draw=OfEach("downstream_correlation", _downstream),
)


def _transfer(data: FigureData) -> Drawn:
    drawn: Drawn = []
    rows = data.table("transfer")
    if rows.empty:
        return drawn
    for view in data.views:
        own = rows[
            (rows["setting_a"] == view.sample.setting) & (rows["setting_b"] == rows["setting_a"])
        ]
        names = [name for name in SUPERVISED if name in set(own["metric"])]
        if len(names) > 1:
            board = matrix_board(1, titles(names), titles(names), cell=0.38)
            values = pivot(own, "metric", "metric_b", "spearman", (names, names))
            np.fill_diagonal(values, 1.0)
            matrix(board.panels[0], values, *([titles(names)] * 2), kind="correlation")
            drawn.append((f"{view.slug}_transfer", board.figure))
    between = rows[(rows["setting_a"] != rows["setting_b"]) & (rows["metric"] == rows["metric_b"])]
    found = _between(data, between)
    return drawn + ([(f"{ALL}_transfer", found)] if found is not None else [])


def _between(data: FigureData, rows: pd.DataFrame) -> Canvas | None:
    """Draws how each metric agrees with itself between data sets."""
    names = [name for name in SUPERVISED if name in set(rows["metric"])]
    if not names:
        return None
    keys = [view.sample.setting for view in data.views]
    keys = [key for key in keys if key in {*rows["setting_a"]}]
    called = {view.sample.setting: view.title for view in data.views}
    words = [called[key] for key in keys]
    columns = 4 if len(names) % 5 else 5
    longest = max(text_width(word, 9) for word in words)
    height = min(0.4 * len(keys), (8.6 - 0.6 * longest) / -(-len(names) // columns) - 0.42)
    placed = small_board(len(names), columns, height, words, words)
    for axes, name in zip(placed.panels, names, strict=True):
        own = rows[rows["metric"] == name]
        values = pivot(own, "setting_a", "setting_b", "spearman", (keys, keys))
        np.fill_diagonal(values, 1.0)
        matrix(axes, values, words, words, kind="correlation", size=9, labels=9)
        title(axes, measure(name).title, size=10.5)
    hush(placed)
    return placed.figure


transfer = Figure(
    name="transfer",
    title="Do good hyperparameters stay good on other data and by other metrics?",
    caption=(
        "Spearman’s rank correlation of the cells’ medians over seeds: of each metric with itself "
        "between data sets (a database of several has that figure), and of two metrics on one "
        "data set. Near 1: what was tuned on the one is good on the other."
    ),
    tables=("transfer",),
    draw=_transfer,
)
