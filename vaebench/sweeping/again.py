"""Finished runs trained again beside their database, whose figures stay until each is whole."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vaebench import plugins
from vaebench.errors import UsageError
from vaebench.fingerprint import code_digest
from vaebench.plugins.versions import other_versions, with_versions
from vaebench.spec import JobSpec
from vaebench.sweeping.engines import PROCESSES, Engine
from vaebench.sweeping.working import Ended, work

if TYPE_CHECKING:
    from vaebench.context import WorkerContext
    from vaebench.outcome import JobOutcome
    from vaebench.store import Reader, Store
    from vaebench.sweeping.telling import Telling

FOLDER = "again"
"""In OUT: a database, checkpoints and models of runs that are being trained again."""


def train_again(
    jobs: Sequence[JobSpec],
    context: WorkerContext,
    take: Callable[[JobOutcome, Path], None],
    telling: Telling,
    *,
    engine: Engine = PROCESSES,
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
        telling: Is shown how far the work is.
        engine: What trains them.
        workers: Jobs at once.
        retries: How often a failed job is tried again.

    Raises:
        UsageError: The nodes of a cluster would train them, which do not see that folder.
    """
    from vaebench.store import DatabaseLockedError, Store, forget, stored_outcome

    if context.url is not None and not engine.trains_here:
        raise UsageError(
            f"Where --out is a URL, runs are trained again in {context.out / FOLDER}, and no node "
            f"of a cluster sees that: leave out --executor {engine.name}."
        )
    folder = context.out / FOLDER / _code()
    beside = dataclasses.replace(context, out=folder, url=None)

    def hand_over(key: str) -> None:
        with locked(folder / "taking"):
            if beside.model(key).exists():  # else another process has taken it
                take(stored_outcome(makeshift, key), beside.model(key))
                beside.model(key).unlink(missing_ok=True)  # one that is not kept
                beside.forget(key)

    def hand_over_or_leave(key: str) -> None:
        try:
            hand_over(key)
        except DatabaseLockedError as error:
            telling.say(f"{error} Run {key} is taken over later; nothing is lost.")

    with _at_work(folder), Store(folder / "results.db") as makeshift:
        states = makeshift.states()
        for job in jobs:
            if states.get(job.key) == "COMPLETE" and not beside.model(job.key).exists():
                forget(makeshift, job.key)  # that one was taken before
        makeshift.retry([row.key for row in makeshift.jobs(states=["FAILED"])])
        sweep = makeshift.add_sweep(jobs, FOLDER).sweep_id
        for key in makeshift.keys(sweep, "COMPLETE"):
            patiently(partial(hand_over, key), telling)
        ended = work(
            makeshift,
            sweep,
            jobs,
            beside,
            str(folder / "results.db"),
            telling,
            engine=engine,
            workers=workers,
            retries=retries,
            on_complete=hand_over_or_leave,
        )
        for key in makeshift.keys(sweep, "COMPLETE"):  # left, or trained by another process
            if ended.stopped:
                hand_over_or_leave(key)
            else:
                patiently(partial(hand_over, key), telling)
        done = all(
            state == "COMPLETE" and not beside.model(key).exists()
            for key, state in makeshift.states().items()
        )
    if done:
        _remove(folder)
    return ended


def _code() -> str:
    """Returns the digest of the code at hand, with that of the plug-ins."""
    versions = {plugin.name: plugin.version for plugin in plugins.loaded()}
    return with_versions(code_digest(), versions)


def patiently(action: Callable[[], None], telling: Telling) -> None:
    """Does what needs the database, however long another program holds its lock."""
    from vaebench.store import DatabaseLockedError

    while True:
        try:
            return action()
        except DatabaseLockedError as error:
            telling.say(f"{error} Waiting; nothing is lost.")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Waits until no other process is in such a block; the lock ends with its process."""
    import fcntl

    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def _at_work(folder: Path) -> Iterator[None]:
    """Has a file in the folder say, while the block runs, that this process works in it."""
    place = folder / "at-work"
    place.mkdir(parents=True, exist_ok=True)
    mark = place / f"{platform.node()}-{os.getpid()}"
    mark.touch()
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def _alone(folder: Path) -> bool:
    """Says whether no other process works in the folder; one of another host counts as if so."""
    import psutil

    for mark in (folder / "at-work").glob("*-*"):
        host, _, number = mark.name.rpartition("-")
        other = host != platform.node() or int(number) != os.getpid()
        if other and (host != platform.node() or psutil.pid_exists(int(number))):
            return False
    return True


def _remove(folder: Path) -> None:
    """Removes the folder of this code, where nobody works in it, and OUT/again once it is empty."""
    gone = folder.with_name(f"{folder.name}.gone-{os.getpid()}")
    with contextlib.suppress(OSError):  # another process has removed it, or still has use for it
        if _alone(folder):
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
        folder.parent.rmdir()


def renew_runs(
    store: Store,
    jobs: Sequence[JobSpec],
    context: WorkerContext,
    telling: Telling,
    *,
    engine: Engine,
    workers: int,
    retries: int,
) -> Ended:
    """Trains runs that other code made again, and replaces figures and model of each when it is.

    Args:
        store: Their database.
        jobs: Their jobs.
        context: Where and how workers work.
        telling: Is told how many there are, and how far the work is.
        engine: What trains them.
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
        renewed = False
        try:
            renewed = renew(store, outcome)
        finally:
            if renewed:
                put(model, context, outcome.key)
                before.unlink(missing_ok=True)
            elif before.exists():
                before.replace(kept)

    runs = "1 run" if len(jobs) == 1 else f"{len(jobs):,} runs"
    telling.say(f"Renewing {runs} made by other code of vaebench; until then the old figures stay.")
    return train_again(
        jobs, context, take, telling, engine=engine, workers=workers, retries=retries
    )


def put(model: Path, context: WorkerContext, key: str) -> None:
    """Moves a trained model to where it belongs.

    Raises:
        OutputError: That is a URL which cannot be written; the model is where it was.
    """
    place = context.model(key)
    context.outputs.publish(f"models/{key}.pt", source=model, patience=context.patience_seconds)
    place.parent.mkdir(parents=True, exist_ok=True)
    model.replace(place)


def pick_up(store: Reader, context: WorkerContext) -> None:
    """Puts models in their place that a killed process has renewed the figures of, no more.

    Args:
        store: The database of the runs.
        context: Where and how workers work.
    """
    from vaebench.store import Reader

    folder = context.out / FOLDER / _code()
    if not (folder / "results.db").exists():
        return
    beside, states = dataclasses.replace(context, out=folder, url=None), store.states()
    with Reader.open(folder / "results.db") as makeshift, locked(folder / "taking"):
        for row in makeshift.jobs(states=["COMPLETE"]):
            model = beside.model(row.key)
            if not model.exists() or states.get(row.key) != "COMPLETE":
                continue
            known, made = store.find(row.key), store.environment(row.key)
            same = (known.train_seconds, known.eval_seconds) == (
                row.train_seconds,
                row.eval_seconds,
            )
            if same and made.get("code") == code_digest() and not other_versions(made):
                put(model, context, row.key)
                model.with_name(f"{row.key}.before.pt").unlink(missing_ok=True)


def without_model(keys: Collection[str], context: WorkerContext) -> list[str]:
    """Returns those of the runs whose trained model is not in OUT.

    Raises:
        OutputError: OUT is a URL that cannot be read.
    """
    there = context.outputs.sizes("models") if keys else {}
    return [key for key in keys if context.model(key).name not in there]
