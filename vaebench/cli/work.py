"""`vaebench work`: one more machine, or process, on sweeps that a database has."""

from __future__ import annotations

from typing import Annotated

import typer

from vaebench.cli import tables
from vaebench.cli.options import (
    DEFAULT_DATABASE,
    AddressOption,
    CheckpointEveryOption,
    DatabaseOption,
    DataDirOption,
    DeviceOption,
    ExecutorOption,
    MixedOption,
    WorkersOption,
)
from vaebench.cli.summary import say_finished
from vaebench.cli.telling import Terminal
from vaebench.hints import folder_of, hint


def work(
    db: DatabaseOption = DEFAULT_DATABASE,
    sweep: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="The sweep to work on. Default: all that have work."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|URL",
            help="Where checkpoints and models lie. Default: beside the database.",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    checkpoint_every: CheckpointEveryOption = 20.0,
    executor: ExecutorOption = "processes",
    address: AddressOption = None,
    mixed: MixedOption = False,
) -> None:
    """Train what sweeps in a database still have to do, beside whoever else does.

    It ends when no job is left. Several of these, on one machine or on many
    that share a PostgreSQL database and a folder or a URL, do each job once; one that
    dies gives its jobs back.

    Example: vaebench work --db results/results.db --workers 2
    """
    from vaebench.store import recall_plugins
    from vaebench.sweeping.joining import joined, unfinished
    from vaebench.sweeping.running import Place, carried_out

    place = Place(
        out=out or folder_of(db),
        db=db,
        data_dir=data_dir,
        device=device,
        workers=workers,
        checkpoint_every=checkpoint_every,
        executor=executor,
        address=address,
        mixed=mixed,
    )
    recall_plugins(place.location)
    found = unfinished(place, sweep)
    if not found:
        look = hint("vaebench status", place.location)
        tables.note(f"There is nothing to train: no job is pending or running. {look}")
    telling = Terminal()
    for number in found:
        planned = joined(place, number, telling)
        command = hint(f"vaebench work --sweep {number}", place.location)
        say_finished(planned, carried_out(planned, "", telling), command)
