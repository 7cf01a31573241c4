"""Figures of how scores spread over runs, and of what runs cost, model by model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from vaebench.analysis import measure
from vaebench.report.style import (
    INK,
    MUTED,
    colour,
    jitter,
    marker,
    panels,
    value_limits,
    value_ticks,
)

LEAST = 6
"""Fewer runs than this are points alone: a violin of them would be an invention."""

NARROW = 16
"""Letters of a title for which there is room above one of four panels."""


def distribution_figure(frame: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Draws the distribution of each metric over all runs of a model.

    Args:
        frame: Runs of one setting.
        names: Metrics, one panel each.

    Returns:
        The figure: violins with points and the median; points with the median alone where a
        model has fewer than `LEAST` runs or all its values are the same.
    """
    series = list(dict.fromkeys(frame["series"]))
    height = 0.85 + 0.5 * len(series)
    narrow = all(len(measure(name).title) <= NARROW for name in names)
    columns = 4 if narrow and -len(names) % 4 < -len(names) % 3 else 3
    figure, grid = panels(len(names), columns=columns, height=max(height, 1.9), sharey=True)
    for axes, name in zip(grid, names, strict=True):
        for place, label in enumerate(series):
            group = frame[frame["series"] == label].dropna(subset=[name])
            if not group.empty:
                _one(axes, place, group, name)
            else:
                axes.annotate(
                    "not defined",
                    (0.5, place),
                    xycoords=axes.get_yaxis_transform(),
                    color=MUTED,
                    ha="center",
                    va="center",
                    fontsize=10,
                )
        about = measure(name)
        axes.set_xlim(*value_limits(frame[name].dropna().tolist(), about))
        axes.xaxis.set_major_locator(value_ticks(about, 4))
        axes.set_title(about.title)
        axes.set_xlabel(about.unit or "score")
        axes.set_yticks(range(len(series)), labels=series)
        axes.set_ylim(len(series) - 0.45, -0.55)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    return figure


def _one(axes: Axes, place: int, group: pd.DataFrame, name: str) -> None:
    values = group[name].to_numpy(dtype=float)
    model = group["model"].iloc[0]
    if len(values) >= LEAST and np.ptp(values) > 1e-9 * max(np.abs(values).max(), 1e-300):
        parts = axes.violinplot(
            [values], positions=[place], orientation="horizontal", widths=0.8, showextrema=False
        )
        for body in parts["bodies"]:  # type: ignore[attr-defined]
            body.set(facecolor=colour(model), alpha=0.22, edgecolor="none")
    spread = np.array(jitter(len(values))) * (0.16 if len(values) > 2 else 0.08)
    axes.scatter(
        values,
        place + spread,
        s=24 if len(values) <= 60 else 8,
        marker=marker(model),
        facecolor=colour(model),
        edgecolor="white",
        linewidth=0.4,
        alpha=0.85,
        zorder=3,
    )
    middle = float(np.median(values))
    axes.plot([middle, middle], [place - 0.3, place + 0.3], color=INK, linewidth=2.2, zorder=2.5)


def time_figure(frame: pd.DataFrame) -> Figure:
    """Draws the wall time of a run by model: training and evaluation, with a point per run.

    Args:
        frame: Runs of one setting.

    Returns:
        The figure.
    """
    series = list(dict.fromkeys(frame["series"]))
    figure, (axes,) = panels(1, columns=1, height=1.15 + 0.5 * len(series))
    longest = float(frame["wall_seconds"].max())
    for place, label in enumerate(series):
        group = frame[frame["series"] == label].dropna(subset=["wall_seconds"])
        model = group["model"].iloc[0]
        train = float(group["train_seconds"].mean())
        evaluation = float(group["eval_seconds"].mean())
        axes.barh(place, train, 0.56, color=colour(model))
        axes.barh(
            place,
            evaluation,
            0.56,
            left=train,
            color=colour(model),
            alpha=0.35,
            hatch="///",
            edgecolor="white",
        )
        totals = group["wall_seconds"].to_numpy(dtype=float)
        axes.scatter(
            totals,
            place + np.array(jitter(len(totals))) * 0.18,
            s=15 if len(totals) <= 60 else 6,
            marker=marker(model),
            facecolor="white",
            edgecolor=colour(model),
            linewidth=0.9,
            zorder=3,
        )
        longest = max(longest, train + evaluation)
        axes.annotate(
            f"{train:.1f} + {evaluation:.1f} s",
            (max(float(totals.max()), train + evaluation), place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(range(len(series)), labels=series)
    axes.set_ylim(len(series) - 0.45, -0.55)
    axes.set_xlim(0, 1.16 * longest or 1.0)
    axes.set_xlabel("wall time of a run (seconds)")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    figure.legend(
        handles=[
            Patch(facecolor=MUTED, label="training"),
            Patch(facecolor="#bdbdbd", hatch="///", edgecolor="white", label="evaluation"),
        ],
        loc="outside upper left",
        ncols=2,
    )
    return figure
