"""Panels placed by inches instead of by a layout engine, and the words around them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from vaebench.report.figures.panel import Panel
from vaebench.report.style import INK, WIDTH

TALLEST = 9.0
"""Inches that a figure may be high: a screen of 900 pixels."""

LETTER = 0.61
"""Width of a letter on average, as a share of its size, rounded up."""


def text_width(text: str, size: float) -> float:
    """Estimates how wide a text is, inches; markup of formulas is not counted."""
    plain = text.replace("\\mathrm", "").translate(str.maketrans("", "", "${}_\\"))
    return max((len(line) for line in plain.split("\n")), default=0) * size * LETTER / 72


@dataclass(frozen=True)
class Board:
    """A figure with a grid of panels, row by row, none of them empty.

    Attributes:
        figure: The figure.
        panels: Its panels.
        columns: Panels side by side.
    """

    figure: Canvas
    panels: list[Axes]
    columns: int

    def lowest(self) -> list[Axes]:
        """Returns the panels below which there is none."""
        return self.panels[-self.columns :]

    def leftmost(self) -> list[Axes]:
        """Returns the first panel of every row."""
        return self.panels[:: self.columns]

    def beside(self) -> Iterator[Axes]:
        """Yields the panels that have another one on their left."""
        return (axes for place, axes in enumerate(self.panels) if place % self.columns)

    def above(self) -> Iterator[Axes]:
        """Yields the panels that have another one below them."""
        return iter(self.panels[: -self.columns])


def board(
    count: int,
    columns: int,
    row: float,
    *,
    left: float = 0.75,
    right: float = 0.15,
    top: float = 0.4,
    bottom: float = 0.62,
    across: float = 0.3,
    down: float = 0.6,
    width: float = WIDTH,
    shares: Sequence[float] | None = None,
) -> Board:
    """Places panels on a figure by inches.

    A layout engine would set every text twice, which takes longer than drawing; what stands
    around the panels is known, so that room can be left for it.

    Args:
        count: Number of panels.
        columns: Most panels side by side.
        row: Height of a panel.
        left: Room on the left of all.
        right: Room on the right of all.
        top: Room above all, for titles and what `legend` sets above them.
        bottom: Room below all.
        across: Room between panels side by side.
        down: Room between panels one above the other.
        width: Width in all.
        shares: How much of the width each column has; the same for all without.
    """
    columns = balanced(count, columns)
    rows = math.ceil(count / columns)
    height = top + rows * row + (rows - 1) * down + bottom
    figure = Canvas(figsize=(width, height), dpi=100)
    parts = np.ones(columns) if shares is None else np.asarray(shares, dtype=float)
    parts = parts / parts.sum() * (width - left - right - (columns - 1) * across)
    starts = left + np.concatenate([[0.0], np.cumsum(parts + across)])
    panels = []
    for place in range(count):
        down_rows, column = divmod(place, columns)
        low = height - top - row - down_rows * (row + down)
        box = (starts[column] / width, low / height, parts[column] / width, row / height)
        panels.append(figure.add_axes(box, axes_class=Panel))
    return Board(figure, panels, columns)


def balanced(count: int, columns: int) -> int:
    """Returns how many panels stand side by side: as few as the same number of rows allows."""
    rows = math.ceil(count / columns)
    return math.ceil(count / rows) if count else 1


def legend(figure: Canvas, handles: Sequence[Artist], *, size: float = 10.5) -> None:
    """Sets a legend at the top of a figure, in as many columns as there is room for."""
    width, height = figure.get_size_inches()
    figure.legend(
        handles=list(handles),
        loc="upper left",
        bbox_to_anchor=(0.004, 1 - 0.04 / height),
        ncols=legend_columns([str(handle.get_label()) for handle in handles], width, size),
        borderaxespad=0,
        borderpad=0.2,
        fontsize=size,
        columnspacing=1.3,
        handletextpad=0.5,
        labelspacing=0.35,
    )


def legend_columns(labels: Sequence[str], width: float = WIDTH, size: float = 10.5) -> int:
    """Returns in how many columns labels have room."""
    inches = [text_width(label, size) + 0.62 for label in labels]
    for columns in range(len(labels), 1, -1):
        down = math.ceil(len(labels) / columns)
        split = [inches[start : start + down] for start in range(0, len(labels), down)]
        if sum(max(column) for column in split) <= width - 0.1:
            return columns
    return 1


def legend_height(labels: Sequence[str], width: float = WIDTH, size: float = 10.5) -> float:
    """Returns the height of a legend of these labels, inches."""
    rows = math.ceil(len(labels) / max(legend_columns(labels, width, size), 1))
    return rows * size * 1.42 / 72 + 0.12 if labels else 0.0


def title(axes: Axes, text: str, *, size: float = 11.0) -> None:
    """Sets a panel's title, smaller where the panel is too narrow for it."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    room = axes.get_position().width * figure.get_size_inches()[0] + 0.25
    fitting = size * min(1.0, room / max(text_width(text, size) * 1.1, 1e-9))
    axes.set_title(text, fontsize=max(fitting, 7.0), color=INK, pad=5)
