"""`vaebench evaluate`: stored models scored anew by today's software, and what that changes."""

from __future__ import annotations

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
from vaebench.cli.reading import say_unreadable
from vaebench.cli.summary import missing_models
from vaebench.errors import StoreError, UsageError
from vaebench.hints import folder_of
from vaebench.outcome import Difference, JobOutcome, differences
from vaebench.sweeping.again import without_model
from vaebench.sweeping.evaluating import evaluate_again
from vaebench.sweeping.own import trained_on
from vaebench.sweeping.working import jobs_at_once

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
    from dataclasses import replace

    from vaebench.context import WorkerContext
    from vaebench.devices import resolve_devices
    from vaebench.plugging import in_use
    from vaebench.runner import rank
    from vaebench.store import Store, score_anew, stored_outcome

    if bool(keys) == every:
        raise UsageError("Name the runs to evaluate, or give --all for all that are finished.")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}: it must be 1 or more.")
    folder = out or folder_of(db)
    context = WorkerContext(out=folder, devices=resolve_devices(device), data_dir=data_dir)
    with Store(db, create=False) as store:
        chosen = [store.find(key) for key in keys or ()] or store.jobs(states=["COMPLETE"])
        if unfinished := [row for row in chosen if row.state != "COMPLETE"]:
            key, state = unfinished[0].key, unfinished[0].state
            raise StoreError(f"Run {key} is {state}: it has no trained model to evaluate.")
        bare = set(without_model([row.key for row in chosen], context))
        rows = [row for row in chosen if row.key not in bare]
        if bare:
            tables.note(missing_models(len(bare), len(chosen), db, folder))
        if not rows:
            raise typer.Exit(1)
        store.remember(in_use(row.spec for row in rows))
        context = replace(context, own=trained_on(store, rows, dataset, data_dir))
        changed = 0
        done: list[str] = []
        failed: list[str] = []
        with Steps() as steps:

            def take(outcome: JobOutcome) -> None:
                nonlocal changed
                steps.show("Evaluating", len(done) + len(failed) + 1, len(rows))
                if outcome.status != "complete":
                    failed.append(outcome.key)
                    tables.note(f"failed  {outcome.key}  {outcome.error or outcome.status}")
                    return
                found = differences(stored_outcome(store, outcome.key), outcome)
                if score_anew(store, outcome):
                    done.append(outcome.key)
                    changed += bool(found)
                    if found:
                        tables.note(f"{outcome.key}  {_said(found)}")

            count = jobs_at_once(workers, context.devices, len(rows))
            evaluate_again([row.spec for row in rows], context, take, workers=count)
        for sweep in store.sweeps():
            rank(store, sweep.id)
        say_unreadable(store)
    tables.note(f"{len(done):,} runs evaluated, {changed:,} with other figures than before.")
    if failed or bare:
        raise typer.Exit(1)


def _said(found: list[Difference]) -> str:
    words = [f"{each.what} {each.before} → {each.now}" if each.now else each.what for each in found]
    rest = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{', '.join(words[:NAMED])}{rest}"
