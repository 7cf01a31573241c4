"""`vaebench evaluate`: stored models scored anew by today's software, and what that changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from vaebench.cli import tables
from vaebench.cli.bars import Steps
from vaebench.cli.options import (
    DEFAULT_DATABASE,
    DatabaseOption,
    DataDirOption,
    ModelsOption,
    MovedOption,
)
from vaebench.cli.reading import say_left_out
from vaebench.cli.summary import missing_models
from vaebench.errors import UsageError
from vaebench.hints import folder_of
from vaebench.outcome import Difference
from vaebench.sweeping.evaluating import evaluate as evaluated

NAMED = 6
"""Figures that are named at most, of a run that changes."""


def evaluate(
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="Finished runs.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All finished runs.")] = False,
    out: ModelsOption = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    data_dir: DataDirOption = None,
    device: Annotated[str, typer.Option(help="auto, or the device to compute on.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(help="Models at once. Default: one a core, or one a GPU.")
    ] = None,
    dataset: MovedOption = None,
) -> None:
    """Score trained models anew: new scores, new pictures, UDR; nothing is trained.

    Each run's figures are replaced in one transaction, and it says which of them changed.

    Example: vaebench evaluate --all
    """
    if bool(keys) == every:
        raise UsageError("Name the runs to evaluate, or give --all for all that are finished.")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}: it must be 1 or more.")
    folder = out or folder_of(db)
    with Steps() as steps:

        def on_run(key: str, found: Sequence[Difference] | None, number: int, total: int) -> None:
            steps.show("Evaluating", number, total)
            if found:
                tables.note(f"{key}  {_said(found)}")

        done = evaluated(
            keys or None,
            db,
            out=folder,
            data_dir=data_dir,
            device=device,
            workers=workers,
            dataset=dataset,
            on_run=on_run,
        )
    for key, error in done.failed.items():
        tables.note(f"failed  {key}  {error}")
    say_left_out(done.unreadable, db)
    runs = len(done.changed) + len(done.failed)
    if done.bare:
        tables.note(missing_models(len(done.bare), runs + len(done.bare), db, folder))
    changed = sum(map(bool, done.changed.values()))
    if runs:
        tables.note(
            f"{len(done.changed):,} runs evaluated, {changed:,} with other figures than before."
        )
    if done.failed or done.bare:
        raise typer.Exit(1)


def _said(found: Sequence[Difference]) -> str:
    words = [f"{each.what} {each.before} → {each.now}" if each.now else each.what for each in found]
    rest = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{', '.join(words[:NAMED])}{rest}"
