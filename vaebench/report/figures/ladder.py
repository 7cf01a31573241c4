"""The axis of strengths: by rank, the strengths themselves as ticks, a row for each model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from vaebench.analysis.sample import Sample
from vaebench.report.figures.board import text_width
from vaebench.report.style import BROKEN, INK, colour, marker, series_styles, sign, signed, unit

LINE = 1.22
"""Height of a line of ticks, as a share of their size and matplotlib's own spacing."""


@dataclass(frozen=True)
class Row:
    """A row of ticks.

    Attributes:
        name: The hyperparameter.
        strengths: Its values, by rank.
        series: The series that it is of.
    """

    name: str
    strengths: tuple[float, ...]
    series: tuple[str, ...]

    @property
    def label(self) -> str:
        """What stands before it, or below it where it is the only one."""
        return sign(self.name)


@dataclass(frozen=True)
class Ladder:
    """Strengths by rank.

    Attributes:
        rows: Rows of ticks.
        level: Series without a strength, or with a single one, which have no rank.
        models: Model of each series, in order.
        styles: Line style of each series.
        names: What the legend calls each series.
    """

    rows: tuple[Row, ...]
    level: tuple[str, ...]
    models: Mapping[str, str]
    styles: Mapping[str, object]
    names: Mapping[str, str]

    @property
    def count(self) -> int:
        """The most ranks that a row has."""
        return max((len(row.strengths) for row in self.rows), default=0)

    @property
    def height(self) -> float:
        """Room that the ticks and what is below them need, inches."""
        lines = max(len(self.rows), 1)
        return 0.16 + lines * self.size * 1.27 / 72 + (0.24 if lines == 1 else 0.04)

    @property
    def size(self) -> float:
        """Size of the ticks."""
        return 9.0

    def line(self, series: str) -> Any:
        """Returns a series' line style: those without a rank are broken, each in its own way."""
        if series not in self.level:
            return self.styles[series]
        model = self.models[series]
        alike = [each for each in self.level if self.models[each] == model]
        return BROKEN[alike.index(series) % len(BROKEN)]

    def place(self, series: str, strength: float) -> float:
        """Returns where a strength stands: its rank, from 0."""
        for row in self.rows:
            if series in row.series:
                return float(row.strengths.index(strength))
        return math.nan

    def places(self, series: str, strengths: Sequence[float]) -> list[float]:
        """Returns where the strengths of a series stand."""
        return [self.place(series, float(strength)) for strength in strengths]

    def draw(self, axes: Axes, *, labelled: bool, first: bool) -> None:
        """Sets the ticks of a panel.

        Args:
            axes: The panel.
            labelled: Whether the strengths are written: below the lowest panels.
            first: Whether the rows' names stand before them: on the left.
        """
        axes.set_xlim(-0.4, self.count - 0.6)
        texts = [
            "\n".join(
                f"{row.strengths[rank]:g}" if rank < len(row.strengths) else "" for row in self.rows
            )
            for rank in range(self.count)
        ]
        figure = axes.get_figure(root=True)
        assert figure is not None
        room = axes.get_position().width * figure.get_size_inches()[0] / max(self.count, 1)
        widest = max((text_width(text, self.size) for text in texts), default=0.0)
        crowded = len(self.rows) == 1 and widest > 0.95 * room
        fitting = (
            self.size if crowded else min(self.size, self.size * 0.97 * room / (widest + 0.02))
        )
        axes.set_xticks(range(self.count), labels=texts if labelled else [""] * self.count)
        axes.tick_params(axis="x", labelsize=fitting, pad=3)
        if not labelled:
            return
        for label in axes.get_xticklabels():
            label.set(linespacing=LINE, rotation=90 if crowded else 0)
        if len(self.rows) == 1:
            in_units = f" ({unit(self.rows[0].name)})" if unit(self.rows[0].name) else ""
            axes.set_xlabel(self.rows[0].label + in_units, fontsize=10.5, labelpad=1)
        elif first:
            self._names(axes, fitting)

    def _names(self, axes: Axes, size: float) -> None:
        for number, row in enumerate(self.rows):
            lines = [""] * len(self.rows)
            lines[number] = row.label
            models = {self.models[series] for series in row.series}
            axes.annotate(
                "\n".join(lines),
                (0, 0),
                xytext=(-7, -6.5),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="right",
                va="top",
                fontsize=size,
                linespacing=LINE,
                color=colour(models.pop()) if len(models) == 1 else INK,
                fontweight="bold",
            )


def ladder(sample: Sample) -> Ladder:
    """Ranks the strengths of a setting's models.

    Models that share one hyperparameter stand on one scale of it; where hyperparameters differ,
    each model's strengths are ranked from its lowest to its highest, as the study does.

    Args:
        sample: The runs of one setting.
    """
    cells = sample.cells
    if "series" not in cells.columns:
        cells = cells.assign(series=cells["model"], strength_name="strength")
    found: dict[str, tuple[str, tuple[float, ...]]] = {}
    level, names = [], {}
    models = dict(zip(cells["series"], cells["model"], strict=True))
    for series, group in cells.groupby("series", sort=False):
        strengths = tuple(sorted({float(v) for v in group["strength"].dropna()}))
        name = str(group["strength_name"].iloc[0]) if strengths else ""
        names[str(series)] = signed(str(series))
        if len(strengths) > 1:
            found[str(series)] = (name, strengths)
            continue
        level.append(str(series))
        if strengths:
            names[str(series)] += f" ({sign(name)} = {strengths[0]:g})"
    shared = {name for name, _ in found.values()}
    rows: dict[tuple[str, tuple[float, ...]], list[str]] = {}
    union = tuple(sorted({value for _, values in found.values() for value in values}))
    for series, (name, strengths) in found.items():
        rows.setdefault((name, union if len(shared) == 1 else strengths), []).append(series)
    if len(shared) == 1 and len(union) > 12 and len(found) > 1:
        rows = {value: [] for value in found.values()}
        for series, value in found.items():
            rows[value].append(series)
    return Ladder(
        tuple(Row(name, values, tuple(who)) for (name, values), who in rows.items()),
        tuple(level),
        models,
        series_styles(models.items()),
        names,
    )


def handles(found: Ladder, shown: Sequence[str] | None = None) -> list[Line2D]:
    """Makes the legend of the series."""
    return [
        Line2D(
            [],
            [],
            color=colour(model),
            linestyle=found.line(series),
            linewidth=1.8,
            marker=marker(model),
            markersize=6,
            label=found.names[series],
        )
        for series, model in found.models.items()
        if shown is None or series in shown
    ]


def by_cell(sample: Sample, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the finite values of a metric by cell, in the order of `Sample.cells`.

    Returns:
        For each cell the values of runs with an active unit, and those of collapsed runs.
    """
    values = sample.values(name)
    dead = sample.runs["collapsed"].to_numpy(dtype=bool)
    parts = []
    for kept in (np.isfinite(values) & ~dead, np.isfinite(values) & dead):
        order = np.flatnonzero(kept)[np.argsort(sample.cell_codes[kept], kind="stable")]
        ends = np.cumsum(np.bincount(sample.cell_codes[kept], minlength=len(sample.cells)))
        parts.append(np.split(values[order], ends[:-1]))
    return list(zip(*parts, strict=True))
