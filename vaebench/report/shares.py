"""The figure of what explains a metric's variance: model, strength or seed."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from vaebench.analysis import Decomposition, measure
from vaebench.report.style import INK, panels

PARTS = (("model", "#3b2f63", "white"), ("strength", "#9a8fc4", INK), ("seed", "#e6e3ee", INK))
"""The parts with the colours of bar and figures: violets, which no model has."""

_ROOM = 0.07


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
        chance = part.cell.chance
        axes.plot([chance] * 2, [place - 0.42, place + 0.42], color="#d55e00", linewidth=2.4)
    titles = [f"{measure(name).title}  (n = {part.cell.runs})" for name, part in parts.items()]
    axes.set_yticks(range(len(parts)), labels=titles)
    axes.set_ylim(len(parts) - 0.45, -0.55)
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
    handles.append(
        Line2D([], [], color="#d55e00", linewidth=2.4, label="model and strength by chance")
    )
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
    return figure
