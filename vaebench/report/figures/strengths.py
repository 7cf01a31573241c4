"""Figures over the strength of the regulariser: all models on one axis, strengths by rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from vaebench.analysis import measure
from vaebench.analysis.frames import model_name
from vaebench.analysis.sample import score_columns
from vaebench.measures import CORRELATION, FIT, SUPERVISED, TIMES
from vaebench.metrics import SAMPLED
from vaebench.metrics.dci import ON_TRAINING
from vaebench.metrics.downstream import TASKS
from vaebench.report.figures.board import Board, board, legend, legend_height, title
from vaebench.report.figures.ladder import Ladder, by_cell, handles, ladder
from vaebench.report.figures.marks import band_of
from vaebench.report.figures.record import Drawn, Figure, FigureData, OfEach, View
from vaebench.report.style import INK, MUTED, colour, marker, sign, value_limits, value_ticks

MOST = 12
"""Panels of one figure."""

GROUPS = {
    "fit": (*FIT, "active_units"),
    "scores": SUPERVISED,
    "unsupervised": ("udr", *CORRELATION, *(f"{SAMPLED}{name}" for name in CORRELATION)),
}
"""Which metrics share a figure."""


def groups(view: View) -> dict[str, list[str]]:
    """Names the metrics of a setting by figure; what is in no group is in `others`."""
    found = {key: view.sample.having(names) for key, names in GROUPS.items()}
    known = {*TIMES, *(name for names in GROUPS.values() for name in names)}
    others = [
        name
        for name in view.sample.having(score_columns(view.runs))
        if name not in known and name not in TASKS and not _derived(name)
    ]
    found["others"] = others
    return {
        f"{key}{'' if not start else f'_{1 + start // MOST}'}": names[start : start + MOST]
        for key, names in found.items()
        for start in range(0, len(names), MOST)
    }


def _derived(name: str) -> bool:
    ours = {"warmup_steps", "fold", "folds", "strength", ON_TRAINING.name}
    return name.startswith(SAMPLED) or name in ours


def rung_board(view: View, found: Ladder, count: int, columns: int, most: float = 2.4) -> Board:
    """Makes a board whose lowest panels have the strengths below them, with its legend."""
    top = legend_height([found.names[series] for series in found.models]) + 0.36
    down = 0.42
    bottom = found.height + 0.05
    rows = -(-count // columns)
    row = min(most, (8.95 - top - bottom - (rows - 1) * down) / rows)
    placed = board(count, columns, row, top=top, bottom=bottom, down=down, across=0.55, left=0.68)
    legend(placed.figure, handles(found))
    for axes in placed.panels:
        lowest = axes in placed.lowest()
        found.draw(axes, labelled=lowest, first=lowest and axes in placed.leftmost())
        axes.tick_params(axis="y", labelsize=9.5)
    return placed


def _draw(data: FigureData) -> Drawn:
    drawn: Drawn = []
    for view in data.views:
        found = ladder(view.sample)
        if found.rows:
            for key, names in groups(view).items():
                drawn.append((f"{view.slug}_strengths_{key}", _group(view, found, names)))
    return drawn


def _group(view: View, found: Ladder, names: Sequence[str]) -> Canvas:
    placed = rung_board(view, found, len(names), 4 if len(names) > 6 else 3)
    for axes, name in zip(placed.panels, names, strict=True):
        about = measure(name)
        _panel(axes, view, found, name)
        title(axes, about.title + (f" ({about.unit})" if about.unit else ""))
        axes.yaxis.set_major_locator(value_ticks(about, 5))
    return placed.figure


def _panel(axes: Axes, view: View, found: Ladder, name: str) -> None:
    sample = view.sample
    runs = by_cell(sample, name)
    cells = sample.cells.assign(place=range(len(sample.cells)))
    seen: list[float] = []
    lost: list[tuple[float, float, str]] = []
    for series, group in cells.groupby("series", sort=False):
        model = found.models[str(series)]
        if series in found.level:
            alive = np.concatenate([runs[place][0] for place in group["place"]])
            dead = np.concatenate([runs[place][1] for place in group["place"]])
            together = alive if len(alive) else dead
            _level(axes, band_of(together), colour(model), found.line(str(series)))
            seen += [value for value in band_of(together) if math.isfinite(value)]
            continue
        ordered = group.sort_values("strength")
        cell = [runs[place] for place in ordered["place"]]
        bands = np.array([band_of(alive if len(alive) else dead) for alive, dead in cell])
        places = np.array(found.places(str(series), ordered["strength"].tolist()))
        hollow = np.array([not len(alive) for alive, _ in cell])
        curve(axes, places, bands, model, found.styles[str(series)], hollow)
        seen += bands[np.isfinite(bands)].tolist()
        for x, (alive, dead) in zip(places, cell, strict=True):
            lost += [(x, value, model) for value in dead] if len(alive) else []
    if seen:
        axes.set_ylim(*value_limits(seen, measure(name)))
        stray(axes, lost)


def _level(axes: Axes, band: tuple[float, float, float], hue: str, style: Any) -> None:
    middle, low, high = band
    if math.isfinite(middle):
        axes.axhspan(low, high, color=hue, alpha=0.12, linewidth=0)
        axes.axhline(middle, color=hue, linewidth=1.5, linestyle=style)


def curve(
    axes: Axes,
    places: np.ndarray,
    bands: np.ndarray,
    model: str,
    style: object,
    hollow: np.ndarray | None = None,
) -> None:
    """Draws a line with its band, in a model's colour.

    Args:
        axes: The panel.
        places: Where it goes along the panel [n].
        bands: Middle, lower and upper end [n, 3].
        model: The model.
        style: Line style.
        hollow: Which markers are hollow [n].
    """
    hue = colour(model)
    axes.fill_between(places, bands[:, 1], bands[:, 2], color=hue, alpha=0.13, linewidth=0)
    axes.plot(places, bands[:, 0], color=hue, linewidth=1.6, linestyle=style)
    empty = np.zeros(len(places), dtype=bool) if hollow is None else hollow
    for which, face in ((~empty, hue), (empty, "white")):
        if which.any():
            axes.plot(
                places[which],
                bands[which, 0],
                linestyle="none",
                marker=marker(model),
                markersize=5.5,
                color=hue,
                markerfacecolor=face,
                zorder=3,
                clip_on=False,
            )


def stray(axes: Axes, runs: Sequence[tuple[float, float, str]]) -> None:
    """Draws collapsed runs as small hollow marks; those beyond the axis as arrow heads on its edge.

    Args:
        axes: The panel, its limits set.
        runs: Place, value and model of each.
    """
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for model in dict.fromkeys(run[2] for run in runs):
        own = np.array([run[:2] for run in runs if run[2] == model])
        above, below = own[:, 1] > high, own[:, 1] < low
        for which, mark in ((above, "^"), (below, "v"), (~above & ~below, "o")):
            axes.plot(
                np.clip(own[which, 0], left, right),
                np.clip(own[which, 1], low, high),
                linestyle="none",
                marker=mark,
                markersize=4,
                color=colour(model),
                markerfacecolor="white",
                clip_on=False,
                zorder=3.5,
            )


strengths = Figure(
    name="strengths",
    title="What does the strength of the regulariser do?",
    caption=(
        "Median over seeds (or folds) of every metric against the strength, all models on one "
        "axis: strengths by rank, from a model’s lowest to its highest, their values below. Band: "
        "all runs of a cell, from 10 runs on the middle 80 %. Collapsed runs are left out of both "
        "and are small hollow marks, arrow heads where they lie beyond the axis; a large hollow "
        "mark is a cell of which all runs collapsed. Dashed and level: models without a "
        "strength, or with a single one."
    ),
    tables=(),
    draw=_draw,
)


def _total(view: View) -> Canvas | None:
    rows = view.table("total_correlation")
    found = ladder(view.sample)
    if rows.empty or not found.rows:
        return None
    kinds = [kind for kind in ("sampled", "mean") if kind in set(rows["representation"])]
    placed = rung_board(view, found, len(kinds), 2, most=3.4)
    cells = view.sample.cells
    series = dict(zip(cells["cell"], cells.get("series", cells["model"]), strict=True))
    rows = rows.assign(series=rows["cell"].map(series))
    ends = rows[["mean", "low", "high"]].to_numpy(dtype=float)
    positive = ends[ends > 0]
    floor = float(np.quantile(positive, 0.02)) / 2 if len(positive) else 0.01
    for axes, kind in zip(placed.panels, kinds, strict=True):
        part = rows[rows["representation"] == kind]
        for name, group in part.groupby("series", sort=False):
            bands = group[["mean", "low", "high"]].to_numpy(dtype=float)
            model = found.models[str(name)]
            if name in found.level:
                _level(axes, tuple(bands[0]), colour(model), found.line(str(name)))
                continue
            places = np.array(found.places(str(name), group["strength"].tolist()))
            order = np.argsort(places)
            curve(axes, places[order], bands[order], model, found.styles[str(name)])
        axes.set_yscale("symlog", linthresh=floor, linscale=0.4)
        axes.set_ylim(0, 1.3 * float(np.nanmax(ends)) if len(positive) else 1)
        ticks = _decades(floor, float(np.nanmax(ends)))
        axes.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axes.set_yticks([], minor=True)
        axes.set_title(f"{kind.capitalize()} representation")
    placed.panels[0].set_ylabel("Gaussian total correlation (nats)", fontsize=10.5)
    return placed.figure


def _decades(floor: float, most: float) -> list[float]:
    exponents = range(math.floor(math.log10(floor)), math.ceil(math.log10(max(most, floor))) + 1)
    return [0.0, *(10.0**power for power in exponents if floor <= 10.0**power <= 1.3 * most)]


total_correlation = Figure(
    name="total_correlation",
    title="Do stronger regularisers make the latents independent?",
    caption=(
        "Total correlation of a Gaussian with the covariance of the sampled and of the mean "
        "representation against the strength, by rank: mean over seeds with its 95 % interval from "
        "resampling them. The scale is logarithmic but for its lowest part, which begins at 0. "
        "Methods regularise the sampled representation; the mean one is what is used."
    ),
    tables=("total_correlation",),
    draw=OfEach("total_correlation", _total),
)


def _collapse(view: View) -> Canvas | None:
    rows = view.table("collapse")
    if rows.empty or not rows["collapsed"].sum():
        return None
    models = [name for name in view.sample.models if name in set(rows["model"])]
    most = int(rows.groupby("model").size().max())
    placed = board(
        1, 1, 0.52 * len(models), left=1.35, right=0.2, top=0.12, bottom=0.45,
        width=min(10.0, 1.6 + 1.2 * most),
    )  # fmt: skip
    (axes,) = placed.panels
    shares = np.full((len(models), most), np.nan)
    named = view.runs.drop_duplicates("model")
    names = dict(zip(named["model"], named.get("strength_name", named["model"]), strict=True))
    for y, model in enumerate(models):
        part = rows[rows["model"] == model].sort_values("strength")
        for x, row in enumerate(part.itertuples()):
            share = row.collapsed / row.runs
            shares[y, x] = share
            ink = "white" if share > 0.5 else INK if share else MUTED
            said = f"{row.collapsed} of {row.runs}"
            axes.text(x, y - 0.12, said, color=ink, ha="center", va="center", fontsize=10)
            if math.isfinite(row.strength):
                text = f"{sign(str(names[model]))} = {row.strength:g}"
                axes.text(x, y + 0.26, text, color=ink, ha="center", va="center", fontsize=8)
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1.15, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(models)), labels=[model_name(name) for name in models], fontsize=10)
    axes.set_xticks([])
    axes.set_xlabel("strengths, from a model’s lowest to its highest", fontsize=10.5)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return placed.figure


collapse = Figure(
    name="collapse",
    title="How many runs collapsed?",
    caption=(
        "Runs without an active unit, of all runs of a cell. Their representation tells nothing of "
        "the image, though some scores are high for it. Wilson’s intervals are in the table."
    ),
    tables=("collapse",),
    draw=OfEach("collapse", _collapse),
)
