"""`vaebench studies`: the papers' experiments that `sweep --study` runs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from vaebench.cli import tables
from vaebench.study import Study
from vaebench.study_files import load_study, study_names, study_path


def studies(
    name: Annotated[str | None, typer.Argument(help="Print this study's TOML file.")] = None,
) -> None:
    """List the studies; with a NAME, print its file, to copy and edit.

    Example: vaebench studies fashion-betas > mine.toml; vaebench sweep --study mine.toml
    """
    if name is not None:
        load_study(name)
        tables.echo(study_path(name).read_text(encoding="utf-8").rstrip())
        return
    for found in study_names():
        study = load_study(found)
        count = trainings(study)
        times = "training" if count == 1 else "trainings"
        tables.emit(Text(f"{found}  ({count:,} {times})", style="bold"))
        tables.emit(Text(f"  {study.title}"), Text(f"  {study.paper}", style="dim"))
    tables.note("To run one: vaebench sweep --study NAME. Its file: vaebench studies NAME.")


def trainings(study: Study) -> int:
    """Counts the jobs of a study."""
    cells = 0
    for entry in study.entries:
        product = 1
        for values in entry.grid.values():
            product *= len(values)
        cells += product
    return len(study.datasets) * cells * len(study.seeds) * (study.folds or 1)
