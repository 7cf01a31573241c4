"""The figure of what explains a metric's variance: model, strength or seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from vaebench.analysis import Decomposition, measure
from vaebench.report.style import INK, panels

PARTS = (("model", "#3b2f63", "white"), ("strength", "#9a8fc4", INK), ("seed", "#e6e3ee", INK))
"""The parts with the colours of bar and figures: violets, which no model has."""

_ROOM = 0.07
_MARK: dict[str, Any] = {
    "linestyle": "none",
    "marker": "v",
    "markersize": 9,
    "color": "#d55e00",
    "markeredgecolor": "white",
    "clip_on": False,
}


def share_figure(parts: Mapping[str, Decomposition]) -> Figure:
    """Draws one bar per metric, split into model, strength and seed.

    Args:
        parts: Decomposition by metric, in the order to show them.

    Returns:
        The figure, with a mark where model and strength would end by chance.
    """
    figure, (axes,) = panels(1, columns=1, height=1.2 + 0.46 * len(parts))
    for place, part in enumerate(parts.values()):
        shares = (part.model.value, part.strength, part.seed or 0.0)
        left = 0.0
        for share, (_, fill, ink) in zip(shares, PARTS, strict=True):
            axes.barh(place, share, 0.66, left=left, color=fill, edgecolor="white", linewidth=1)
            if share >= _ROOM:
                text = f"{100 * share:.0f} %"
                axes.text(left + share / 2, place, text, color=ink, ha="center", va="center")
            left += share
        axes.plot([part.cell.chance], [place - 0.36], **_MARK)
    most = max(part.cell.runs for part in parts.values())
    titles = [
        measure(name).title + (f" (n = {part.cell.runs})" if part.cell.runs < most else "")
        for name, part in parts.items()
    ]
    axes.set_yticks(range(len(parts)), labels=titles)
    axes.set_ylim(len(parts) - 0.45, -0.65)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel("share of the variance over runs")
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    names = {"model": "model", "strength": "strength, given the model", "seed": "the rest: seed"}
    handles: list[Patch | Line2D] = [
        Patch(facecolor=fill, label=names[part]) for part, fill, _ in PARTS
    ]
    handles.append(Line2D([], [], label="model and strength by chance", **_MARK))
    figure.legend(handles=handles, loc="outside upper left", ncols=4, columnspacing=1.5)
    return figure
