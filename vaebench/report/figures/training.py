"""The figure of training curves: one thin line per run, coloured by strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from vaebench.measures import measure
from vaebench.outcome import NATS
from vaebench.report.figures.board import board, legend, legend_height
from vaebench.report.figures.record import Drawn, Figure, FigureData, View
from vaebench.report.style import colour, shades, sign, signed

QUANTITIES = ("loss", "reconstruction", "kl")

MOST = 6
"""Models of one figure."""

LINES = 30
"""Runs of a model that are drawn at most: evenly over its strengths and seeds."""


def _draw(data: FigureData) -> Drawn:
    drawn: Drawn = []
    for view in data.views:
        if view.curves.empty:
            continue
        keys = set(view.curves.dropna(subset=list(QUANTITIES), how="all")["job_key"])
        there = view.runs[view.runs["job_key"].isin(keys)]
        series = list(dict.fromkeys(there["series"]))
        for start in range(0, len(series), MOST):
            part = series[start : start + MOST]
            stem = f"{view.slug}_curves{f'_{1 + start // MOST}' if start else ''}"
            drawn.append((stem, _figure(view, there, part)))
    return drawn


def _figure(view: View, runs: pd.DataFrame, series: Sequence[str]) -> Canvas:
    curves = view.curves
    shown = [name for name in QUANTITIES if curves[name].notna().any()]
    runs = runs[runs["series"].isin(series)]
    hues = _hues(runs)
    heads = {label: hue for hue, label in hues.values()}
    top = (legend_height(list(heads)) if heads else 0.0) + 0.36
    down = 0.12
    row = min(1.9, (8.95 - top - 0.58 - down * (len(series) - 1)) / len(series))
    placed = board(
        len(shown) * len(series),
        len(shown),
        row,
        top=top,
        bottom=0.58,
        down=down,
        left=0.95,
        right=0.28,
        across=0.5,
    )
    by_run = dict(iter(curves.groupby("job_key", sort=False)))
    for place, axes in enumerate(placed.panels):
        one, name = series[place // len(shown)], shown[place % len(shown)]
        own = runs[runs["series"] == one]
        own = own.iloc[np.unique(np.linspace(0, len(own) - 1, LINES).round().astype(int))]
        drawn = _lines(axes, own, by_run, name, hues)
        _vertical(
            axes, name, drawn if name == "loss" or not len(drawn) else _all(curves, runs, name)
        )
        axes.set_xlim(0, float(curves["step"].max()))
        axes.tick_params(labelsize=9, labelbottom=axes in placed.lowest())
        axes.locator_params(axis="x", nbins=5)
        if not len(drawn):
            axes.set_axis_off()
            axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", fontsize=9.5)
        if place < len(shown):
            axes.set_title(f"{measure(name).title} ({NATS})", fontsize=10)
        if place % len(shown) == 0:
            axes.set_ylabel(signed(one).replace(", ", "\n"), fontsize=9.5)
    for axes in placed.lowest():
        axes.set_xlabel("steps", fontsize=10, labelpad=1)
    if heads:
        lines = [
            Line2D([], [], color=hue, linewidth=2.5, label=text) for text, hue in heads.items()
        ]
        legend(placed.figure, lines, size=9.5)
    return placed.figure


def _all(curves: pd.DataFrame, runs: pd.DataFrame, name: str) -> np.ndarray:
    kept = curves.loc[curves["job_key"].isin(runs["job_key"]), name].dropna()
    return np.asarray(kept, dtype=float)


def _hues(runs: pd.DataFrame) -> dict[tuple[str, float], tuple[str, str]]:
    """Gives each strength a colour and its word in the legend.

    Where models have different hyperparameters the colours tell the rank, as do other figures.
    """
    found: dict[tuple[str, float], tuple[str, str]] = {}
    swept = runs.dropna(subset=["strength"])
    names = list(dict.fromkeys(swept["strength_name"]))
    for series, group in swept.groupby("series", sort=False):
        same = swept if len(names) == 1 else group
        strengths = sorted(float(value) for value in same["strength"].unique())
        most = len(strengths)
        for rank, (value, hue) in enumerate(zip(strengths, shades(most), strict=True)):
            word = f"{sign(str(names[0]))} = {value:g}"
            if len(names) > 1:
                ends = {most - 1: f"{most} (highest)", 0: "1 (lowest or only strength)"}
                word = ends.get(rank, f"{rank + 1}")
            found[str(series), value] = hue, word
    return found


def _lines(
    axes: Axes,
    runs: pd.DataFrame,
    by_run: Mapping[object, pd.DataFrame],
    name: str,
    hues: Mapping[tuple[str, float], tuple[str, str]],
) -> np.ndarray:
    seen = [np.array([])]
    for run in runs.itertuples():
        curve = by_run.get(run.job_key)
        if curve is None or curve[name].isna().all():
            continue
        hue = hues.get((run.series, run.strength), (colour(run.model), ""))[0]
        mark = "o" if len(curve) == 1 else ""
        axes.plot(curve["step"], curve[name], color=hue, linewidth=0.9, marker=mark, markersize=3)
        seen.append(curve[name].dropna().to_numpy(dtype=float))
    return np.concatenate(seen)


def _vertical(axes: Axes, name: str, values: np.ndarray) -> None:
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    if low > 0 and high > 10 * low and name != "kl":
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(low / 1.25, high * 1.25)
        return
    room = 0.05 * (high - low) or 1.0
    axes.set_ylim(-room / 2 if name == "kl" else low - room, high + room)
    axes.locator_params(axis="y", nbins=4)


curves = Figure(
    name="curves",
    title="How did training go?",
    caption=(
        "One thin line per run, at most 30 of a model, averaged over the steps between two logged "
        "points. Reconstruction and KL share a scale down their column; losses of different models "
        "are different objectives and do not. A scale is logarithmic where values span more than "
        "a factor of ten."
    ),
    tables=(),
    draw=_draw,
)
