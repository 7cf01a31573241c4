"""The figure of training curves: one thin line per run, coloured by strength."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from vaebench.analysis.frames import symbol
from vaebench.report.style import MUTED, colour, legend_above, panels, shades

QUANTITIES = (("loss", "Loss"), ("reconstruction", "Reconstruction"), ("kl", "KL"))


def curve_figure(frame: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """Draws loss, reconstruction and KL over the steps, one row of panels per model.

    Args:
        frame: Runs of one setting.
        curves: Their curves, as `vaebench.analysis.curves` gives them.

    Returns:
        The figure; the scales of reconstruction and KL are the same down their column. Losses of
        different objectives cannot be compared, so each model's has a scale of its own.
    """
    series = [s for s in dict.fromkeys(frame["series"]) if _has(frame, curves, s)]
    shown = [(name, title) for name, title in QUANTITIES if curves[name].notna().any()]
    count = len(series) * len(shown)
    figure, grid = panels(count, columns=len(shown), height=2.3, sharex=True)
    by_run = {str(key): curve for key, curve in curves.groupby("job_key")}
    hues = _hues(frame[frame["series"].isin(series)])
    for i, axes in enumerate(grid):
        label, (name, title) = series[i // len(shown)], shown[i % len(shown)]
        drawn = _panel(axes, frame[frame["series"] == label], by_run, name, hues)
        if i < len(shown):
            axes.set_title(title)
        if not drawn:
            where = axes.transAxes
            axes.text(0.5, 0.5, f"no {title}", transform=where, ha="center", color=MUTED)
            axes.set_axis_off()
        if i >= count - len(shown):
            axes.set_xlabel("steps")
        if i % len(shown) == 0:
            axes.set_ylabel(f"{label}\nnats per image")
        of_model = curves["job_key"].isin(frame[frame["series"] == label]["job_key"])
        _vertical(axes, curves[of_model][name] if name == "loss" else curves[name])
    for axes in grid:
        axes.set_xlim(0, float(curves["step"].max()))
    if hues:
        _legend(figure, hues)
    return figure


def _legend(figure: Figure, hues: Mapping[tuple[str, float], str]) -> None:
    """Says which colour is which strength; several hyperparameters have a column each."""
    columns: dict[str, list[Line2D]] = {}
    for (name, value), hue in hues.items():
        label = f"{symbol(name)} = {value:g}"
        columns.setdefault(name, []).append(Line2D([], [], color=hue, linewidth=2.5, label=label))
    if len(columns) == 1:
        legend_above(figure, next(iter(columns.values())))
        return
    rows = max(len(column) for column in columns.values())
    for column in columns.values():
        column += [Line2D([], [], linestyle="", label=" ") for _ in range(rows - len(column))]
    handles = [handle for column in columns.values() for handle in column]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(columns))


def _has(frame: pd.DataFrame, curves: pd.DataFrame, series: str) -> bool:
    return bool(frame[frame["series"] == series]["job_key"].isin(curves["job_key"]).any())


def _panel(
    axes: Axes,
    group: pd.DataFrame,
    by_run: Mapping[str, pd.DataFrame],
    name: str,
    hues: Mapping[tuple[str, float], str],
) -> bool:
    drawn = False
    for key, model, which, strength in zip(
        group["job_key"], group["model"], group["strength_name"], group["strength"], strict=True
    ):
        curve = by_run.get(key)
        if curve is None or curve[name].isna().all():
            continue
        axes.plot(
            curve["step"],
            curve[name],
            color=hues.get((which, strength), colour(model)),
            linewidth=1.0,
            alpha=0.9,
            marker="o" if len(curve) == 1 else "",
            markersize=3,
        )
        drawn = True
    return drawn


def _hues(frame: pd.DataFrame) -> dict[tuple[str, float], str]:
    """Gives each strength a colour, the same for all models that share the hyperparameter."""
    hues: dict[tuple[str, float], str] = {}
    for name, group in frame.dropna(subset=["strength"]).groupby("strength_name", sort=False):
        strengths = sorted(group["strength"].unique())
        pairs = zip(strengths, shades(len(strengths)), strict=True)
        hues |= {(str(name), float(value)): hue for value, hue in pairs}
    return hues


def _vertical(axes: Axes, values: pd.Series[float]) -> None:
    kept = values.dropna()
    low, high = float(kept.min()), float(kept.max())
    if low > 0 and high > 10 * low and values.name != "kl":
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(low / 1.25, high * 1.25)
    else:
        room = 0.05 * (high - low) or 1.0
        axes.set_ylim(-room / 2 if values.name == "kl" else low - room, high + room)
