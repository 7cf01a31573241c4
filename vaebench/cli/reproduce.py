"""`vaebench reproduce`: runs trained again, every stored figure compared, models brought back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from vaebench.cli import tables
from vaebench.cli.options import (
    DEFAULT_DATABASE,
    DatabaseOption,
    DataDirOption,
    ModelsOption,
    MovedOption,
)
from vaebench.cli.reading import opened
from vaebench.cli.summary import say_ended
from vaebench.cli.tables import Column
from vaebench.cli.telling import Terminal
from vaebench.errors import UsageError, VaebenchError
from vaebench.hints import folder_of
from vaebench.outcome import Difference, differences
from vaebench.spec import JobSpec
from vaebench.sweeping.again import put, train_again, without_model
from vaebench.sweeping.own import trained_on
from vaebench.sweeping.reproducing import reproduce as trained_again
from vaebench.sweeping.working import jobs_at_once

if TYPE_CHECKING:
    from vaebench.context import WorkerContext
    from vaebench.outcome import JobOutcome
    from vaebench.store import JobRow, Reader


def reproduce(
    key: Annotated[
        str | None, typer.Argument(help="Key of a finished run, or its first digits.")
    ] = None,
    restore: Annotated[
        bool,
        typer.Option(
            "--restore",
            help="Put the trained model back into OUT/models where it is missing or damaged and "
            "every figure came out the same.",
        ),
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="With --restore: every run whose model is not there.")
    ] = False,
    db: DatabaseOption = DEFAULT_DATABASE,
    out: ModelsOption = None,
    data_dir: DataDirOption = None,
    device: Annotated[str, typer.Option(help="auto, or the device to train on.")] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(help="With --restore: runs at once. Default: one a core, or one a GPU."),
    ] = None,
    dataset: MovedOption = None,
) -> None:
    """Train a run again and say whether every stored figure came out the same.

    Exit code 0 means bit for bit the same, 1 that a figure differs. The database is not changed.

    Example: vaebench reproduce --restore --all
    """
    from vaebench.context import WorkerContext

    if bool(key) == every or (every and not restore):
        raise UsageError("Name the run to train again, or give --restore --all.")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}: it must be 1 or more.")
    if key is not None and not restore:
        found = trained_again(
            key, db, data_dir=data_dir, device=device, dataset=dataset, on_begin=_say_begun
        )
        if not found.same:
            _tell(found.stored, found.again, found.differences)
            raise typer.Exit(1)
        tables.emit(Text(f"{_same(found.stored)} the same, bit for bit."))
        return
    context = WorkerContext.at(out or folder_of(db), data_dir=data_dir)
    with opened(db) as reader:
        if chosen := _to_restore(reader, key, context):
            _restore(reader, chosen, context, device, dataset, workers)


def _say_begun(spec: JobSpec, device: str) -> None:
    tables.note(f"Training {spec.label} ({spec.steps} steps) again on {device} …")


def _to_restore(reader: Reader, key: str | None, context: WorkerContext) -> list[JobRow]:
    """Returns the runs whose model is missing or damaged; says so where there is none."""
    from vaebench.errors import DamagedError
    from vaebench.training import check_file

    rows = reader.jobs(states=["COMPLETE"]) if key is None else [reader.find(key)]
    if rows and rows[0].state != "COMPLETE":
        raise VaebenchError(f"Run {rows[0].key} is {rows[0].state}: it has no trained model yet.")
    bare = set(without_model([row.key for row in rows], context))
    for row in rows:
        if row.key not in bare:
            context.outputs.fetch(f"models/{row.key}.pt")
            try:
                check_file(context.model(row.key))
            except DamagedError as error:
                tables.note(str(error))
                bare.add(row.key)
    if not bare:
        place = f"{context.outputs}/models"
        what = "Its model is" if key else f"The models of all {len(rows):,} finished runs are"
        tables.note(f"{what} in {place}, undamaged: there is nothing to restore.")
    return [row for row in rows if row.key in bare]


def _restore(
    reader: Reader,
    rows: list[JobRow],
    context: WorkerContext,
    device: str,
    dataset: str | None,
    workers: int | None,
) -> None:
    """Trains runs again and puts their models back, each where its figures are the stored ones."""
    from dataclasses import replace

    from vaebench.devices import resolve_devices
    from vaebench.store import stored_outcome
    from vaebench.training import set_aside

    known = reader.environment(rows[0].key).get("device", "auto")
    own = trained_on(reader, rows, dataset, context.data_dir)
    devices = resolve_devices(device if device != "auto" else known.partition(":")[0])
    context = replace(context, devices=devices, own=own)
    count = jobs_at_once(workers, devices, len(rows))
    different: list[str] = []

    def take(outcome: JobOutcome, model: Path) -> None:
        stored, place = stored_outcome(reader, outcome.key), context.model(outcome.key)
        if found := differences(stored, outcome):
            different.append(outcome.key)
            tables.note(f"Run {outcome.key} came out otherwise; its new model is not kept.")
            _tell(stored, outcome, found)
            return
        if place.exists():
            tables.note(f"{place} was damaged and is now {set_aside(place).name}.")
        put(model, context, outcome.key)
        tables.note(f"Run {outcome.key}: {_same(stored).lower()} the same; {place} is back.")

    ended = train_again([row.spec for row in rows], context, take, Terminal(), workers=count)
    say_ended(ended)
    back = ended.counts["COMPLETE"] - len(different)
    tables.note(f"{back:,} of {len(rows):,} models are back in {context.outputs}/models.")
    if back < len(rows):
        raise typer.Exit(1)


def _same(stored: JobOutcome) -> str:
    return (
        f"All {len(stored.scores)} figures, the training curve and {len(stored.artifacts)} "
        "pictures are"
    )


def _tell(stored: JobOutcome, again: JobOutcome, found: Sequence[Difference]) -> None:
    """Prints what differs, and what of the environment may be why."""
    columns = [Column("figure"), Column("stored"), Column("again"), Column("")]
    rows = [[each.what, each.before, each.now, "differs"] for each in found]
    tables.emit(tables.table(columns, rows, width=tables.terminal_width())[0])
    changed = _changed(stored.environment, again.environment)
    total = len(stored.scores) + 1 + len(stored.artifacts)
    tables.emit(
        Text(
            f"{len(rows)} of {total} figures differ. What differs in the environment: "
            f"{', '.join(changed) or 'nothing'}."
        )
    )


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
