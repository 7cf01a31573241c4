"""Trained models evaluated anew, by the software at hand; nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import TYPE_CHECKING

from vaebench.spec import JobSpec

if TYPE_CHECKING:
    from vaebench.context import WorkerContext
    from vaebench.outcome import JobOutcome


def evaluate_again(
    jobs: Sequence[JobSpec],
    context: WorkerContext,
    take: Callable[[JobOutcome], None],
    *,
    workers: int,
) -> None:
    """Evaluates the trained models of finished jobs, each as soon as a worker is free.

    Args:
        jobs: The jobs; their models are in `context.out`.
        context: Where and how workers work.
        take: Called with each outcome, from this thread, as soon as it is there.
        workers: Models at once; they take the context's devices in turn.

    Raises:
        LostWorkerError: A worker process died.
    """
    from vaebench.executors import ProcessExecutor
    from vaebench.worker import evaluate_pack

    executor = ProcessExecutor(
        evaluate_pack, context.bound(min(workers, len(jobs))), on_event=lambda progress: None
    )
    clean = False
    try:
        for future in as_completed([executor.submit([job]) for job in jobs]):
            take(future.result()[0])
        clean = True
    finally:
        executor.shutdown(kill=not clean)
