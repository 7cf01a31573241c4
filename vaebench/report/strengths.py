"""Figures of scores against the strength of the regulariser, one line per model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, Transform

from vaebench.analysis import measure, run_interval
from vaebench.analysis.frames import symbol
from vaebench.report.style import (
    MUTED,
    WIDTH,
    colour,
    legend_above,
    marker,
    panels,
    series_styles,
    value_limits,
    value_ticks,
)

FEW = 10
"""Up to so many seeds in a cell each is drawn as a point."""

_SPREAD = 9.0


def strength_figure(
    frame: pd.DataFrame, names: Sequence[str], strength_name: str, *, height: float = 2.9
) -> Figure:
    """Draws metrics against a strength: the mean over seeds with its 95 % interval.

    Models that have this strength are lines over it; those without any are level bands. Every
    seed is a point of its own where a cell has at most `FEW`.

    Args:
        frame: Runs of one setting, as `vaebench.analysis.runs` gives them.
        names: Metrics, one panel each.
        strength_name: The hyperparameter on the horizontal axis.
        height: Of a row of panels, inches.

    Returns:
        The figure.
    """
    swept = frame[frame["strength_name"] == strength_name]
    level = frame[frame["strength_name"].isna()]
    styles = series_styles(frame[["series", "model"]].itertuples(index=False, name=None))
    figure, grid = panels(len(names), columns=3, height=height)
    width = WIDTH / grid[0].get_gridspec().ncols - 1.0  # type: ignore[union-attr]
    for axes, name in zip(grid, names, strict=True):
        lines = swept.dropna(subset=[name])
        bands = level.dropna(subset=[name])
        _scale(axes, sorted(swept["strength"].unique()), width)
        for series in dict.fromkeys(bands["series"]):
            _band(axes, bands[bands["series"] == series], name, styles[series])
        order = list(dict.fromkeys(lines["series"]))
        for number, series in enumerate(order):
            shift = (number - (len(order) - 1) / 2) * min(_SPREAD, 30 / len(order))
            _line(axes, lines[lines["series"] == series], name, shift, styles[series])
        about = measure(name)
        axes.set_ylim(*value_limits(_seen(pd.concat([lines, bands]), name), about))
        axes.yaxis.set_major_locator(value_ticks(about, 6))
        axes.set_title(about.title)
        axes.set_ylabel(about.unit or "score")
        axes.set_xlabel(symbol(strength_name))
    legend_above(figure, _legend(frame[frame.index.isin([*swept.index, *level.index])], styles))
    return figure


def _line(axes: Axes, group: pd.DataFrame, name: str, shift: float, style: object) -> None:
    model = group["model"].iloc[0]
    place = _moved(axes, shift)
    xs: list[float] = []
    means: list[float] = []
    for strength in sorted({float(value) for value in group["strength"]}):
        cell = group[group["strength"] == strength]
        found = run_interval(cell, name)
        if found is None:
            continue
        xs.append(strength)
        means.append(found.mean)
        if found.low is not None and found.high is not None:
            axes.plot(
                [strength, strength],
                [found.low, found.high],
                color=colour(model),
                linewidth=1.6,
                alpha=0.75,
                solid_capstyle="butt",
                transform=place,
            )
        if 1 < len(cell) <= FEW:
            axes.plot(
                [strength] * len(cell),
                cell[name],
                linestyle="none",
                marker=marker(model),
                markersize=3.4,
                markerfacecolor="white",
                markeredgecolor=colour(model),
                markeredgewidth=0.9,
                transform=place,
                zorder=4,
            )
    axes.plot(
        xs,
        means,
        color=colour(model),
        linestyle=style,
        linewidth=1.8,
        marker=marker(model),
        markersize=7.5,
        markeredgecolor="white",
        markeredgewidth=0.8,
        transform=place,
        zorder=3,
    )


def _band(axes: Axes, group: pd.DataFrame, name: str, style: object) -> None:
    model = group["model"].iloc[0]
    found = run_interval(group, name)
    if found is None:
        return
    if found.low is not None and found.high is not None:
        axes.axhspan(found.low, found.high, color=colour(model), alpha=0.1, linewidth=0)
    axes.axhline(found.mean, color=colour(model), linewidth=1.4, linestyle=(0, (4, 2)))
    if len(group) <= FEW:
        axes.plot(
            [0.985] * len(group),
            group[name],
            linestyle="none",
            marker=marker(model),
            markersize=4,
            markerfacecolor="white",
            markeredgecolor=colour(model),
            markeredgewidth=0.9,
            transform=axes.get_yaxis_transform(),
        )


def _legend(frame: pd.DataFrame, styles: dict[str, object]) -> list[Line2D]:
    handles = []
    for series in dict.fromkeys(frame["series"].tolist()):
        group = frame[frame["series"] == series]
        model = group["model"].iloc[0]
        plain = group["strength_name"].isna().all()
        handles.append(
            Line2D(
                [],
                [],
                color=colour(model),
                linestyle=(0, (4, 2)) if plain else styles[series],  # type: ignore[arg-type]
                linewidth=1.8,
                marker=marker(model),
                markersize=6.5,
                label=f"{series} (no strength)" if plain else str(series),
            )
        )
    return handles


def _moved(axes: Axes, points: float) -> Transform:
    """Moves what is drawn sideways by typographic points, on any kind of scale."""
    figure = axes.get_figure()
    assert figure is not None
    return axes.transData + ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)


def _scale(axes: Axes, strengths: Sequence[float], width: float) -> None:
    """Spaces the strengths for the eye, by their logarithm where they span decades.

    Args:
        axes: The panel.
        strengths: The strengths, in order.
        width: Of the panel, inches; labels that would touch are left out, never the last.
    """
    positive = [value for value in strengths if value > 0]
    wide = bool(positive) and max(positive) >= 10 * min(positive)
    if wide and len(positive) < len(strengths):
        axes.set_xscale("symlog", linthresh=min(positive), linscale=0.6)
    elif wide:
        axes.set_xscale("log")
    forward = axes.get_xaxis().get_transform().transform
    places = forward(np.asarray(strengths, dtype=np.float64))
    span = float(places[-1] - places[0]) or 1.0
    room = 0.09 * span
    if len(strengths) == 1:
        room = 0.5 if wide or not positive else 0.5 * max(abs(strengths[0]), 1.0)
    ends = axes.get_xaxis().get_transform().inverted()
    low, high = ends.transform(np.array([places[0] - room, places[-1] + room]))
    axes.set_xlim(float(low), float(high))
    unit = 1.18 * span / width
    shown: list[float] = []
    last = np.inf
    for value, place in reversed(list(zip(strengths, places, strict=True))):
        need = (0.1 + 0.09 * max(len(f"{v:g}") for v in (value, *shown[-1:]))) * unit
        if last - place >= need:
            shown.append(value)
            last = float(place)
    axes.set_xticks(shown, labels=[f"{value:g}" for value in shown])
    axes.set_xticks([], minor=True)
    axes.tick_params(axis="x", color=MUTED)


def _seen(frame: pd.DataFrame, name: str) -> list[float]:
    """Returns what must be seen of a metric: the runs, and the intervals' ends unless far off.

    With two seeds an interval is 13 times as wide as they lie apart: shown whole, it would hide
    what the runs say.
    """
    values = [float(value) for value in frame[name]]
    low, high = min(values), max(values)
    room = 0.4 * (high - low)
    for _, cell in frame.groupby("cell"):
        found = run_interval(cell, name)
        if found is not None and found.low is not None and found.high is not None:
            values += [max(found.low, low - room), min(found.high, high + room)]
    return values
