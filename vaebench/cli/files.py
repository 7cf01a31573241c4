"""`vaebench files`: pictures and codes of runs in the database, or as files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaebench.cli import tables
from vaebench.cli.bars import Steps
from vaebench.cli.options import DEFAULT_DATABASE, DatabaseOption
from vaebench.errors import UsageError


def files(
    folder: Annotated[
        str | None, typer.Argument(metavar="[FOLDER]", help="Where they are files from now on.")
    ] = None,
    inside: Annotated[
        bool, typer.Option("--inside", help="Take them into the database, and delete the files.")
    ] = False,
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Keep pictures and codes of runs as files in a folder: the database is a sixth as large then.

    Alone it says where they are. FOLDER moves what there is and holds for all runs to come; a
    folder beside a SQLite file is found wherever both are moved together. A folder that you have
    moved elsewhere is made known by its new name. Sweeps may run meanwhile.

    Example: vaebench files results/files
    """
    from vaebench.store import Store, kept, move_in, move_out, shrink

    if inside and folder is not None:
        raise UsageError(f"{folder!r} and --inside exclude each other: files, or the database.")
    small = True
    with Store(db, create=folder is not None) as store, Steps() as steps:
        now = kept(store)
        if folder is not None:
            path = _made(folder)
            move_out(store, path, lambda moved: steps.show("Moving", moved, now.inside))
        elif inside:
            move_in(store, lambda moved: steps.show("Moving", moved, now.files))
        if folder is not None or inside:
            small = shrink(store)
            now = kept(store)
    if not small:
        tables.note("The database's file is in use and keeps its size: type this again later.")
    if now.place is None:
        tables.note(
            f"Pictures and codes are in the database: {now.inside:,}, "
            f"{now.inside_bytes / 1e6:,.1f} MB."
        )
    else:
        left = f", {now.inside:,} still in the database" if now.inside else ""
        tables.note(f"Pictures and codes are files in {now.place}: {now.files:,}{left}.")


def _made(folder: str) -> Path:
    """Returns the folder, absolute, made where it is missing."""
    path = Path(folder).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made a folder: {error.strerror}.") from error
    return path
