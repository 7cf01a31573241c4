"""How rows and figures become text: fitted to a terminal, whole and plain in a pipe."""

from __future__ import annotations

import io
import itertools
import math
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import typer
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from vaebench.digits import written
from vaebench.harmless import visible
from vaebench.passwords import scrubbed

Cell = str | Text
"""What a row of a table has in a column."""

GAP = 2
"""Blanks between two columns."""

STATE_STYLES: Mapping[str, str] = {
    "PENDING": "dim",
    "RUNNING": "cyan",
    "COMPLETE": "green",
    "FAILED": "bold red",
}
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its heading.
        right: Whether its cells are aligned to the right.
        spare: A terminal that is too narrow goes without the columns of the highest number
            first; those of 0 stay.
        fold: A terminal that is too narrow gives a longer cell so many characters a line, before
            it goes without columns; 0 for a cell that stays whole.
    """

    title: str
    right: bool = False
    spare: int = 0
    fold: int = 0


def is_terminal() -> bool:
    """Says whether a person reads the standard output."""
    return sys.stdout.isatty()


class Terminal(Console):
    """A rich console that lets no control character through that is not rich's own."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


def terminal_width() -> int | None:
    """Returns the columns of the terminal, or None where the output goes to a file or a pipe."""
    return Terminal().width if is_terminal() else None


def emit(*renderables: RenderableType) -> None:
    """Prints to the standard output: styled on a terminal, else plain, unwrapped and uncut."""
    if is_terminal():
        Terminal(highlight=False, markup=False, emoji=False).print(Group(*renderables))
        return
    page = io.StringIO()
    console = Terminal(
        file=page, width=10**6, color_system=None, highlight=False, markup=False, emoji=False
    )
    for renderable in renderables:
        if isinstance(renderable, Text):
            page.write(f"{visible(renderable.plain)}\n")
        else:
            console.print(renderable, no_wrap=True, crop=False, overflow="ignore")
    for line in page.getvalue().splitlines():
        typer.echo(line.rstrip())


def echo(text: str) -> None:
    """Prints text to the standard output as it is, but for control characters."""
    typer.echo(visible(text))


def note(message: str) -> None:
    """Prints one line to the standard error, beside the data; a terminal gets it word by word."""
    line = " ".join(visible(scrubbed(message)).splitlines())
    if sys.stderr.isatty():
        width = Terminal(stderr=True).width
        line = textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False) or line
    typer.echo(line, err=True)


def emit_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str | Text]], *, whole: str
) -> None:
    """Prints rows, fitted to the terminal, and which columns it had no room for.

    Args:
        columns: The columns.
        rows: Cells, one per column.
        whole: What to do to see them all, beside widening the terminal.
    """
    grid, left_out = table(columns, rows, width=terminal_width())
    emit(grid)
    if left_out:
        note(f"No room for {', '.join(left_out)}: widen the terminal, or {whole}.")


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str | Text]],
    *,
    width: int | None,
    indent: int = 0,
) -> tuple[RenderableType, list[str]]:
    """Lays out rows, without the spare columns that `width` has no room for.

    Args:
        columns: The columns.
        rows: Cells, one per column.
        width: Columns of the terminal, or None for as many as it takes.
        indent: Blanks before the first column.

    Returns:
        The table, and the titles of the columns left out.
    """
    cells = [[_text(cell) for cell in row] for row in rows]
    sizes = [
        max([len(column.title), *(row[place].cell_len for row in cells)])
        for place, column in enumerate(columns)
    ]
    least = [min(size, column.fold or size) for size, column in zip(sizes, columns, strict=True)]
    shown = list(range(len(columns)))
    left_out: list[str] = []
    while width is not None and indent + sum(least[i] + GAP for i in shown) - GAP > width:
        last = max(shown, key=lambda place: (columns[place].spare, place))
        if columns[last].spare == 0:
            break
        shown.remove(last)
        left_out.append(columns[last].title)
    fits = width is None or indent + sum(sizes[i] + GAP for i in shown) - GAP <= width
    chosen = [columns[place] for place in shown]
    lines = [[row[place] for place in shown] for row in cells]
    if fits:
        return _lines(chosen, lines, [sizes[place] for place in shown], indent), left_out
    grid = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for column in chosen:
        grid.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for line in lines:
        grid.add_row(*line)
    return Padding.indent(grid, indent), left_out


def _lines(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], sizes: Sequence[int], indent: int
) -> Text:
    """Lays out rows that fit side by side; rich's own table takes seconds for thousands of them."""
    page = Text()
    titles = [Text(column.title, style="bold") for column in columns]
    for number, row in enumerate([titles, *rows]):
        page.append("\n" * (number > 0) + " " * indent)
        blanks = 0
        for column, cell, size in zip(columns, row, sizes, strict=True):
            missing = size - cell.cell_len
            page.append(" " * (blanks + (missing if column.right else 0)))
            page.append_text(cell)
            blanks = GAP + (0 if column.right else missing)
    return page


def pairs(rows: Sequence[tuple[str, str | Text]], *, indent: int = 2) -> Padding:
    """Lays out names and values; a long value goes on below itself."""
    grid = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(_text(name), _text(value))
    return Padding.indent(grid, indent)


def _text(cell: str | Text) -> Text:
    """Returns a cell in rich's terms, its control characters visible, so that they take room."""
    return Text(visible(cell)) if isinstance(cell, str) else cell


def indented(text: str) -> Padding:
    """Returns a paragraph below a heading."""
    return Padding.indent(Text(visible(text), overflow="fold"), GAP)


def heading(title: str) -> Text:
    """Returns the line above a section, with an empty one before it."""
    return Text.assemble("\n", (title, "bold"))


def state(name: str) -> Text:
    """Returns a job's state in its colour."""
    return Text(name, style=STATE_STYLES.get(name, ""))


def moment(text: str | None) -> str:
    """Writes a stored time (ISO 8601, UTC) as people read it; `-` where there is none."""
    return "-" if not text else f"{text[:19].replace('T', ' ')} UTC"


def figure(value: float | None) -> str:
    """Writes a score with the digits of a table's cell, two at least; `-` where there is none."""
    if value is None:
        return "-"
    return written(value, 2 if abs(value) >= 10 else 3, width=value)


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Draws a curve in one line of characters, the lowest value as the lowest bar.

    Args:
        values: The curve, in order; those that are not finite leave a blank.
        width: Characters at most; neighbours are averaged.
    """
    if not values:
        return ""
    count = min(width, len(values))
    edges = [round(place * len(values) / count) for place in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    finite = [mean for mean in means if math.isfinite(mean)]
    if not finite:
        return " " * count
    low, spread = min(finite), max(finite) - min(finite)
    if spread == 0:
        return _BARS[0] * count
    return "".join(
        _BARS[int((mean - low) / spread * (len(_BARS) - 1) + 0.5)] if math.isfinite(mean) else " "
        for mean in means
    )
