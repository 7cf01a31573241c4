"""The inline executor: packs run in the calling process, for debugging and for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic

from vaebench.errors import LostWorkerError
from vaebench.executors.contract import Answer, Context, Task
from vaebench.outcome import Progress
from vaebench.spec import JobSpec


class InlineExecutor(Generic[Context]):
    """Runs each pack when it is submitted, before `submit` returns.

    Args:
        task: What to do with a pack.
        context: Its second argument.
        on_event: Called with its signs of life.
    """

    workers = 1
    held_up: str | None = None

    def __init__(
        self, task: Task[Context], context: Context, *, on_event: Callable[[Progress], Any]
    ) -> None:
        self._task = task
        self._context = context
        self._on_event = on_event
        self._stopping = False

    def submit(self, pack: Sequence[JobSpec]) -> Answer:
        """Runs a pack and returns its finished future."""
        answer = Answer()
        outcomes = self._task(pack, self._context, self._on_event, lambda: self._stopping)
        if outcomes[-1].status == "lost":
            answer.set_exception(LostWorkerError(outcomes[-1].error))
        else:
            answer.set_result(outcomes)
        return answer

    def stop(self) -> None:
        """Interrupts the pack at hand, when called from its events or a signal."""
        self._stopping = True

    def shutdown(self, *, kill: bool = False) -> None:
        """Does nothing: no process was started."""
        del kill
