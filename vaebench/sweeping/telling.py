"""What a sweep has to say while it is prepared and runs, and to whom: a terminal, a bar, nobody."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vaebench.context import WorkerContext
    from vaebench.download import DownloadEvent
    from vaebench.runner import Beat, JobEnded, Notice
    from vaebench.spec import JobSpec


class Display(Protocol):
    """What shows a sweep while it runs."""

    def show(self, event: JobEnded | Notice | Beat) -> None:
        """Shows an event of the runner."""

    def stopping(self) -> None:
        """Says, once, that the sweep is being stopped."""


class Telling(Protocol):
    """Who is told."""

    def say(self, line: str) -> None:
        """Says a line that stays."""

    def preparing(self) -> AbstractContextManager[Preparing]:
        """Shows, while the block runs, how images are unpacked or scaled."""
        ...

    def watching(
        self, jobs: Sequence[JobSpec], workers: int, context: WorkerContext, location: str
    ) -> AbstractContextManager[Display]:
        """Shows, while the block runs, how far a sweep is."""
        ...


class Preparing(Protocol):
    """What shows how data sets are made ready."""

    def show(self, event: DownloadEvent) -> None:
        """Shows an event."""


class Silence:
    """Tells nobody anything; it is its own display."""

    def say(self, line: str) -> None:
        """Says nothing."""

    def stopping(self) -> None:
        """Says nothing."""

    def show(self, event: object) -> None:
        """Shows nothing."""

    def preparing(self) -> AbstractContextManager[Preparing]:
        """Shows nothing."""
        return nullcontext(self)

    def watching(
        self, jobs: Sequence[JobSpec], workers: int, context: WorkerContext, location: str
    ) -> AbstractContextManager[Display]:
        """Shows nothing."""
        del jobs, workers, context, location
        return nullcontext(self)
