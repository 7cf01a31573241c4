"""Annotated matrices: rank correlations and probabilities, one number in each cell."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from vaebench.analysis import measure
from vaebench.report.figures.board import Board, balanced, board, text_width
from vaebench.report.style import INK, WIDTH

Numbers = npt.NDArray[np.float64]

HUES = {"correlation": "RdBu_r", "probability": "PuOr_r", "share": "Purples",
        "seeds": "Blues_r"}  # fmt: skip
"""Colour maps by what a matrix holds: the first two have their middle where nothing is known."""

RANGES = {"correlation": (-1.0, 1.0), "probability": (0.0, 1.0), "share": (0.0, 1.15),
          "seeds": (0.0, 4.0)}  # fmt: skip


HEAD = 11.0
"""Size of the titles of matrices side by side."""


def short(value: float, kind: str, *, bare: bool = False) -> str:
    """Writes a number of a matrix in few letters: 0.43, −0.07; `bare` without the leading 0."""
    if kind == "seeds":
        if math.isinf(value):
            return "∞"
        return f"{value:.0f}" if value < 1000 else f"{value / 1000:.0f}k"
    if not math.isfinite(value):
        return ""
    if kind == "share":
        return f"{100 * value:.0f}"
    text = f"{value:.2f}".replace("-", "−")
    text = "0.00" if text == "−0.00" else text
    return text.replace("0.", ".", 1) if bare else text


def matrix(
    axes: Axes,
    values: Numbers,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    kind: str,
    others: Numbers | None = None,
    size: float = 9.5,
    labels: float = 10.0,
    slanted: bool = True,
    bare: bool = False,
) -> None:
    """Draws a matrix with its numbers.

    Args:
        axes: The panel.
        values: The numbers [R, C]; NaN is left white.
        rows: Names of the rows.
        columns: Names of the columns.
        kind: What the numbers are, one of `HUES`.
        others: Numbers to write small below the first, where finite [R, C].
        size: Of the numbers.
        labels: Size of the names.
        slanted: Whether names of columns are slanted.
        bare: Whether numbers go without the leading 0.
    """
    low, high = RANGES[kind]
    hues = mpl.colormaps[HUES[kind]]
    tones = np.log10(np.minimum(values, 1e6)) if kind == "seeds" else values
    axes.imshow(tones, cmap=hues, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    for i, j in np.argwhere(~np.isnan(values)):
        value = float(values[i, j])
        tone = hues((float(tones[i, j]) - low) / (high - low))
        dark = np.dot(tone[:3], [0.299, 0.587, 0.114]) < 0.55
        ink = "white" if dark else INK
        below = others is not None and math.isfinite(others[i, j])
        axes.text(
            j,
            i - 0.13 if below else i,
            short(value, kind, bare=bare),
            color=ink,
            ha="center",
            va="center",
            fontsize=size,
        )
        if others is not None and below:
            axes.text(
                j,
                i + 0.27,
                f"({short(others[i, j], kind)})",
                color=ink,
                ha="center",
                va="center",
                fontsize=0.74 * size,
            )
    axes.set_xticks(range(len(columns)), labels=list(columns), fontsize=labels)
    axes.set_yticks(range(len(rows)), labels=list(rows), fontsize=labels)
    if slanted:
        for label in axes.get_xticklabels():
            label.set(rotation=35, ha="right", rotation_mode="anchor")
    axes.grid(visible=False)
    axes.tick_params(length=0, pad=4)
    axes.spines[:].set_visible(False)
    size_of = (len(rows), len(columns))
    for lines, across, along in ((axes.hlines, *size_of), (axes.vlines, *size_of[::-1])):
        lines(np.arange(0.5, across - 1), -0.5, along - 0.5, colors="white", linewidths=1.2)


def matrix_board(
    count: int,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    cell: float = 0.42,
    labels: float = 10.0,
    heads: Sequence[str] = (),
) -> Board:
    """Makes a board for matrices side by side that have the same names.

    Args:
        count: Number of matrices.
        rows: Names of their rows.
        columns: Names of their columns.
        cell: Height of a row at most, inches; lower where the figure would be too tall.
        labels: Size of the names.
        heads: Titles of the matrices, for which there must be room.
    """
    left = max(text_width(name, labels) for name in rows) + 0.2
    longest = max(text_width(name, labels) for name in columns)
    bottom = 0.58 * longest + 0.25
    wide = (10.0 - left - 0.25 - 0.3 * (count - 1)) / count
    headed = max((1.1 * text_width(head, HEAD) for head in heads), default=0.0)
    width = left + 0.25 + count * min(wide, max(0.95 * len(columns), headed)) + 0.3 * (count - 1)
    width = max(width, 0.82 * longest + 1.0)
    top = 0.4 if heads else 0.12
    height = min(cell * len(rows), 8.9 - top - bottom)
    return board(
        count, count, height, left=left, right=0.25, top=top, bottom=bottom, width=width
    )  # fmt: skip


def small_board(
    count: int, columns: int, row: float, rows: Sequence[str], names: Sequence[str]
) -> Board:
    """Makes a board of small matrices with the same names, which stand on its edge alone.

    Args:
        count: Number of matrices.
        columns: Most of them side by side.
        row: Height of a matrix, inches.
        rows: Names of their rows.
        names: Names of their columns.
    """
    left = max(text_width(name, 9) for name in rows) + 0.2
    steep = 1.0 if count % balanced(count, columns) else 0.58
    bottom = steep * max(text_width(name, 9) for name in names) + 0.22
    return board(
        count,
        columns,
        row,
        left=left,
        bottom=bottom,
        down=0.42,
        across=0.2,
        top=0.4,
        width=small_width(count, columns, left, len(names)),
    )


def small_width(count: int, columns: int, left: float, names: int) -> float:
    """Returns the width of a board of small matrices, whose cells need not be wide."""
    across = balanced(count, columns)
    return min(WIDTH, left + 0.15 + across * max(0.7 * names, 2.0) + (across - 1) * 0.2)


def hush(placed: Board) -> None:
    """Leaves the names of rows to the panels on the left, those of columns to the lowest."""
    for axes in placed.beside():
        axes.tick_params(labelleft=False)
    for axes in placed.above():
        axes.tick_params(labelbottom=False)
    if len(placed.panels) % placed.columns:
        for axes in placed.lowest():
            for label in axes.get_xticklabels():
                upright = label.get_rotation() == 0
                label.set(rotation=0 if upright else 90, ha="center" if upright else "right",
                          va="top" if upright else "center")  # fmt: skip


def titles(names: Sequence[str]) -> list[str]:
    """Returns the proper names of metrics."""
    return [measure(name).title for name in names]
