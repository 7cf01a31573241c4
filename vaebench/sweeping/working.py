"""Jobs of a sweep trained, by whatever engine, and how that ended."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vaebench.errors import VaebenchError
from vaebench.fingerprint import software
from vaebench.spec import JobSpec
from vaebench.sweeping.engines import Engine
from vaebench.sweeping.signals import Stopped, held_back, stopping_in_order

if TYPE_CHECKING:
    from vaebench.context import WorkerContext
    from vaebench.runner import Beat, JobEnded, Notice, Runner
    from vaebench.store import Store
    from vaebench.sweeping.telling import Telling


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

    def check(self) -> None:
        """Does nothing where the work came to its end.

        Raises:
            VaebenchError: Its output cannot be written.
            Stopped: The user stopped it.
        """
        if self.blocked:
            raise VaebenchError(self.blocked)
        if self.stopped:
            raise Stopped


def work(
    store: Store,
    sweep_id: int,
    jobs: Sequence[JobSpec],
    context: WorkerContext,
    location: str,
    telling: Telling,
    *,
    engine: Engine,
    workers: int,
    retries: int,
    fail_fast: bool = False,
    mixed: bool = False,
    on_complete: Callable[[str], Any],
) -> Ended:
    """Trains the jobs of a sweep that are not done, and shows how far that is.

    Args:
        store: The database.
        sweep_id: The sweep.
        jobs: Its jobs.
        context: Where and how workers work.
        location: The database as the user named it, for hints.
        telling: Is shown how far the work is.
        engine: What trains them.
        workers: Jobs trained at once; they take the context's devices in turn. On an accelerator
            each process has another beside it, which evaluates what it has trained.
        retries: How often a failed job is tried again.
        fail_fast: Stop at the first failure.
        mixed: Work beside machines that have other software, too.
        on_complete: Called with the key of each job that this process has completed.
    """
    counts = store.counts(sweep_id)
    if counts["COMPLETE"] == len(jobs):
        from vaebench.runner import rank

        rank(store, sweep_id)
        return Ended(counts)
    with held_back():
        from vaebench.runner import JobEnded, Runner
        from vaebench.slurm import this_allocation
        from vaebench.store import Claimant, DatabaseLockedError

    devices = ", ".join(context.devices) if engine.trains_here else ""
    runner: Runner
    executor = engine.executor(context, workers, lambda sign: runner.progressed(sign))
    stopped: list[int] = []
    with ExitStack() as open_until_the_end:
        open_until_the_end.callback(executor.shutdown, kill=True)  # what is ended ends no more
        watching = telling.watching(jobs, workers, context, location)
        display = open_until_the_end.enter_context(watching)

        def done_elsewhere(key: str) -> bool:
            with suppress(DatabaseLockedError):
                return key in store.keys(sweep_id, "COMPLETE")
            return False

        def on_event(event: JobEnded | Notice | Beat) -> None:
            if stopped:
                display.stopping()
            if isinstance(event, JobEnded):
                if event.state == "complete":
                    on_complete(event.spec.key)
                elif event.state in {"late", "interrupted"} and done_elsewhere(event.spec.key):
                    context.forget(event.spec.key)  # written anew since that one deleted it
            display.show(event)

        runner = Runner(
            store,
            sweep_id,
            executor,
            retries=retries,
            fail_fast=fail_fast,
            trained=context.twins.keys(),
            on_event=on_event,
            claimant=Claimant(platform.node(), devices, software(), this_allocation()),
            mixed=mixed,
        )
        with stopping_in_order(runner, stopped):
            counts = runner.run()
    return Ended(counts, bool(stopped), runner.blocked)


def jobs_at_once(wanted: int | None, devices: Sequence[str], jobs: int) -> int:
    """Returns how many of some jobs to train at once: as wanted, or one a core, or one a GPU."""
    return min(wanted or (cores() if devices[0] == "cpu" else len(devices)), jobs)


def cores() -> int:
    """Returns the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
