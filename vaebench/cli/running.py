"""Running a sweep's jobs from the command line: display, signals, and how it ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import typer

from vaebench.cli.display import SweepDisplay
from vaebench.cli.reading import say_unreadable
from vaebench.cli.summary import closing, results_table
from vaebench.errors import UsageError, VaebenchError
from vaebench.spec import JobSpec

if TYPE_CHECKING:
    from vaebench.runner import Beat, JobEnded, Notice, Runner
    from vaebench.store import Store
    from vaebench.worker import WorkerContext


def run_jobs(
    jobs: Sequence[JobSpec],
    location: str,
    context: WorkerContext,
    *,
    sources: Mapping[str, str],
    command: str,
    workers: int,
    retries: int = 0,
    fail_fast: bool = False,
) -> None:
    """Trains jobs into a database, with a live display and a summary at the end.

    Args:
        jobs: The jobs, in order.
        location: The database.
        context: Where and how workers work.
        sources: Name of each data set -> where it comes from, of one's own with a digest.
        command: What the user typed, kept in the database.
        workers: Jobs at once.
        retries: How often a failed job is tried again.
        fail_fast: Stop at the first failure.

    Raises:
        UsageError: A `folder:` or `npz:` has other content than a finished run of that name had.
        typer.Exit: With 1 where a job failed, with 130 where the user stopped the sweep.
    """
    from vaebench.executors import ProcessExecutor
    from vaebench.runner import JobEnded, Runner
    from vaebench.store import Store
    from vaebench.worker import run_pack

    with Store(location) as store:
        _own_data_unchanged(store, sources)
        added = store.add_sweep(jobs, command)
        display = SweepDisplay(jobs, workers, context.device, location)

        def on_event(event: JobEnded | Notice | Beat) -> None:
            if isinstance(event, JobEnded) and event.state == "complete":
                context.forget(event.spec.key)
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
            added.sweep_id,
            executor,
            retries=retries,
            fail_fast=fail_fast,
            on_event=on_event,
        )
        with _stopping(runner, display) as stopped, display:
            counts = runner.run()
        rows = [row for row in store.results() if row["job_key"] in {job.key for job in jobs}]
        failed = store.jobs(sweep_id=added.sweep_id, states=["FAILED"])
        say_unreadable(store)
    results_table(rows, jobs)
    closing(counts, [(row.key, row.error or "") for row in failed], location, command, context.out)
    if runner.blocked:
        raise VaebenchError(runner.blocked)
    if stopped:
        raise typer.Exit(130)
    if failed or counts["PENDING"]:
        raise typer.Exit(1)


def _own_data_unchanged(store: Store, sources: Mapping[str, str]) -> None:
    """Refuses one's own data that are no longer what finished runs were trained on."""
    for name, source in sources.items():
        before = store.sources(name) if ":" in name else {}
        if others := {text: runs for text, runs in before.items() if text != source}:
            text, runs = next(iter(others.items()))
            raise UsageError(
                f"{name} has changed: {store.location} has runs ({runs}) trained on {text!r}, and "
                f"now it is {source!r}. Give the new data another name, or name another "
                "database with --db."
            )


@contextmanager
def _stopping(runner: Runner, display: SweepDisplay) -> Iterator[list[int]]:
    """Lets Ctrl-C and SIGTERM end a sweep in order: once to checkpoint, twice at once.

    Yields:
        The signals that came, filled while the block runs.
    """
    seen: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        seen.append(number)
        if len(seen) > 1:
            raise KeyboardInterrupt
        display.say("Stopping: what runs is being checkpointed. Ctrl-C again stops at once.")
        runner.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    clean = False
    try:
        yield seen
        clean = True
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        runner.close(kill=not clean)


def cores() -> int:
    """Returns the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
