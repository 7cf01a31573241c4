"""Figures that compare models: interquartile means, improvement, profiles and ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from vaebench.analysis import measure
from vaebench.analysis.frames import model_name
from vaebench.measures import STUDY, SUPERVISED
from vaebench.report.figures.board import board, legend, legend_height, text_width, title
from vaebench.report.figures.correlations import pivot
from vaebench.report.figures.marks import dots, limits
from vaebench.report.figures.matrices import hush, matrix, small_board, small_width
from vaebench.report.figures.record import ALL, Drawn, Figure, FigureData, OfEach, View, version
from vaebench.report.style import INK, MUTED, colour, marker


def main(there: Sequence[str]) -> list[str]:
    """Returns the study's metrics among those that are there; all of them where it has none."""
    names = [name for name in SUPERVISED if name in set(there)]
    return [name for name in STUDY if name in names] or names


def _iqm(data: FigureData) -> Drawn:
    drawn: Drawn = []
    for view in data.views:
        rows, rest = view.table("iqm"), view.table("iqm", "without")
        if len(rows):
            found = _means(rows, rest if view.collapsed else rest[:0], view.sample.models)
            drawn.append((f"{view.slug}_iqm", found))
    pooled = data.tables.get("iqm", pd.DataFrame(columns=["dataset"]))
    pooled = pooled[pooled["dataset"] == "all"]
    if len(pooled):
        models = list(dict.fromkeys(pooled["model"]))
        dead = any(view.collapsed for view in data.views)
        rest = version(pooled, "without")
        drawn.append(
            (f"{ALL}_iqm", _means(version(pooled, "with"), rest[: None if dead else 0], models))
        )
    return drawn


