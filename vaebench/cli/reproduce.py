"""`vaebench reproduce`: a run trained again, and every stored figure compared."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from vaebench.cli import tables
from vaebench.cli.options import DEFAULT_DATABASE, DatabaseOption
from vaebench.cli.reading import opened
from vaebench.cli.tables import Column
from vaebench.errors import VaebenchError


def reproduce(
    key: Annotated[str, typer.Argument(help="Key of a finished run, or its first digits.")],
    db: DatabaseOption = DEFAULT_DATABASE,
    data_dir: Annotated[
        Path | None, typer.Option(envvar="VAEBENCH_DATA", help="Folder of downloaded data.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, or the device to train on.")] = "auto",
) -> None:
    """Train a run again and say whether every stored figure came out the same.

    Exit code 0 means bit for bit the same, 1 that a figure differs. The database is not changed.
    """
    from vaebench.data import load_dataset
    from vaebench.executors import ProcessExecutor
    from vaebench.store import RELATIVE
    from vaebench.training import resolve_device
    from vaebench.worker import WorkerContext, run_pack

    with opened(db) as reader:
        row = reader.find(key)
        if row.state != "COMPLETE":
            raise VaebenchError(
                f"Run {row.key} is {row.state}: only a finished run can be reproduced."
            )
        scores = {
            score.name: score.value
            for score in reader.scores(row.key)
            if score.name not in RELATIVE  # it is of the run's cell, not of the run
        }
        codes = reader.representations(row.spec.cell).get(row.key)
        curve = reader.curve(row.key)
        environment = reader.environment(row.key)
    resolved = resolve_device(device if device != "auto" else environment.get("device", "auto"))
    load_dataset(row.spec.dataset, data_dir)  # what is missing is said before a worker starts
    tables.note(f"Training {row.spec.label} ({row.spec.steps} steps) again on {resolved} …")
    with tempfile.TemporaryDirectory(prefix="vaebench-reproduce-") as folder:
        context = WorkerContext(out=Path(folder), device=resolved, data_dir=data_dir)
        executor = ProcessExecutor(run_pack, context, workers=1, on_event=lambda progress: None)
        try:
            outcome = executor.submit([row.spec]).result()[0]
        finally:
            executor.shutdown()
    if outcome.status != "complete":
        raise VaebenchError(f"The run failed this time: {outcome.error}")
    again = {score.name: score.value for score in outcome.scores}
    rows = [
        [name, _text(scores.get(name)), _text(again.get(name)), "differs"]
        for name in sorted({*scores, *again})
        if scores.get(name) != again.get(name)
    ]
    if tuple(curve) != outcome.curves:
        rows.append(
            ["training curve", f"{len(curve)} points", f"{len(outcome.curves)} points", "differs"]
        )
    if codes not in (None, outcome.representation):
        rows.append(["codes", "", "", "differs"])
    if not rows:
        tables.emit(
            Text(f"All {len(scores)} figures and the training curve are the same, bit for bit.")
        )
        return
    columns = [Column("figure"), Column("stored"), Column("again"), Column("")]
    tables.emit(tables.table(columns, rows, width=tables.terminal_width())[0])
    now = outcome.environment
    changed = [
        name for name in sorted({*environment, *now}) if environment.get(name) != now.get(name)
    ]
    tables.emit(
        Text(
            f"{len(rows)} of {len(scores) + 1} figures differ. What differs in the environment: "
            f"{', '.join(changed) or 'nothing'}."
        )
    )
    raise typer.Exit(1)


def _text(value: float | None) -> str:
    return "–" if value is None else repr(value)
