"""The CVAE against the beta-VAE, paired by seed or fold: time and quality."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from vaebench.analysis import mean_interval, measure
from vaebench.measures import FIT, SUPERVISED
from vaebench.report.figures.board import board, title
from vaebench.report.figures.marks import dots
from vaebench.report.figures.record import Figure, OfEach, View
from vaebench.report.style import INK, MUTED, colour

ONE, OTHER = "cvae", "betavae_h"
"""The model, and what it is compared with."""

MOST = 9
"""Panels."""


def differences(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """Subtracts the beta-VAE's figure from the CVAE's, by strength, seed and fold.

    Args:
        runs: Runs of one setting.
        name: The figure.

    Returns:
        One row per strength in order, one column per pair of seed and fold; NaN without a pair.
    """
    keys = ["strength", "seed", "fold"]
    sides = [
        runs[runs["model"] == model].groupby(keys, dropna=False)[name].mean()
        for model in (ONE, OTHER)
    ]
    both = pd.concat(sides, axis=1, keys=(ONE, OTHER), join="inner")
    apart = both[ONE] - both[OTHER]
    return apart.unstack(["seed", "fold"]).dropna(how="all")


def _draw(view: View) -> Canvas | None:
    runs = view.runs
    if not {ONE, OTHER} <= set(runs["model"]):
        return None
    names = [*(n for n in FIT if n in view.sample.having(FIT)), "train_seconds"]
    names += view.sample.having(["active_units", *SUPERVISED])
    found = {name: differences(runs, name) for name in names}
    found = {name: table for name, table in found.items() if len(table)}
    if not found:
        return None
    folds = int(runs["folds"].max()) if runs["fold"].nunique() > 1 else None
    shown = dict(list(found.items())[:MOST])
    placed = board(len(shown), 3, 1.75, bottom=0.58, down=0.5, across=0.72, left=0.78, top=0.62)
    strengths = sorted({value for table in shown.values() for value in table.index})
    for axes, (name, table) in zip(placed.panels, shown.items(), strict=True):
        _panel(axes, name, table.reindex(strengths), folds)
        axes.set_xticks(range(len(strengths)), labels=[f"{value:g}" for value in strengths])
        axes.tick_params(labelsize=9.5, labelbottom=axes in placed.lowest())
        if axes in placed.lowest():
            axes.set_xlabel("β", fontsize=10.5, labelpad=1)
    figure = placed.figure
    figure.text(
        0.006,
        1 - 0.2 / figure.get_size_inches()[1],
        f"CVAE minus beta-VAE, paired by {'fold' if folds else 'seed'}",
        fontsize=11,
        color=MUTED,
        va="center",
    )
    return figure


def _panel(axes: Axes, name: str, table: pd.DataFrame, folds: int | None) -> None:
    about = measure(name)
    places = np.arange(len(table), dtype=float)
    values = table.to_numpy(dtype=float)
    ends = [mean_interval(row, folds=folds) for row in values]
    means = np.array([np.nan if found is None else found.mean for found in ends])
    lows = np.array([np.nan if f is None or f.low is None else f.low for f in ends])
    highs = np.array([np.nan if f is None or f.high is None else f.high for f in ends])
    points = values[np.isfinite(values)]
    low, high = min(points.min(), 0.0), max(points.max(), 0.0)
    high = max(high, low + 1e-9)
    room = 0.5 * (high - low)
    known = np.isfinite(lows)
    if known.any():
        low = max(min(low, lows[known].min()), low - room)
        high = min(max(high, highs[known].max()), high + room)
    axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    axes.set_xlim(-0.5, len(table) - 0.5)
    axes.axhline(0, color=INK, linewidth=1.0)
    axes.plot(
        np.repeat(places + 0.17, values.shape[1]),
        values.ravel(),
        linestyle="none",
        marker="o",
        markersize=4,
        markerfacecolor="none",
        markeredgecolor=MUTED,
        markeredgewidth=0.9,
    )
    dots(axes, places, means, lows, highs, hue=colour(ONE), upright=True)
    arrow = {"higher": "↑ CVAE better", "lower": "↓ CVAE better"}
    title(axes, about.title)
    axes.set_ylabel(about.unit, fontsize=9.5, labelpad=1)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    if about.better is not None:
        axes.annotate(
            arrow[about.better],
            (1, 1.02),
            xycoords="axes fraction",
            ha="right",
            va="bottom",
            fontsize=7.8,
            color=MUTED,
        )


paired = Figure(
    name="paired",
    title="Is the CVAE better than the beta-VAE?",
    caption=(
        "Differences of the two models at the same strength, seed by seed (or fold by fold), are "
        "the open points beside their mean with its 95 % interval, Student’s t, of folds "
        "with Nadeau and Bengio’s correction. An arrow head: the interval goes on. An "
        "interval that holds 0 tells no difference."
    ),
    tables=(),
    draw=OfEach("paired", _draw),
)
