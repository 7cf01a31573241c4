"""Bars for what takes its time: downloading, unpacking, preparing images, reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from vaebench.cli import tables

if TYPE_CHECKING:
    from vaebench.download import DownloadEvent

STAGES = {"progress": "Downloading", "unpacking": "Unpacking", "preparing": "Preparing"}


class Steps(Progress):
    """Shows on stderr how far something of a few steps is: a bar a step, on a terminal alone."""

    def __init__(self) -> None:
        console = tables.Terminal(stderr=True, highlight=False, soft_wrap=True)
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed} of {task.total}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._steps: dict[str, TaskID] = {}

    def show(self, what: str, done: int, total: int) -> None:
        """Shows how much of a step is done, and how much there is."""
        if what not in self._steps:
            self._steps[what] = self.add_task(what, total=total)
        self.update(self._steps[what], completed=done, total=total)


class Bars(Progress):
    """Shows a download: bars on a terminal, a line for each file elsewhere; all on stderr."""

    def __init__(self) -> None:
        console = tables.Terminal(stderr=True, highlight=False, soft_wrap=True)
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bars: dict[tuple[str, Path], TaskID] = {}

    def show(self, event: DownloadEvent) -> None:
        """Shows an event."""
        if event.stage == "removed":
            tables.note(f"Removed a damaged file: {event.path}")
        if event.stage not in STAGES:
            return
        place = event.stage, event.path
        if place not in self._bars:
            what = event.dataset if event.stage == "preparing" else event.path.name
            text = f"{STAGES[event.stage]} {what}"
            self._bars[place] = self.add_task(text, total=None, amount="")
            if self.disable:
                tables.note(text)
        self.update(
            self._bars[place], completed=event.done or 0, total=event.total, amount=_amount(event)
        )


def _amount(event: DownloadEvent) -> str:
    """Says how much of how much is done: megabytes of a file or an archive, else images."""
    scale, unit, digits = 1e6, " MB", 0 if (event.total or event.done or 0) > 1e7 else 1
    if event.stage == "preparing" or (event.stage == "unpacking" and event.path.suffix == ".zip"):
        scale, unit, digits = 1.0, " images", 0
    counts = [count / scale for count in (event.done, event.total) if count is not None]
    return " of ".join(f"{count:,.{digits}f}" for count in counts) + unit if counts else ""
