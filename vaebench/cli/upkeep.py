"""`vaebench remove`, `merge` and `prune`: what a database and its folder hold, and no more."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaebench.cli import tables
from vaebench.cli.options import DEFAULT_DATABASE, DatabaseOption, ModelsOption
from vaebench.cli.reading import say_left_out
from vaebench.errors import StoreError, UsageError
from vaebench.hints import folder_of
from vaebench.outputs import Outputs
from vaebench.sweeping.stored import merge as taken_over

if TYPE_CHECKING:
    from vaebench.context import WorkerContext

LISTED = 20
"""Runs or files that are named one by one, at most."""

DELETING_SECONDS = 60.0
"""How long files are waited for that are deleted at a URL."""

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


def remove(
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Runs to remove.")],
    yes: YesOption = False,
    out: ModelsOption = None,
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Remove runs with all that is known of them: figures, pictures, model, checkpoint.

    Asks first. The sweep's command trains them anew.

    Example: vaebench remove 3f2a 91bc
    """
    from vaebench.context import WorkerContext
    from vaebench.store import Store, forget

    context = WorkerContext.at(out or folder_of(db))
    with Store(db, create=False) as store:
        chosen = list(dict.fromkeys(store.key(key) for key in keys))
        rows = {row.key: row for row in store.jobs(keys=chosen)}
        if busy := [row for row in rows.values() if row.state == "RUNNING"]:
            raise StoreError(
                f"Run {busy[0].key} is being trained: stop its sweep first. If that was killed, "
                "its command takes the run up again."
            )
        for key in chosen[:LISTED]:
            row = rows.get(key)
            label = "unreadable" if row is None else f"{row.spec.dataset} {row.spec.label}"
            tables.note(f"{key}  {label}  {'' if row is None else row.state.lower()}".rstrip())
        runs = "this run" if len(chosen) == 1 else f"these {len(chosen):,} runs"
        if not (yes or _agreed(f"Remove {runs} for good?")):
            raise typer.Exit(1)
        gone = [key for key in chosen if forget(store, key)]
        for key in gone:
            context.model(key).unlink(missing_ok=True)
            context.outputs.forget(f"models/{key}.pt")
            context.forget(key)
        _say_left(context)
    left = len(chosen) - len(gone)
    tables.note(f"{len(gone):,} removed{f', {left:,} left: they are being trained' * bool(left)}.")
    if left:
        raise typer.Exit(1)


def merge(
    other: Annotated[str, typer.Argument(metavar="OTHER.db", help="The database to take from.")],
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Take over the sweeps and runs of another database, such as another machine's.

    Runs that both have must have the same figures; where they have not, they are listed, this
    database's stay, and the exit code is 1. OTHER.db is not changed.

    Example: vaebench merge /mnt/laptop/results/results.db
    """
    if "://" not in db and "://" not in other and _same_file(db, other):
        raise UsageError(f"{other} is the database itself: name another one to take from.")
    found = taken_over(other, db)
    say_left_out(found.unreadable, other)
    tables.note(
        f"{found.taken:,} runs taken over, {found.same:,} the same in both, "
        f"{found.new:,} jobs that were new."
    )
    for key, what in list(found.conflicts.items())[:LISTED]:
        tables.note(f"conflict  {key}  {what}")
    if len(found.conflicts) > LISTED:
        tables.note(f"and {len(found.conflicts) - LISTED:,} conflicts more.")
    if found.conflicts:
        tables.note("This database's figures of these runs were left as they are.")
    if found.busy:
        tables.note(f"{len(found.busy):,} runs are being trained here and were left alone.")
    if found.taken:
        tables.note("Their trained models are files beside OTHER.db: copy `models` to keep them.")
    if found.conflicts:
        raise typer.Exit(1)


def prune(
    yes: YesOption = False,
    out: ModelsOption = None,
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Delete checkpoints and models that no run of the database needs; says how many bytes.

    A checkpoint is needed by a job that is not done, a model by a run that is finished or may be
    soon, pictures and codes that are files (`vaebench files`) by their run. Asks first.
    """
    from vaebench.context import WorkerContext
    from vaebench.store import Reader, Store, unnamed

    context = WorkerContext.at(out or folder_of(db))
    files = _files(context)
    idle = _idle(db, files)
    with Reader.open(db) as reader:
        beside = unnamed(reader)
    if not idle and not beside:
        tables.note(f"Nothing to prune: all {len(files):,} checkpoints and models are needed.")
        return
    names = [*(f"{context.outputs}/{name}" for name in idle), *map(str, beside)]
    for name in names[:LISTED]:
        tables.note(name)
    if len(names) > LISTED:
        tables.note(f"and {len(names) - LISTED:,} more.")
    size = sum(files[name] for name in idle) + sum(beside.values())
    if not (yes or _agreed(f"Delete {len(names):,} files, {size / 1e6:,.1f} MB?")):
        raise typer.Exit(1)
    still = _idle(db, idle)  # a sweep may have been started while this waited
    for name in still:
        (context.out / name).unlink(missing_ok=True)
        context.outputs.forget(name)
    if beside:
        with Store(db, create=False) as store:
            beside = unnamed(store, deleting=True)
    _say_left(context)
    size = sum(files[name] for name in still) + sum(beside.values())
    count = len(still) + len(beside)
    tables.note(f"{count:,} files deleted, {size / 1e6:,.1f} MB ({size:,} bytes).")


def _files(context: WorkerContext) -> dict[str, int]:
    """Returns the sizes of checkpoints and models, at a URL or here, by names in OUT."""
    return {
        f"{folder}/{name}": size
        for folder in ("checkpoints", "models")
        for place in (Outputs(context.out), context.outputs)
        for name, size in sorted(place.sizes(folder).items())
        if name.endswith(".pt")
    }


def _say_left(context: WorkerContext) -> None:
    """Waits until files are deleted at a URL, and says where that was not possible."""
    if trouble := context.outputs.finish(DELETING_SECONDS):
        tables.note(
            f"Not all files at {context.outputs} were deleted ({trouble}): `vaebench prune` will."
        )


def _idle(db: str, files: Iterable[str]) -> list[str]:
    """Returns those files that no job needs; one that is on its way to its end needs both kinds."""
    from vaebench.store import Reader

    with Reader.open(db) as reader:
        states = reader.states()
    needed = {f"models/{key}.pt" for key, state in states.items() if state != "FAILED"}
    needed |= {f"checkpoints/{key}.pt" for key, state in states.items() if state != "COMPLETE"}
    return [name for name in files if name not in needed and _named_by_key(name)]


def _named_by_key(name: str) -> bool:
    """Says whether a file's name is a job key: other files are somebody's own."""
    stem = Path(name).stem
    return len(stem) == 16 and set(stem) <= set("0123456789abcdef")


def _same_file(one: str, other: str) -> bool:
    return Path(one).exists() and Path(other).exists() and Path(one).samefile(other)


def _agreed(question: str) -> bool:
    """Asks a person; where nobody can answer, says how to do it without."""
    import sys

    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody can answer here: give --yes to do it.")
    return typer.confirm(question, err=True)
