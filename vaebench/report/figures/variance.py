"""Figures of what decides a metric: its variance by model, strength and seed; luck; noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from vaebench.analysis import measure
from vaebench.measures import SUPERVISED
from vaebench.report.figures.board import board, legend, text_width
from vaebench.report.figures.marks import dots
from vaebench.report.figures.record import Figure, OfEach, View
from vaebench.report.style import INK, MUTED

FILLS = {
    "model": ("#3b2f63", "white"),
    "strength": ("#9a8fc4", INK),
    "seed": ("#c9a227", INK),
    "model:seed": ("#dcc36e", INK),
    "residual": ("#efe3ba", INK),
}
"""Colour and ink of each component: violets for what is chosen, golds for what the seed brings."""

WORDS = {
    "model": "model",
    "strength": "strength, given the model",
    "seed": "seed, alike for all",
    "model:seed": "seed, by model",
    "residual": "seed, by model and strength",
}
PARTS = {"model": "Model", "strength": "Strength", "seed": "Seed"}

_ROOM = 0.085


def _components(view: View) -> Canvas | None:
    rows = view.table("variance_components")
    if rows.empty:
        return None
    rest = view.table("variance_components", "without")
    there = list(dict.fromkeys(rows["metric"]))
    names = [name for name in (*SUPERVISED, *there) if name in there]
    names = list(dict.fromkeys(names))
    parts = [part for part in PARTS if part in set(rows["part"])]
    left = max(text_width(measure(name).title, 10) for name in names) + 0.2
    height = min(0.36 * len(names), 7.7)
    placed = board(
        1 + len(parts),
        1 + len(parts),
        height,
        left=left,
        top=0.7,
        bottom=0.55,
        across=0.22,
        shares=[3.1, *[1.0] * len(parts)],
    )
    bars, *whiskers = placed.panels
    for place, name in enumerate(names):
        start = 0.0
        for row in rows[rows["metric"] == name].itertuples():
            fill, ink = FILLS[row.component]
            bars.barh(place, row.share, 0.7, left=start, color=fill, edgecolor="white")
            if row.share >= _ROOM:
                bars.text(
                    start + row.share / 2,
                    place,
                    f"{100 * row.share:.0f} %",
                    color=ink,
                    ha="center",
                    va="center",
                    fontsize=9,
                )
            start += row.share
    _shares(bars, len(names))
    bars.set_yticks(range(len(names)), labels=[measure(name).title for name in names])
    bars.set_xlabel("share of the variance over runs", fontsize=10.5)
    bars.grid(visible=False)
    bars.spines["left"].set_visible(False)
    for axes, part in zip(whiskers, parts, strict=True):
        _shares(axes, len(names), few=True)
        axes.set_title(PARTS[part], fontsize=10.5)
        axes.tick_params(labelleft=False)
        axes.set_yticks(range(len(names)))
        for frame, filled in ((rest, False), (rows, True)):
            if filled or view.collapsed:
                _whiskers(axes, frame[frame["part"] == part], names, FILLS[part][0], filled)
    components = [name for name in FILLS if name in set(rows["component"])]
    legend(placed.figure, [Patch(facecolor=FILLS[c][0], label=WORDS[c]) for c in components])
    return placed.figure


def _whiskers(axes: Axes, rows: pd.DataFrame, names: list[str], hue: str, filled: bool) -> None:
    shown = rows.drop_duplicates("metric")
    shown = shown[shown["metric"].isin(names)]
    dots(
        axes,
        [names.index(name) + (0.0 if filled else 0.24) for name in shown["metric"]],
        shown["part_share"],
        shown["part_low"],
        shown["part_high"],
        hue=hue,
        filled=filled,
        size=6 if filled else 4,
    )


def _shares(axes: Axes, count: int, *, few: bool = False) -> None:
    ticks = [0, 0.5, 1] if few else [0, 0.25, 0.5, 0.75, 1]
    axes.set_xlim(0, 1)
    labels = [f"{100 * tick:.0f}" for tick in ticks]
    labels[-1] += " %"
    axes.set_xticks(ticks, labels=labels, fontsize=9 if few else 9.5)
    first, *_, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    axes.set_ylim(count - 0.45, -0.6)
    axes.tick_params(axis="y", length=0, labelsize=10)


variance_components = Figure(
    name="variance_components",
    title="Seed, strength or model: what decides a metric?",
    caption=(
        "Unbiased shares of a metric’s variance over all runs, identical runs counted once. Gold "
        "is all that comes with the seed: alike for all runs, for all strengths of a model, and "
        "for one cell alone (with the score’s own noise). On the right the three parts with their "
        "95 % intervals from resampling seeds; small and hollow: without the collapsed runs. Below "
        "5 seeds the shares are of expected mean squares cut at 0, else of REML."
    ),
    tables=("variance_components",),
    draw=OfEach("variance_components", _components),
)


def rows_of(
    view: View, table: str, value: str, end: float, label: str, marks: dict[float, str]
) -> Canvas | None:
    """Draws one figure of each metric as a point in a row.

    Args:
        view: The setting.
        table: The table, with a row per metric.
        value: Its column of figures; `low` and `high` are drawn where it has them.
        end: Least end of the axis, which begins at 0.
        label: Name of the axis.
        marks: Places of lines across, with what is said of them.
    """
    rows = view.table(table)
    if rows.empty:
        return None
    rest = view.table(table, "without")
    names = [name for name in SUPERVISED if name in set(rows["metric"])]
    words = [text_width(measure(name).title, 10) for name in names]
    left = max(*words, *(text_width(said, 9) / 2 for said in marks.values())) + 0.2
    row = 0.27 * len(names) + 0.1
    placed = board(1, 1, row, left=left, top=0.32, bottom=0.55, width=8.0, right=0.3)
    (axes,) = placed.panels
    shown = pd.concat([rows, rest] if view.collapsed else [rows])
    most = float(np.nanmax(shown[[c for c in (value, "high") if c in shown]].to_numpy(dtype=float)))
    axes.set_xlim(0, max(end, 1.06 * most))
    axes.set_ylim(len(names) - 0.4, -0.6)
    for at, said in marks.items():
        axes.axvline(at, color=MUTED, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.annotate(
            said,
            (at, 1),
            xytext=(0, 3),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=9,
            color=MUTED,
        )
    for frame, filled in ((rest, False), (rows, True)):
        shown = frame[frame["metric"].isin(names)] if filled or view.collapsed else frame[:0]
        nothing = pd.Series(np.nan, index=shown.index)
        dots(
            axes,
            [names.index(name) + (0.0 if filled else 0.26) for name in shown["metric"]],
            shown[value],
            shown.get("low", nothing),
            shown.get("high", nothing),
            hue=FILLS["model"][0],
            filled=filled,
            size=6.5 if filled else 4.5,
        )
    axes.set_yticks(range(len(names)), labels=[measure(n).title for n in names], fontsize=10)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label, fontsize=10.5)
    return placed.figure


def _luck(view: View) -> Canvas | None:
    marks = {0.0: "hyperparameters decide all", 0.5: "the seed decides all"}
    label = "probability that a run of the worse cell beats one of the better"
    return rows_of(view, "seed_or_strength", "probability", 0.56, label, marks)


seed_or_strength = Figure(
    name="seed_or_strength",
    title="A good seed, or good hyperparameters?",
    caption=(
        "How often a run of a worse cell beats a run of a better one with another seed, with its "
        "95 % interval from leaving seeds out in turn; small and hollow: without the collapsed "
        "runs."
    ),
    tables=("seed_or_strength",),
    draw=OfEach("seed_or_strength", _luck),
)


def _noise(view: View) -> Canvas | None:
    marks = {1.0: "all of it"}
    label = "variance of the score’s own evaluation over that within cells"
    return rows_of(view, "evaluation_noise", "share", 1.1, label, marks)


evaluation_noise = Figure(
    name="evaluation_noise",
    title="How much of the spread over seeds is the evaluation’s own?",
    caption=(
        "Variance that a score has because it is computed from some points and not from others, "
        "over its variance between seeds of a cell, which holds it. Near 1 the seeds cannot be "
        "told apart; with few seeds it may come out above 1. Small and hollow: without the "
        "collapsed runs."
    ),
    tables=("evaluation_noise",),
    draw=OfEach("evaluation_noise", _noise),
)
