"""Tables: the same rows as CSV with full figures, Markdown, LaTeX (booktabs) and HTML cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import pandas as pd

from vaebench.harmless import spreadsheet, visible

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "λ": r"$\lambda$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "²": r"$^2$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "“": "``",
    "”": "''",
    "·": r"$\cdot$",
    "–": "--",
    "—": "---",
    "−": r"$-$",
    "…": r"\ldots{}",
    "’": "'",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "`": r"\textasciigrave{}",
    "\n": " ",
    "\t": " ",
    **dict.fromkeys(map(chr, (*range(9216, 9250), 65533)), "?"),
    "\N{NO-BREAK SPACE}": "~",
}
_WIDE = 7
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?: ± (\d+(?:\.\d+)?(?:e[+-]?\d+)?))?")


@dataclass(frozen=True)
class Table:
    """A table for people, and the figures behind it for programs.

    Attributes:
        name: File name without its ending.
        caption: What it shows and how to read it.
        columns: Heads.
        rows: Cells as text, a cell per head.
        data: Figures behind it, unrounded, for the CSV.
        text_columns: How many columns from the left are words; the others are set right.
        best: Cells of the best values, as pairs of row and column; they are marked.
    """

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    data: pd.DataFrame
    text_columns: int = 1
    best: frozenset[tuple[int, int]] = frozenset()

    def files(self) -> Mapping[str, bytes]:
        """Returns the table's files by ending."""
        texts = {"md": self.markdown(), "tex": self.latex()}
        return {"csv": csv(self.data)} | {end: text.encode() for end, text in texts.items()}

    def narrowed(self, heads: Sequence[str]) -> Table:
        """Returns the table with some of its columns, in their order."""
        kept = [place for place, head in enumerate(self.columns) if head in heads]
        new = {old: place for place, old in enumerate(kept)}
        return replace(
            self,
            columns=[self.columns[place] for place in kept],
            rows=[[row[place] for place in kept] for row in self.rows],
            best=frozenset((row, new[column]) for row, column in self.best if column in new),
        )

    def markdown(self) -> str:
        """Returns the table in GitHub's Markdown, padded to be read as it is."""
        heads = [_pipe(text) for text in self.columns]
        rows = [[_pipe(text) for text in row] for row in self.rows]
        widths = [max(3, *(len(line[i]) for line in [heads, *rows])) for i in range(len(heads))]

        def line(cells: Sequence[str]) -> str:
            padded = [
                cell.ljust(width) if i < self.text_columns else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
            ]
            return f"| {' | '.join(padded)} |"

        rule = [
            "-" * width if i < self.text_columns else "-" * (width - 1) + ":"
            for i, width in enumerate(widths)
        ]
        lines = [line(heads), line(rule), *(line(row) for row in rows)]
        return "\n".join([*lines, "", _pipe(self.caption), ""])

    def latex(self) -> str:
        """Returns the table for LaTeX with booktabs; a wide one is scaled to the page."""
        shape = "l" * self.text_columns + "r" * (len(self.columns) - self.text_columns)
        body = [" & ".join(_latex_cell(cell) for cell in row) + r" \\" for row in self.rows]
        wide = len(self.columns) > _WIDE
        return "\n".join(
            [
                r"% needs \usepackage{booktabs}" + (r" \usepackage{graphicx}" if wide else ""),
                r"\begin{table}[htbp]",
                r"  \centering",
                rf"  \caption{{{escape_latex(self.caption)}}}",
                rf"  \label{{tab:{self.name.replace('_', '-')}}}",
                *([r"  \resizebox{\textwidth}{!}{%"] if wide else []),
                rf"  \begin{{tabular}}{{{shape}}}",
                r"    \toprule",
                "    " + " & ".join(escape_latex(head) for head in self.columns) + r" \\",
                r"    \midrule",
                *(f"    {line}" for line in body),
                r"    \bottomrule",
                r"  \end{tabular}" + ("}" if wide else ""),
                r"\end{table}",
                "",
            ]
        )


def escape_latex(text: str) -> str:
    """Makes any text safe to set with LaTeX."""
    return "".join(_LATEX.get(letter, letter) for letter in visible(text))


def _latex_cell(text: str) -> str:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return escape_latex(text)
    mean, half = match.groups()
    return f"${mean}$" if half is None else rf"${mean} \pm {half}$"


def _pipe(text: str) -> str:
    """Escapes what is not text in a cell of Markdown: bars, HTML, links, pictures, emphasis."""
    return re.sub(r"[\\|`*\[\]]", r"\\\g<0>", escape(visible(text), quote=False)).replace("\n", " ")


def csv(data: pd.DataFrame) -> bytes:
    """Writes figures unrounded; text that would be taken for a formula is made harmless."""
    columns = {
        name: values if pd.api.types.is_numeric_dtype(values) else values.map(_cell)
        for name, values in data.items()
    }
    frame = pd.DataFrame(columns, index=data.index)
    text: str = frame.to_csv(index=False, lineterminator="\n", na_rep="")
    return text.encode()


def _cell(value: Any) -> Any:
    return spreadsheet(value) if isinstance(value, str) else value
