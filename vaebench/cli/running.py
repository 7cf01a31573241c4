"""Running a sweep's jobs from the command line: display, signals, and how it ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

from vaebench.cli import stopping
from vaebench.cli.display import SweepDisplay
from vaebench.cli.reading import say_unreadable
from vaebench.cli.summary import FIGURES, closing, missing_models, results_table
from vaebench.cli.tables import note
from vaebench.errors import VaebenchError
from vaebench.fingerprint import other_code
from vaebench.hints import hint_again
from vaebench.spec import JobSpec

if TYPE_CHECKING:
    from vaebench.context import WorkerContext
    from vaebench.runner import Beat, JobEnded, Notice, Runner
    from vaebench.store import Store


@dataclass(frozen=True)
class Ended:
    """How work on a sweep ended.

    Attributes:
        counts: Its jobs by state.
        stopped: Whether the user stopped it.
        blocked: Why no output could be written, where that ended it.
    """

    counts: Mapping[str, int]
    stopped: bool = False
    blocked: str | None = None

    def raise_if_early(self) -> None:
        """Leaves the command where the work was stopped or blocked.

        Raises:
            VaebenchError: Its output cannot be written.
            typer.Exit: With 130 where the user stopped it.
        """
        if self.blocked:
            raise VaebenchError(self.blocked)
        if self.stopped:
            raise typer.Exit(130)


def run_jobs(
    jobs: Sequence[JobSpec],
    location: str,
    context: WorkerContext,
    *,
    command: str,
    workers: int,
    retries: int = 0,
    fail_fast: bool = False,
    renew: bool = False,
) -> None:
    """Trains jobs into a database, with a live display and a summary at the end.

    Args:
        jobs: The jobs, in order.
        location: The database.
        context: Where and how workers work.
        command: What the user typed, kept in the database.
        workers: Jobs at once.
        retries: How often a failed job is tried again.
        fail_fast: Stop at the first failure.
        renew: Train those again that are done, but were made by other code of vaebench.

    Raises:
        typer.Exit: With 1 where a job failed, with 130 where the user stopped the sweep.
    """
    from vaebench.cli.again import pick_up, renew_runs, without_model
    from vaebench.store import Store, figures_of_sweep, made_by_other_code

    keys = {job.key for job in jobs}
    renewed = Ended({})
    with Store(location) as store:
        added = store.add_sweep(jobs, command)
        if renew:
            pick_up(store, context)
        if renew and (old := set(made_by_other_code(store, keys))):
            chosen = [job for job in jobs if job.key in old]
            renewed = renew_runs(store, chosen, context, workers=workers, retries=retries)
        ended = renewed
        if not (renewed.stopped or renewed.blocked):
            ended = work(
                store,
                added.sweep_id,
                jobs,
                context,
                location,
                workers=workers,
                retries=retries,
                fail_fast=fail_fast,
                on_complete=context.forget,
            )
        counts = store.counts(added.sweep_id)
        rows = figures_of_sweep(store, added.sweep_id, list(FIGURES))
        failed = store.jobs(sweep_id=added.sweep_id, states=["FAILED"])
        old_runs = made_by_other_code(store, keys)
        bare = without_model(store.keys(added.sweep_id, "COMPLETE"), context)
        say_unreadable(store)
    results_table(rows, jobs)
    closing(counts, [(row.key, row.error or "") for row in failed], location, command, context.out)
    if old_runs:
        again = hint_again(command, location)
        again += "" if "--renew" in again.split() else " --renew"
        note(f"{other_code(len(old_runs), len(rows))} To train them again: {again}")
    if bare:
        note(missing_models(len(bare), len(rows), location, context.out))
    ended.raise_if_early()
    if failed or counts["PENDING"] or renewed.counts.get("FAILED"):
        raise typer.Exit(1)


def work(
    store: Store,
    sweep_id: int,
    jobs: Sequence[JobSpec],
    context: WorkerContext,
    location: str,
    *,
    workers: int,
    retries: int,
    fail_fast: bool = False,
    on_complete: Callable[[str], Any],
) -> Ended:
    """Trains the jobs of a sweep that are not done, with a live display.

    Args:
        store: The database.
        sweep_id: The sweep.
        jobs: Its jobs.
        context: Where and how workers work.
        location: The database as the user named it, for hints.
        workers: Jobs at once.
        retries: How often a failed job is tried again.
        fail_fast: Stop at the first failure.
        on_complete: Called with the key of each job that this process has completed.
    """
    counts = store.counts(sweep_id)
    if counts["COMPLETE"] == len(jobs):
        from vaebench.runner import rank

        rank(store, sweep_id)
        return Ended(counts)
    from vaebench.executors import ProcessExecutor
    from vaebench.runner import JobEnded, Runner
    from vaebench.worker import run_pack

    display = SweepDisplay(jobs, workers, context.device, location)

    stopped: list[int] = []

    def on_event(event: JobEnded | Notice | Beat) -> None:
        if stopped:
            display.stopping()
        if isinstance(event, JobEnded) and event.state == "complete":
            on_complete(event.spec.key)
        display.show(event)

    runner: Runner
    executor = ProcessExecutor(
        run_pack,
        context,
        workers=workers,
        on_event=lambda progress: runner.progressed(progress),
    )
    runner = Runner(
        store,
        sweep_id,
        executor,
        retries=retries,
        fail_fast=fail_fast,
        on_event=on_event,
    )
    with _stopping(runner, stopped), display:
        counts = runner.run()
    return Ended(counts, bool(stopped), runner.blocked)


@contextmanager
def _stopping(runner: Runner, seen: list[int]) -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM end a sweep in order: once to checkpoint, twice at once.

    Args:
        runner: The sweep's.
        seen: Takes the signals that come while the block runs. The handler does no more: it may
            have cut in anywhere, with a lock held or a line half printed.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        seen.append(number)
        if len(seen) > 1:
            raise stopping.Stopped
        runner.stop()

    before = stopping.handle(stop)
    clean = False
    try:
        yield
        clean = True
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        runner.close(kill=not clean)


def cores() -> int:
    """Returns the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
