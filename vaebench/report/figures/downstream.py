"""Curves of downstream accuracy over the number of labels, by thirds of a metric."""

from __future__ import annotations

from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from vaebench.analysis import measure
from vaebench.analysis.tables.correlations import THIRDS
from vaebench.measures import SUPERVISED
from vaebench.report.figures.board import board, legend, title
from vaebench.report.figures.record import Drawn, Figure, FigureData, View

HUES = {"lowest": "#b9a7d6", "middle": "#7d64b0", "highest": "#2f1d5c"}
"""Colours of the thirds, from light to dark."""

MARKS = {"lowest": "v", "middle": "o", "highest": "^"}

PREDICTORS = {"logistic": "logistic regression", "boosted": "boosted trees"}


def _draw(data: FigureData) -> Drawn:
    drawn: Drawn = []
    for view in data.views:
        rows = view.table("downstream_curves")
        for predictor in dict.fromkeys(rows["predictor"]) if len(rows) else ():
            figure = _figure(view, str(predictor))
            drawn.append((f"{view.slug}_downstream_curves_{predictor}", figure))
    return drawn


def _figure(view: View, predictor: str) -> Canvas:
    rows = view.table("downstream_curves")
    rows = rows[rows["predictor"] == predictor]
    names = [name for name in SUPERVISED if name in set(rows["metric"])]
    placed = board(len(names), 4, 1.75, top=0.62, bottom=0.58, down=0.42, left=0.85, right=0.3)
    ends = rows[["mean", "low", "high"]].to_numpy(dtype=float)
    ends = ends[ends == ends]
    labels = sorted({int(number) for number in rows["labels"]})
    for axes, name in zip(placed.panels, names, strict=True):
        own = rows[rows["metric"] == name]
        for third in THIRDS:
            part = own[own["third"] == third].sort_values("labels")
            hue = HUES[third]
            axes.fill_between(
                part["labels"], part["low"], part["high"], color=hue, alpha=0.16, linewidth=0
            )
            axes.plot(
                part["labels"], part["mean"], color=hue, marker=MARKS[third], markersize=4.5,
                linewidth=1.6,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks(labels, labels=[f"{number:,}" for number in labels])
        axes.set_xticks([], minor=True)
        room = 0.05 * (ends.max() - ends.min()) or 0.05
        axes.set_ylim(max(ends.min() - room, 0), min(ends.max() + room, 1))
        axes.tick_params(labelsize=9.5, labelbottom=axes in placed.lowest())
        title(axes, measure(name).title)
    for axes in placed.beside():
        axes.tick_params(labelleft=False)
    for axes in placed.leftmost():
        said = f"accuracy,\n{PREDICTORS.get(predictor, predictor)}"
        axes.set_ylabel(said, fontsize=9.5, labelpad=1)
    for axes in placed.lowest():
        axes.set_xlabel("labels", fontsize=10.5, labelpad=1)
    lines = [
        Line2D(
            [],
            [],
            color=HUES[third],
            marker=MARKS[third],
            markersize=5,
            label=f"{third} third of the runs",
        )
        for third in THIRDS
    ]
    legend(placed.figure, lines)
    return placed.figure


downstream_curves = Figure(
    name="downstream_curves",
    title="Does disentanglement save labels?",
    caption=(
        "Mean accuracy, over factors, of a classifier on the representation against the number of "
        "labels it learns from, of the lowest, middle and highest third of the runs by each "
        "metric, with 95 % intervals from resampling seeds. Thirds that differ from the left on "
        "tell of a metric that saves labels."
    ),
    tables=("downstream_curves",),
    draw=_draw,
)
