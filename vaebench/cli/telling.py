"""The terminal as the one that a sweep tells what it does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from vaebench.cli import tables
from vaebench.cli.bars import Bars
from vaebench.cli.display import SweepDisplay
from vaebench.spec import JobSpec

if TYPE_CHECKING:
    from vaebench.context import WorkerContext


class Terminal:
    """Tells a person at a terminal, or a file: a live panel and bars, or a line now and then."""

    def say(self, line: str) -> None:
        """Prints a line on stderr."""
        tables.note(line)

    def preparing(self) -> Bars:
        """Shows bars, or a line for each file."""
        return Bars()

    def watching(
        self, jobs: Sequence[JobSpec], workers: int, context: WorkerContext, location: str
    ) -> AbstractContextManager[SweepDisplay]:
        """Shows a live panel, or a line now and then."""
        return SweepDisplay(jobs, workers, ", ".join(context.devices[:workers]), location)
