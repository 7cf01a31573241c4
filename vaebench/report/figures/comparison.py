"""Figures that compare models: interquartile means, improvement, profiles and ranks."""

from __future__ import annotations

from matplotlib.figure import Figure as Canvas

from vaebench.analysis import measure
from vaebench.analysis.frames import model_name
from vaebench.analysis.measures import SUPERVISED
from vaebench.report.figures.board import board, text_width, title
from vaebench.report.figures.record import Figure, OfEach, View
from vaebench.report.style import colour, marker


def _iqm(view: View) -> Canvas | None:
    rows = view.table("iqm")
    rest = view.table("iqm", "without")
    if rows.empty:
        return None
    names = [name for name in SUPERVISED if name in set(rows["metric"])]
    models = [name for name in view.sample.models if name in set(rows["model"])]
    left = max(text_width(model_name(name), 10) for name in models) + 0.25
    height = max(0.24 * len(models), 0.5)
    panels = board(len(names), 4, height, left=left, down=0.75, bottom=0.4)
    for axes, name in zip(panels.panels, names, strict=True):
        for frame, filled in ((rest, False), (rows, True)):
            if not filled and not view.collapsed:
                continue
            for row in frame[frame["metric"] == name].itertuples():
                place = models.index(row.model)
                hue = colour(row.model)
                if filled:
                    axes.plot([row.low, row.high], [place, place], color=hue, linewidth=2.2)
                axes.plot(
                    [row.iqm],
                    [place],
                    marker=marker(row.model),
                    color=hue,
                    markerfacecolor=hue if filled else "white",
                    markersize=7,
                    linestyle="none",
                    clip_on=False,
                )
        title(axes, measure(name).title)
        axes.set_ylim(len(models) - 0.4, -0.6)
        axes.set_yticks(range(len(models)), labels=[model_name(name) for name in models])
        axes.tick_params(axis="y", length=0)
        axes.tick_params(labelsize=10)
    for axes in panels.beside():
        axes.tick_params(labelleft=False)
    return panels.figure


iqm = Figure(
    name="iqm",
    title="How good is each model, whatever its strength and seed?",
    caption=(
        "Mean of the middle half of a model’s runs over all strengths and seeds, with its 95 % "
        "interval from resampling seeds. Hollow: without the collapsed runs."
    ),
    tables=("iqm",),
    draw=OfEach("iqm", _iqm),
)
