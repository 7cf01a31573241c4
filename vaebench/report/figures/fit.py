"""Figures of fit and cost: the rate-distortion plane and wall time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from vaebench.outcome import NATS
from vaebench.report.figures.board import board, legend, legend_height, text_width
from vaebench.report.figures.ladder import handles, ladder
from vaebench.report.figures.marks import limits
from vaebench.report.figures.record import Figure, OfEach, View
from vaebench.report.figures.strengths import stray
from vaebench.report.style import INK, MUTED, colour, jitter, marker, signed


def _plane(view: View) -> Canvas | None:
    runs = view.runs.dropna(subset=["kl", "reconstruction"])
    if len(runs) < 2:
        return None
    found = ladder(view.sample)
    top = legend_height(list(found.names.values())) + 0.15
    placed = board(1, 1, 4.9, top=top, bottom=0.6, left=0.8)
    (axes,) = placed.panels
    legend(placed.figure, handles(found, sorted(set(runs["series"]))))
    alive = runs[~runs["collapsed"]] if not runs["collapsed"].all() else runs
    for series, group in alive.groupby("series", sort=False):
        model = found.models[str(series)]
        axes.plot(
            group["kl"],
            group["reconstruction"],
            linestyle="none",
            marker=marker(model),
            markersize=4,
            color=colour(model),
            alpha=0.5,
            markeredgewidth=0.5,
        )
    columns = ["kl", "reconstruction"]
    cells = alive.groupby(["series", "strength"], sort=False, dropna=False)[columns].median()
    for series, line in cells.groupby(level="series", sort=False):
        model = found.models[str(series)]
        ordered = line.sort_index()
        axes.plot(
            ordered["kl"],
            ordered["reconstruction"],
            color=colour(model),
            linestyle=found.styles[str(series)],
            linewidth=1.6,
            marker=marker(model),
            markersize=7,
        )
    low, high = limits(alive["kl"])
    axes.set_xlim(max(low, -0.02 * high), high)
    axes.set_ylim(*limits(alive["reconstruction"]))
    dead = runs[runs["collapsed"]]
    stray(axes, list(dead[["kl", "reconstruction", "model"]].itertuples(index=False, name=None)))
    axes.grid(visible=False)
    _diagonals(axes)
    axes.set_xlabel(f"rate: KL ({NATS})")
    axes.set_ylabel(f"distortion: reconstruction ({NATS})")
    return placed.figure


def _diagonals(axes: Axes) -> None:
    """Draws lines of equal ELBO, each with its value."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    span = (high + right) - (low + left)
    step = next(
        size * 10.0**power
        for power in range(-3, 9)
        for size in (1, 2, 5)
        if span / (size * 10.0**power) <= 9
    )
    figure = axes.get_figure(root=True)
    assert figure is not None
    width, height = figure.get_size_inches() * axes.get_position().size
    angle = -np.degrees(np.arctan2(height / (high - low), width / (right - left)))
    for cost in np.arange(np.ceil((low + left) / step) * step, high + right, step):
        axes.plot(
            [left, right],
            [cost - left, cost - right],
            color="#c9c9c9",
            linewidth=0.9,
            zorder=0.5,
            scalex=False,
            scaley=False,
        )
        x = _free(axes, cost)
        if x is not None:
            axes.text(
                x,
                cost - x,
                f"ELBO {-cost:g}".replace("-", "−"),
                rotation=angle,
                rotation_mode="anchor",
                ha="center",
                va="bottom",
                fontsize=8,
                color=MUTED,
                clip_on=True,
                zorder=0.6,
            )


def _free(axes: Axes, cost: float) -> float | None:
    """Finds a place for a word on a diagonal: as far right as no run is near, else the farthest."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    inner = 0.07 * (right - left), 0.06 * (high - low)
    first, last = (
        max(left + inner[0], cost - high + inner[1]),
        min(right - inner[0], cost - low - inner[1]),
    )
    if first > last:
        return None
    runs = np.concatenate([line.get_xydata() for line in axes.lines if line.get_marker() != "None"])
    places = np.linspace(last, first, 25)
    scale = np.array([right - left, high - low])
    apart = (np.stack([places, cost - places], axis=1)[:, None] - runs) / scale
    nearest = np.hypot(apart[..., 0] / 1.5, apart[..., 1]).min(axis=1)  # a word is wide
    free = np.flatnonzero(nearest > 0.05)
    return float(places[free[0] if len(free) else nearest.argmax()])


rate_distortion = Figure(
    name="rate_distortion",
    title="What does a nat of the code buy?",
    caption=(
        "Each run’s KL (rate) and reconstruction (distortion), both in nats per image; large marks "
        "are medians over seeds of runs with an active unit, a line joins a model’s strengths in "
        "order. On a grey line the ELBO is the same; nearer the lower left is better. Hollow: "
        "collapsed runs, as arrow heads where they lie beyond the axis."
    ),
    tables=(),
    draw=OfEach("rate_distortion", _plane),
)


def _time(view: View) -> Canvas | None:
    kinds = (("train_seconds", "Training"), ("eval_seconds", "Evaluation"))
    there = [(name, text) for name, text in kinds if view.runs[name].notna().any()]
    if not there:
        return None
    series = list(dict.fromkeys(view.runs["series"]))
    left = max(text_width(name, 10.5) for name in series) + 0.2
    row = min(0.36 * len(series) + 0.2, 7.8)
    placed = board(len(there), 2, row, left=min(left, 3.5), bottom=0.55, right=0.3)
    for axes, (name, text) in zip(placed.panels, there, strict=True):
        longest = float(view.runs[name].max())
        for place, one in enumerate(series):
            own = view.runs[view.runs["series"] == one]
            values = own[name].dropna().to_numpy(dtype=float)
            if not len(values):
                continue
            model = own["model"].iloc[0]
            middle = float(np.median(values))
            spots = place + 0.2 * np.array(jitter(len(values)))
            axes.plot(
                values,
                spots,
                linestyle="none",
                marker=marker(model),
                markersize=3.6,
                color=colour(model),
                alpha=0.55,
                markeredgewidth=0,
            )
            axes.vlines(middle, place - 0.36, place + 0.36, color=INK, linewidth=2.2, zorder=4)
            axes.annotate(
                _seconds(middle),
                (1.015, place),
                xycoords=axes.get_yaxis_transform(),
                va="center",
                ha="left",
                fontsize=9.5,
            )
        axes.set_xlim(0, 1.04 * longest or 1.0)
        axes.set_ylim(len(series) - 0.4, -0.6)
        axes.set_yticks(range(len(series)), labels=[signed(one) for one in series])
        axes.set_xlabel("seconds a run")
        axes.set_title(text)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    _room(placed.panels, placed.figure)
    for axes in placed.beside():
        axes.tick_params(labelleft=False)
    return placed.figure


def _room(panels: list[Axes], figure: Canvas) -> None:
    """Leaves room for the medians on the right of each panel."""
    for axes in panels:
        box = axes.get_position()
        wide = box.width - 0.55 / figure.get_size_inches()[0]
        axes.set_position((box.x0, box.y0, wide, box.height))


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 99.5 else f"{seconds:.1f} s"


wall_time = Figure(
    name="wall_time",
    title="What does a run cost?",
    caption=(
        "Wall time of every run, with the median over runs as a bar and a number: an outlier, as "
        "another program on the machine makes one, moves no median."
    ),
    tables=(),
    draw=OfEach("wall_time", _time),
)
