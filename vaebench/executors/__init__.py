"""Executors: where packs run, in the shape of concurrent.futures."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from vaebench.executors.inline import InlineExecutor
from vaebench.executors.processes import ProcessExecutor
from vaebench.executors.relay import RelayExecutor
from vaebench.outcome import JobOutcome
from vaebench.spec import JobSpec


class Executor(Protocol):
    """What the runner needs of an executor."""

    @property
    def workers(self) -> int:
        """Packs that run at once."""

    def submit(self, pack: Sequence[JobSpec]) -> Future[list[JobOutcome]]:
        """Starts a pack."""
        ...

    def stop(self) -> None:
        """Asks for what runs to be checkpointed and handed back as interrupted."""

    def shutdown(self, *, kill: bool = False) -> None:
        """Ends the workers."""


__all__ = ["Executor", "InlineExecutor", "ProcessExecutor", "RelayExecutor"]
