"""Signs of life of a worker, told not more often than useful."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vaebench.outcome import Progress
from vaebench.spec import JobSpec

if TYPE_CHECKING:
    from vaebench.training import Trainer

PROGRESS_SECONDS = 0.25
"""Wall time between two signs of life."""


class Interrupted(Exception):  # noqa: N818 - not an error: the job goes on later
    """The worker was told to stop while it evaluated."""


def while_training(on_event: Callable[[Progress], Any]) -> Callable[[Trainer], None]:
    """Makes a training's callback, which tells of its steps.

    Args:
        on_event: Called with signs of life.
    """
    start = last = time.perf_counter()
    first: int | None = None

    def report(trainer: Trainer) -> None:
        nonlocal first, start, last
        now = time.perf_counter()
        if first is None:  # the first step also draws or reads the data
            first, start = trainer.step, now
        if now - last < PROGRESS_SECONDS and not trainer.done:
            return
        last = now
        point = trainer.curve[-1] if trainer.curve else None
        on_event(
            Progress(
                trainer.spec.key,
                "training",
                trainer.step,
                now - start,
                trainer.step - first,
                point.reconstruction if point else None,
                point.kl if point else None,
            )
        )

    return report


def while_evaluating(
    spec: JobSpec, on_event: Callable[[Progress], Any], should_stop: Callable[[], bool]
) -> Callable[[], None]:
    """Says that an evaluation has begun, and makes its callback.

    Args:
        spec: The job.
        on_event: Called with signs of life.
        should_stop: Asked by each call, which raises `Interrupted` once it is true.
    """
    start = last = time.perf_counter()
    on_event(Progress(spec.key, "evaluating", spec.steps))

    def on_batch() -> None:
        nonlocal last
        if should_stop():
            raise Interrupted
        now = time.perf_counter()
        if now - last > PROGRESS_SECONDS:
            last = now
            on_event(Progress(spec.key, "evaluating", spec.steps, now - start))

    return on_batch
