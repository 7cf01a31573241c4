"""Violins per model and per strength side by side: what decides is seen by their overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from vaebench.analysis import measure
from vaebench.measures import FIT, OF_PLUGINS, STUDY, SUPERVISED, Names
from vaebench.report.figures.board import board, legend, legend_height
from vaebench.report.figures.ladder import Ladder, by_cell, handles, ladder
from vaebench.report.figures.marks import violins
from vaebench.report.figures.record import Drawn, Figure, FigureData, View
from vaebench.report.figures.strengths import stray
from vaebench.report.style import (
    INK,
    WIDTH,
    colour,
    jitter,
    marker,
    sign,
    value_limits,
    value_ticks,
)

MOST = 6
"""Metrics of one figure."""

CROWD = 60
"""Runs in one place up to which each is a point."""

GROUPS = {
    "study": STUDY,
    "more": Names(lambda: (*(name for name in SUPERVISED if name not in STUDY), "udr")),
    "fit": (*FIT, "active_units"),
    "plug_ins": OF_PLUGINS,
}
"""Which metrics share a figure."""


def _draw(data: FigureData) -> Drawn:
    drawn: Drawn = []
    for view in data.views:
        found = ladder(view.sample)
        for key, group in GROUPS.items():
            names = view.sample.having(group)[:MOST]
            if names and len(view.runs) > 1:
                drawn.append((f"{view.slug}_violins_{key}", _figure(view, found, names)))
    return drawn


def _figure(view: View, found: Ladder, names: Sequence[str]) -> Canvas:
    cells = view.sample.cells
    series = list(found.models)
    places, spot = [], 0.0
    for name in series:
        own = np.flatnonzero(cells["series"] == name)
        places += [spot + step for step in range(len(own))]
        spot += len(own) + 0.9
    order = np.concatenate([np.flatnonzero(cells["series"] == name) for name in series])
    order = np.concatenate(
        [own[np.argsort(cells["strength"].to_numpy()[own])] for own in _split(order, cells)]
    )
    top = legend_height([found.names[name] for name in series]) + 0.3
    split = len(cells) > len(series)
    bottom = 0.62 if split else 0.15
    down = 0.34
    row = min(1.6, (8.95 - top - bottom - (len(names) - 1) * down) / len(names))
    shares = [len(series) + 1.0, max(0.62 * len(cells), len(series) + 1.0)]
    placed = board(
        2 * len(names) if split else len(names),
        2 if split else 1,
        row,
        top=top,
        bottom=bottom,
        down=down,
        across=0.12,
        left=0.62,
        shares=shares if split else None,
        width=WIDTH if split else min(WIDTH, 3.5 + len(series)),
    )
    legend(placed.figure, handles(found))
    models = [found.models[one] for one in series]
    by_cell_models = [str(cells["model"].iloc[place]) for place in order]
    for number, name in enumerate(names):
        about = measure(name)
        runs = by_cell(view.sample, name)
        alive = np.concatenate([live for live, _ in runs])
        seen = alive if len(alive) else np.concatenate([dead for _, dead in runs])
        pair = placed.panels[(1 + split) * number : (1 + split) * (number + 1)]
        for axes in pair:
            axes.set_ylim(*value_limits(seen.tolist(), about))
            axes.yaxis.set_major_locator(value_ticks(about, 4))
            axes.tick_params(axis="both", labelsize=9, length=0)
            axes.grid(visible=False, axis="x")
            axes.set_xticks([])
        whole = [
            tuple(np.concatenate([runs[i][part] for i in np.flatnonzero(cells["series"] == one)])
                  for part in (0, 1)) for one in series
        ]  # fmt: skip
        pair[0].set_xlim(-0.7, len(series) - 0.3)
        _panel(pair[0], np.arange(len(series)), whole, models)
        pair[0].set_title(about.title + (f" ({about.unit})" if about.unit else ""), fontsize=10.5)
        if split:
            pair[1].set_xlim(-0.8, places[-1] + 0.8)
            _panel(pair[1], np.array(places), [runs[place] for place in order], by_cell_models)
            pair[1].tick_params(labelleft=False)
    if split:
        _strengths(placed.panels[-1], view, found, places, order)
    placed.panels[0].annotate(
        "by model", (1, 1.03), xycoords="axes fraction", ha="right", fontsize=9, color=INK
    )
    if split:
        placed.panels[1].annotate(
            "by model and strength", (1, 1.03), xycoords="axes fraction", ha="right", fontsize=9
        )
    return placed.figure


def _split(order: np.ndarray, cells: object) -> list[np.ndarray]:
    names = cells["series"].to_numpy()[order]  # type: ignore[index]
    return np.split(order, np.flatnonzero(names[1:] != names[:-1]) + 1)


def _panel(
    axes: Axes,
    places: np.ndarray,
    runs: Sequence[tuple[np.ndarray, ...]],
    models: Sequence[str],
) -> None:
    """Draws violins of runs with an active unit, every run as a point, and their median."""
    hues = [colour(model) for model in models]
    have = violins(axes, places.tolist(), [alive for alive, _ in runs], hues)
    points: dict[str, list[tuple[float, float]]] = {}
    lost: list[tuple[float, float, str]] = []
    for place, (alive, dead), model, violin in zip(places, runs, models, have, strict=True):
        if len(alive) and (len(alive) <= CROWD or not violin):
            spots = place + 0.14 * np.array(jitter(len(alive)))
            points.setdefault(model, []).extend(zip(spots, alive, strict=True))
        if len(dead):
            spots = place + 0.14 * np.array(jitter(len(dead)))
            lost += [(spot, value, model) for spot, value in zip(spots, dead, strict=True)]
    for model, shown in points.items():
        axes.plot(
            *zip(*shown, strict=True),
            linestyle="none",
            marker=marker(model),
            markersize=3.2,
            color=colour(model),
            markeredgewidth=0.6,
            alpha=0.9,
        )
    stray(axes, lost)
    middles = [(p, float(np.median(alive))) for p, (alive, _) in zip(places, runs, strict=True)
               if len(alive)]  # fmt: skip
    if middles:
        at, level = np.array(middles).T
        axes.hlines(level, at - 0.36, at + 0.36, color=INK, linewidth=1.3, zorder=4)


def _strengths(
    axes: Axes, view: View, found: Ladder, places: Sequence[float], order: np.ndarray
) -> None:
    """Sets the strengths below the lowest panel, and each model's hyperparameter below them."""
    cells = view.sample.cells.iloc[order]
    texts = [f"{value:g}" if np.isfinite(value) else "" for value in cells["strength"]]
    axes.set_xticks(places, labels=texts, fontsize=8 if len(places) <= 24 else 6.8)
    at = np.asarray(places)
    for series, model in found.models.items():
        own = cells["series"].to_numpy() == series
        named = cells["strength_name"].to_numpy()[own][0]
        if isinstance(named, str):
            axes.annotate(
                sign(named),
                (float(at[own].mean()), 0),
                xytext=(0, -18),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=10,
                color=colour(model),
            )


violin = Figure(
    name="violins",
    title="How far do models, strengths and seeds overlap?",
    caption=(
        "All runs of each model (left), and the same runs by strength (right): what differs there "
        "within a violin is the seed alone (or the fold). Bar: median. A violin needs "
        "8 runs and bridges no gap; fewer runs are points. Hollow: collapsed runs, which are in "
        "no violin and no median; arrow heads where they lie beyond the axis."
    ),
    tables=(),
    draw=_draw,
)
