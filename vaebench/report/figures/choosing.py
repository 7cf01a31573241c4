"""Figures of choosing: elsewhere, by cross-validation, of many trials, with so many seeds."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from vaebench.analysis import measure
from vaebench.analysis.frames import model_name
from vaebench.analysis.tables.folds import CRITERIA
from vaebench.report.figures.board import board, legend, legend_height, title
from vaebench.report.figures.comparison import main, model_handles
from vaebench.report.figures.correlations import pivot
from vaebench.report.figures.ladder import ladder
from vaebench.report.figures.marks import dots, limits, within
from vaebench.report.figures.matrices import hush, matrix, small_board
from vaebench.report.figures.record import ALL, Drawn, Figure, FigureData, OfEach, View
from vaebench.report.style import INK, MUTED, colour, marker, sign

CHOICES = {
    "metric": ("the metric itself", INK, "-", 2.0),
    "udr": ("UDR", "#6a3d9a", (0, (5, 2)), 1.8),
    "elbo": ("ELBO", "#01665e", (0, (1.5, 1.5)), 1.8),
    "random": ("at random", "#9a9a9a", "-", 1.4),
}
"""What a run is chosen by, with its colour, line style and width."""


def _selection(data: FigureData) -> Drawn:
    rows = data.table("selection")
    if rows.empty:
        return []
    words = {
        (True, True): "same metric, same data",
        (True, False): "same metric, other data",
        (False, True): "other metric, same data",
        (False, False): "other metric, other data",
    }
    rest = data.table("selection", "without")
    shown = [key for key in words if len(rows[_is(rows, key)])]
    placed = board(1, 1, 0.42 * len(shown), left=2.3, top=0.32, bottom=0.55, width=8.0, right=0.5)
    (axes,) = placed.panels
    axes.set_xlim(0.3, 1.0)
    lows = np.concatenate([rows["low"].dropna().to_numpy(), rows["probability"].to_numpy()])
    axes.set_xlim(min(0.4, float(lows.min()) - 0.03), 1.0)
    axes.set_ylim(len(shown) - 0.45, -0.6)
    axes.axvline(0.5, color=MUTED, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.annotate("chance", (0.5, 1), xytext=(0, 3), xycoords=axes.get_xaxis_transform(),
                  textcoords="offset points", ha="center", fontsize=9, color=MUTED)  # fmt: skip
    collapsed = any(view.collapsed for view in data.views)
    for frame, filled in ((rest, False), (rows, True)):
        for place, key in enumerate(shown):
            own = frame[_is(frame, key)]
            if filled or collapsed:
                at = [place + (0.0 if filled else 0.26)] * len(own)
                dots(axes, at, own["probability"], own["low"], own["high"], hue="#3b2f63",
                     filled=filled, size=7 if filled else 4.5)  # fmt: skip
            if filled and len(own):
                text = f"{100 * own['probability'].iloc[0]:.0f} %"
                axes.annotate(text, (1.01, place), xycoords=axes.get_yaxis_transform(),
                              va="center", fontsize=10)  # fmt: skip
    axes.set_yticks(range(len(shown)), labels=[words[key] for key in shown], fontsize=10.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("probability to beat a cell drawn at random", fontsize=10.5)
    return [(f"{ALL}_selection", placed.figure)]


def _is(frame: object, key: tuple[bool, bool]) -> object:
    return (frame["same_metric"] == key[0]) & (frame["same_dataset"] == key[1])  # type: ignore[index]


selection = Figure(
    name="selection",
    title="Do hyperparameters that were chosen elsewhere beat chance?",
    caption=(
        "How probably the cell that is best by one metric, on one data set, with one seed beats a "
        "cell drawn at random, judged with another seed by the same or another metric, on the same "
        "or another data set; 95 % intervals from resampling seeds. Small and hollow: without the "
        "collapsed runs."
    ),
    tables=("selection",),
    draw=_selection,
    across=True,
)


def _best(view: View) -> Canvas | None:
    rows = view.table("best_of")
    names = main(rows["metric"]) if len(rows) else []
    names = [n for n in names if rows.loc[rows["metric"] == n, "trials"].max() > 1]
    if not names:
        return None
    keys = [key for key in CHOICES if key in set(rows["chosen_by"])]
    lines = [
        Line2D([], [], label=text, color=hue, linestyle=style, linewidth=wide)  # type: ignore[arg-type]
        for text, hue, style, wide in (CHOICES[key] for key in keys)
    ]
    top = legend_height([CHOICES[key][0] for key in keys]) + 0.36
    placed = board(len(names), 3, 2.05, top=top, bottom=0.58, down=0.42, across=0.5, left=0.62)
    for axes, name in zip(placed.panels, names, strict=True):
        own = rows[rows["metric"] == name]
        for key in keys:
            part = own[own["chosen_by"] == key]
            _, hue, style, wide = CHOICES[key]
            axes.plot(part["trials"], part["value"], color=hue, linestyle=style, linewidth=wide)
        most = int(own["trials"].max())
        axes.set_xscale("log")
        axes.set_xlim(1, most)
        ticks = [tick for tick in (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000) if tick <= most]
        axes.set_xticks(ticks, labels=[f"{tick:,}" for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set_ylim(*limits(own["value"], measure(name)))
        axes.locator_params(axis="y", nbins=5)
        axes.tick_params(labelsize=9.5, labelbottom=axes in placed.lowest())
        title(axes, measure(name).title)
    for axes in placed.lowest():
        axes.set_xlabel("trials", fontsize=10.5, labelpad=1)
    legend(placed.figure, lines)
    return placed.figure


best_of = Figure(
    name="best_of",
    title="What does it cost to choose a run without labels?",
    caption=(
        "Metric of the run that is chosen from so many trials, on average over all draws of as "
        "many runs, whatever their model, strength and seed. The distance between the upper line "
        "and that of ELBO or UDR is the price of having no labels; below “at random”, choosing is "
        "worse than not choosing."
    ),
    tables=("best_of",),
    draw=OfEach("best_of", _best),
)


def _power(view: View) -> Canvas | None:
    rows, means = view.table("seeds_power"), view.table("iqm")
    if rows.empty or means.empty:
        return None
    names = main(rows["metric"])
    models = view.sample.models
    top = legend_height([model_name(name) for name in models]) + 0.5
    placed = board(len(names), 3, 1.95, top=top, bottom=0.58, down=0.52, left=0.68)
    for axes, name in zip(placed.panels, names, strict=True):
        own = means[means["metric"] == name]
        best = own.loc[own["iqm"].idxmax(), "model"]
        part = rows[rows["metric"] == name]
        for model in models:
            pair = part[part["model_a"].isin([best, model]) & part["model_b"].isin([best, model])]
            if model != best and len(pair):
                axes.plot(
                    pair["seeds"], pair["power"], color=colour(model), marker=marker(model),
                    markersize=3.6, linewidth=1.5,
                )  # fmt: skip
        axes.axhline(0.8, color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)))
        seeds = len(view.sample.seeds)
        axes.axvline(seeds, color=MUTED, linewidth=1.6, linestyle=(0, (1, 1.5)), zorder=0.9)
        axes.set_xscale("log")
        axes.set_xlim(1.9, 105)
        axes.set_xticks([2, 5, 10, 20, 50, 100], labels=["2", "5", "10", "20", "50", "100"])
        axes.set_xticks([], minor=True)
        axes.set_ylim(0, 1.02)
        axes.set_yticks([0, 0.2, 0.5, 0.8, 1], labels=["0", "20 %", "50 %", "80 %", "100 %"])
        axes.tick_params(labelsize=9.5, labelbottom=axes in placed.lowest())
        title(axes, f"{measure(name).title}: {model_name(best)} against")
    for axes in placed.beside():
        axes.tick_params(labelleft=False)
    for axes in placed.lowest():
        axes.set_xlabel("seeds", fontsize=10.5, labelpad=1)
    legend(placed.figure, model_handles(models))
    return placed.figure


seeds_power = Figure(
    name="seeds_power",
    title="How probably would so many seeds show the difference of two models?",
    caption=(
        "Of the best model by its interquartile mean against each other one: share of resamples "
        "of so many seeds in which a paired t test at 5 % finds the difference that all seeds "
        "show. Dashed: 80 %, what studies aim at; dotted: the seeds that there are. Others are "
        "in the table."
    ),
    tables=("seeds_power", "iqm"),
    draw=OfEach("seeds_power", _power),
)


def _needed(view: View) -> Canvas | None:
    rows = view.table("seeds_needed")
    if rows.empty:
        return None
    names = main(rows["metric"])
    there = {*rows["model_a"], *rows["model_b"]}
    models = [name for name in view.sample.models if name in there]
    words = [model_name(name) for name in models]
    height = min(0.34 * len(models), 7.4 / -(-len(names) // 3) - 0.42)
    placed = small_board(len(names), 3, max(height, 0.5), words, words)
    for axes, name in zip(placed.panels, names, strict=True):
        own = rows[rows["metric"] == name]
        values = pivot(own, "model_a", "model_b", "seeds", (models, models))
        values = np.where(np.isnan(values), values.T, values)
        matrix(axes, values, words, words, kind="seeds", size=8.5, labels=9)
        title(axes, measure(name).title, size=10.5)
    hush(placed)
    return placed.figure


seeds_needed = Figure(
    name="seeds_needed",
    title="How many seeds does a comparison of two models need?",
    caption=(
        "Seeds that give a paired t test at 5 % a power of 80 %, were the difference of two models "
        "and its spread over seeds those seen; the models’ means over strengths are compared, "
        "seed by seed. The darker, the fewer; k: thousands; ∞: more than a "
        "million."
    ),
    tables=("seeds_needed",),
    draw=OfEach("seeds_needed", _needed),
)


def _cross(view: View) -> Canvas | None:
    rows = view.table("cross_validation")
    found = ladder(view.sample)
    if rows.empty or not found.rows:
        return None
    names = [name for name in CRITERIA if name in set(rows["metric"])][:6]
    models = list(dict.fromkeys(rows["model"]))
    values = sorted({float(v) for v in rows["strength"]})
    top = legend_height([model_name(name) for name in models]) + 0.4
    placed = board(len(names), 3, 2.2, top=top, bottom=0.6, down=0.55, across=0.62, left=0.78)
    for axes, name in zip(placed.panels, names, strict=True):
        own = rows[rows["metric"] == name]
        runs = view.runs[view.runs["model"].isin(models)]
        seen = np.concatenate([runs[name].to_numpy(dtype=float), own["mean"].to_numpy()])
        seen = seen[np.isfinite(seen)]
        room = 0.4 * (seen.max() - seen.min())
        ends = np.clip(own[["low", "high"]].to_numpy(dtype=float),
                       seen.min() - room, seen.max() + room)  # fmt: skip
        axes.set_ylim(*within(limits(np.concatenate([seen, ends.ravel()])), measure(name)))
        axes.set_xlim(-0.5, len(values) - 0.5)
        for number, model in enumerate(models):
            aside = (number - (len(models) - 1) / 2) * min(0.3, 0.7 / len(models))
            part = own[own["model"] == model]
            at = np.array([values.index(v) + aside for v in part["strength"]])
            hue = colour(model)
            mine = runs[runs["model"] == model]
            axes.plot(
                [values.index(v) + aside + 0.07 for v in mine["strength"]], mine[name],
                linestyle="none", marker=".", markersize=4, color=hue, alpha=0.55,
            )  # fmt: skip
            dots(axes, at, part["mean"], part["low"], part["high"], hue=hue, mark=marker(model),
                 upright=True)  # fmt: skip
            best = part["chosen"].to_numpy(dtype=bool)
            axes.plot(
                at[best], part["mean"].to_numpy()[best], linestyle="none", marker="o",
                markersize=14, markerfacecolor="none", color=INK, markeredgewidth=1.3, zorder=5,
            )  # fmt: skip
        about = measure(name)
        title(axes, about.title)
        axes.set_ylabel(about.unit, fontsize=9.5, labelpad=1)
        axes.set_xticks(range(len(values)), labels=[f"{value:g}" for value in values])
        axes.set_xticks(np.arange(0.5, len(values) - 1), minor=True)
        axes.grid(visible=False, axis="x")
        axes.grid(visible=True, axis="x", which="minor")
        axes.tick_params(axis="x", which="both", length=0)
        axes.tick_params(labelsize=9.5, labelbottom=axes in placed.lowest())
    shared = {row.name for row in found.rows}
    for axes in placed.lowest():
        text = sign(shared.pop()) if len(shared) == 1 else "strength"
        shared.add(text)
        axes.set_xlabel(text, fontsize=10.5, labelpad=1)
    chosen = Line2D([], [], linestyle="none", marker="o", markersize=11, markerfacecolor="none",
                    color=INK, label="chosen")  # fmt: skip
    legend(placed.figure, [*model_handles(models), chosen])
    return placed.figure


cross_validation = Figure(
    name="cross_validation",
    title="Which strength does cross-validation choose?",
    caption=(
        "Mean over folds of what is held out, with its 95 % interval by Nadeau and Bengio’s "
        "correction, as folds share training data; small points: single folds. Ringed: the "
        "strength with the best mean of a model. Models stand side by side at each strength; an "
        "arrow head: the interval goes on."
    ),
    tables=("cross_validation",),
    draw=OfEach("cross_validation", _cross),
)