def _means(rows: pd.DataFrame, rest: pd.DataFrame, models: Sequence[str]) -> Canvas:
    names = [name for name in SUPERVISED if name in set(rows["metric"])]
    shown = [name for name in models if name in set(rows["model"])]
    left = max(text_width(model_name(name), 10) for name in shown) + 0.25
    height = max(0.27 * len(shown), 0.4)
    columns = 4 if len(names) > 3 else 3
    height = min(height, (8.9 - 0.8) / -(-len(names) // columns) - 0.7)
    placed = board(len(names), columns, height, left=left, down=0.72, bottom=0.4)
    for axes, name in zip(placed.panels, names, strict=True):
        own = rows[rows["metric"] == name]
        others = rest[rest["metric"] == name]
        alike = others["model"].map(own.set_index("model")["iqm"])
        others = others[others["iqm"] != alike]
        seen = np.concatenate([own[["iqm", "low", "high"]].to_numpy(dtype=float).ravel(),
                               others["iqm"].to_numpy(dtype=float)])  # fmt: skip
        axes.set_xlim(*limits(seen, measure(name)))
        places = [shown.index(model) for model in own["model"]]
        hues = [colour(model) for model in own["model"]]
        axes.hlines(places, own["low"], own["high"], colors=hues, linewidth=2.0)
        for frame, filled in ((others, False), (own, True)):
            for row in frame.itertuples():
                axes.plot(
                    [row.iqm],
                    [shown.index(row.model) + (0.0 if filled else 0.25)],
                    marker=marker(row.model),
                    color=colour(row.model),
                    markerfacecolor=colour(row.model) if filled else "white",
                    markersize=7 if filled else 4.5,
                    clip_on=False,
                )
        title(axes, measure(name).title)
        axes.locator_params(axis="x", nbins=4)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_yticks(range(len(shown)), labels=[model_name(name) for name in shown])
        axes.tick_params(axis="y", length=0)
        axes.tick_params(labelsize=10)
    for axes in placed.beside():
        axes.tick_params(labelleft=False)
    return placed.figure


iqm = Figure(
    name="iqm",
    title="How good is each model, whatever its strength and seed?",
    caption=(
        "Mean of the middle half of a model’s runs over all strengths and seeds, with its 95 % "
        "interval from resampling seeds. Small and hollow, where that is "
        "something else: without the collapsed runs."
    ),
    tables=("iqm",),
    draw=_iqm,
)


def _improvement(view: View) -> Canvas | None:
    rows = view.table("improvement")
    if rows.empty:
        return None
    names = main(rows["metric"])
    models = [name for name in view.sample.models if name in set(rows["model_a"])]
    if len(models) == 2:
        return _versus(view, models)
    words = [model_name(name) for name in models]
    placed = small_board(len(names), 3, _square(len(models), len(names)), words, words)
    for axes, name in zip(placed.panels, names, strict=True):
        own = rows[rows["metric"] == name]
        values = pivot(own, "model_a", "model_b", "probability", (models, models))
        matrix(axes, values, words, words, kind="probability", size=8.5, labels=9)
        title(axes, measure(name).title, size=10.5)
    hush(placed)
    return placed.figure


def _square(models: int, panels: int) -> float:
    """Returns the height of small matrices of models, three side by side."""
    return min(0.34 * models, 7.4 / -(-panels // 3) - 0.42)


def _versus(view: View, models: Sequence[str]) -> Canvas:
    rows = view.table("improvement")
    rest = view.table("improvement", "without")
    names = [name for name in SUPERVISED if name in set(rows["metric"])]
    left = max(text_width(measure(name).title, 10) for name in names) + 0.2
    placed = board(
        1, 1, 0.27 * len(names) + 0.1, left=left, top=0.32, bottom=0.55, width=8.0, right=0.3
    )
    (axes,) = placed.panels
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.axvline(0.5, color=MUTED, linewidth=1.2, linestyle=(0, (4, 2)))
    for frame, filled in ((rest, False), (rows, True)):
        own = frame[(frame["model_a"] == models[0]) & frame["metric"].isin(names)]
        own = own if filled or view.collapsed else own[:0]
        dots(
            axes,
            [names.index(name) + (0.0 if filled else 0.26) for name in own["metric"]],
            own["probability"],
            own["low"],
            own["high"],
            hue=colour(models[0]),
            mark=marker(models[0]),
            filled=filled,
            size=6.5 if filled else 4.5,
        )
    axes.set_yticks(range(len(names)), labels=[measure(n).title for n in names], fontsize=10)
    axes.tick_params(axis="y", length=0)
    words = " beats ".join(model_name(name) for name in models)
    axes.set_xlabel(f"probability that a run of {words}", fontsize=10.5)
    return placed.figure


improvement = Figure(
    name="improvement",
    title="How probably does a run of one model beat a run of another?",
    caption=(
        "Probability that a run of the row’s model beats one of the column’s (of two models: that "
        "of the first over the second, with its 95 % interval from resampling seeds; small and "
        "hollow: without the collapsed runs), whatever their strengths and seeds. ½ is chance."
    ),
    tables=("improvement",),
    draw=OfEach("improvement", _improvement),
)


def _profiles(view: View) -> Canvas | None:
    rows = view.table("profiles")
    names = [n for n in main(rows["metric"]) if _spans(rows, n)] if len(rows) else []
    if not names:
        return None
    models = [name for name in view.sample.models if name in set(rows["model"])]
    top = legend_height([model_name(name) for name in models]) + 0.36
    placed = board(len(names), 3, 2.05, top=top, bottom=0.4, down=0.55, left=0.68)
    for axes, name in zip(placed.panels, names, strict=True):
        own = rows[rows["metric"] == name]
        for model in models:
            part = own[own["model"] == model]
            hue = colour(model)
            axes.plot(part["threshold"], part["share"], color=hue, linewidth=1.7)
            axes.fill_between(
                part["threshold"], part["low"], part["high"], color=hue, alpha=0.12, linewidth=0
            )
            some = part.iloc[len(part) // 6 :: max(len(part) // 4, 1)]
            axes.plot(
                some["threshold"], some["share"], linestyle="none", marker=marker(model),
                markersize=5, color=hue,
            )  # fmt: skip
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "", "50 %", "", "100 %"])
        axes.set_xlim(own["threshold"].min(), own["threshold"].max())
        axes.locator_params(axis="x", nbins=5)
        axes.tick_params(labelsize=9.5)
        title(axes, measure(name).title)
    for axes in placed.beside():
        axes.tick_params(labelleft=False)
    for axes in placed.leftmost():
        axes.set_ylabel("runs above", fontsize=10.5, labelpad=1)
    legend(placed.figure, model_handles(models))
    return placed.figure


def _spans(rows: pd.DataFrame, name: str) -> bool:
    return bool(rows.loc[rows["metric"] == name, "threshold"].nunique() > 1)


def model_handles(models: Sequence[str]) -> list[Line2D]:
    """Makes the legend of models."""
    return [
        Line2D([], [], color=colour(m), marker=marker(m), markersize=6, label=model_name(m))
        for m in models
    ]


profiles = Figure(
    name="profiles",
    title="Which share of a model’s runs is better than that?",
    caption=(
        "Share of a model’s runs above each value of the metric, over all strengths and seeds, "
        "with 95 % intervals from resampling seeds, value by value. A model whose line is above "
        "another’s everywhere is better by any quantile; lines that cross tell of luck."
    ),
    tables=("profiles",),
    draw=OfEach("profiles", _profiles),
)


def _ranking(view: View) -> Canvas | None:
    rows = view.table("ranking")
    names = main(rows["metric"]) if len(rows) else []
    models = [m for m in view.sample.models if m in set(rows["model"])] if names else []
    if len(models) < 2:
        return None
    ranks = sorted(int(rank) for rank in rows["rank"].unique())
    words = [model_name(name) for name in models]
    heads = [str(rank) for rank in ranks]
    left = max(text_width(word, 9) for word in words) + 0.2
    placed = board(
        len(names),
        3,
        _square(len(models), len(names)),
        left=left,
        top=0.7,
        bottom=0.5,
        down=0.42,
        across=0.2,
        width=small_width(
            len(names), 3, max(text_width(word, 9) for word in words) + 0.2, len(ranks)
        ),
    )
    for axes, name in zip(placed.panels, names, strict=True):
        own = rows[rows["metric"] == name]
        values = pivot(own, "model", "rank", "probability", (models, ranks))  # type: ignore[arg-type]
        values[values < 0.005] = np.nan
        matrix(axes, values, words, heads, kind="share", size=8.5, labels=9, slanted=False)
        axes.set_facecolor("#f7f6fa")
        title(axes, measure(name).title, size=10.5)
    hush(placed)
    for axes in placed.lowest():
        axes.set_xlabel("rank (1 is best), probability in %", fontsize=9.5)
    first = rows.iloc[0]
    if np.isfinite(first["kendall_w"]):
        ends = ""
        if np.isfinite(first["kendall_low"]):
            ends = f" [{first['kendall_low']:.2f}–{first['kendall_high']:.2f}]"
        text = f"Kendall’s W over {first['metrics']:.0f} metrics: {first['kendall_w']:.2f}{ends}"
        height = placed.figure.get_size_inches()[1]
        placed.figure.text(0.006, 1 - 0.2 / height, text, fontsize=11, color=INK, va="center")
    return placed.figure


ranking = Figure(
    name="ranking",
    title="Which model is best, and how sure is it?",
    caption=(
        "How often each model has each rank by its interquartile mean when seeds are resampled, in "
        "per cent. Kendall’s W, with its interval, tells how far metrics agree on the ranks: 1 is "
        "alike, 0 is not at all."
    ),
    tables=("ranking",),
    draw=OfEach("ranking", _ranking),
)
