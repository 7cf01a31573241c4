"""Finished runs trained again beside their database, whose figures stay until each is whole."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vaebench.cli import tables
from vaebench.cli.running import Ended, work
from vaebench.fingerprint import code_digest
from vaebench.spec import JobSpec

if TYPE_CHECKING:
    from vaebench.context import WorkerContext
    from vaebench.outcome import JobOutcome
    from vaebench.store import Store

FOLDER = "again"
"""In OUT: a database, checkpoints and models of runs that are being trained again."""


def train_again(
    jobs: Sequence[JobSpec],
    context: WorkerContext,
    take: Callable[[JobOutcome, Path], None],
    *,
    workers: int,
    retries: int = 0,
) -> Ended:
    """Trains finished runs again, in a folder of their own that is gone when all is done.

    What was interrupted or killed is gone on with by the next call, as long as the code is the
    same; two processes that train the same runs again share the work.

    Args:
        jobs: The jobs of the runs.
        context: Where and how workers work.
        take: Called with the outcome and the model file of each, from this thread, as soon as it
            is there. May be called again with one that it was interrupted with.
        workers: Jobs at once.
        retries: How often a failed job is tried again.
    """
    from vaebench.store import Store, forget, stored_outcome

    folder = context.out / FOLDER / code_digest()
    beside = dataclasses.replace(context, out=folder)
    with Store(folder / "results.db") as makeshift:
        for key, state in makeshift.states().items():
            if state == "COMPLETE" and not beside.model(key).exists():
                forget(makeshift, key)  # that one was taken before
        makeshift.retry([row.key for row in makeshift.jobs(states=["FAILED"])])
        taken: set[str] = set()

        def hand_over(key: str) -> None:
            taken.add(key)
            take(stored_outcome(makeshift, key), beside.model(key))

        sweep = makeshift.add_sweep(jobs, FOLDER).sweep_id
        for key in makeshift.keys(sweep, "COMPLETE"):
            hand_over(key)
        ended = work(
            makeshift,
            sweep,
            jobs,
            beside,
            str(folder / "results.db"),
            workers=workers,
            retries=retries,
            on_complete=hand_over,
        )
        for key in makeshift.keys(sweep, "COMPLETE"):  # trained by another process meanwhile
            if key not in taken and beside.model(key).exists():
                hand_over(key)
    if ended.counts["COMPLETE"] == sum(ended.counts.values()):
        shutil.rmtree(context.out / FOLDER, ignore_errors=True)
    return ended


def renew_runs(
    store: Store, jobs: Sequence[JobSpec], context: WorkerContext, *, workers: int, retries: int
) -> Ended:
    """Trains runs that other code made again, and replaces figures and model of each when it is.

    Args:
        store: Their database.
        jobs: Their jobs.
        context: Where and how workers work.
        workers: Jobs at once.
        retries: How often a failed job is tried again.
    """
    from vaebench.store import renew

    def take(outcome: JobOutcome, model: Path) -> None:
        # The old model goes before the new figures come, and the new one comes after them: at no
        # moment stands a model beside figures that are not its own.
        kept, before = context.model(outcome.key), model.with_name(f"{model.stem}.before.pt")
        if kept.exists():
            kept.replace(before)
        if renew(store, outcome):
            put(model, kept)
        elif before.exists():
            before.replace(kept)

    runs = "1 run" if len(jobs) == 1 else f"{len(jobs):,} runs"
    tables.note(f"Renewing {runs} made by other code of vaebench; until then the old figures stay.")
    return train_again(jobs, context, take, workers=workers, retries=retries)


def put(model: Path, place: Path) -> None:
    """Moves a trained model to where it belongs."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        model.replace(place)
    except FileNotFoundError:
        if not place.exists():  # else another process, that trains the same runs, has done it
            raise


def without_model(keys: Collection[str], context: WorkerContext) -> list[str]:
    """Returns those of the runs whose trained model is not in OUT."""
    folder = context.model("").parent
    there = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
    return [key for key in keys if context.model(key).name not in there]
