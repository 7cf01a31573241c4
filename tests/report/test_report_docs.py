"""The page on how to read a report names every figure and every table with its columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaebench.analysis import TABLES
from vaebench.report.figures import FIGURES
from vaebench.report.questions import QUESTIONS

DOCS = (Path(__file__).parents[2] / "docs" / "report.md").read_text()


@pytest.mark.parametrize("name", [each.name for each in (*FIGURES, *TABLES)])
def test_every_figure_and_table_is_explained(name: str) -> None:
    assert f"`{name}`" in DOCS


def test_columns_are_those_of_the_tables() -> None:
    for table in TABLES:
        columns = " ".join(f"`{column}`" for column in table.columns)
        assert f"| `{table.name}` | {columns} |" in DOCS


def test_every_figure_and_table_has_its_question() -> None:
    drawn = [name for question in QUESTIONS for name in question.figures]
    assert sorted(drawn) == sorted(figure.name for figure in FIGURES)
    tabled = {name for question in QUESTIONS for name in question.tables}
    assert {table.name for table in TABLES} <= tabled
