"""What a sweep shows while it runs, on stderr: a live panel, or a line now and then."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vaebench.cli import tables
from vaebench.digits import duration
from vaebench.hints import hint
from vaebench.measures import measure
from vaebench.outcome import Progress
from vaebench.spec import JobSpec

if TYPE_CHECKING:
    from vaebench.runner import Beat, JobEnded, Notice

SHOWN = ("reconstruction", "kl", "mig", "mig_label")
"""Scores of a run in the line that says that it is done."""

PLAIN_SECONDS = 15.0
"""Wall time between two lines of progress where stderr is no terminal."""


class SweepDisplay:
    """Shows a sweep while it runs: a live panel on a terminal, a line now and then elsewhere.

    Args:
        jobs: Of the sweep; with several data sets each job is called by its own too.
        workers: Jobs at once.
        device: Where they run.
        db: The database, for the commands that it proposes.
    """

    def __init__(self, jobs: Sequence[JobSpec], workers: int, device: str, db: str) -> None:
        self.total = len(jobs)
        self.several = len({job.dataset for job in jobs}) > 1
        self.workers = workers
        self.device = device
        self.db = db
        self.console = tables.Terminal(stderr=True, highlight=False, soft_wrap=True)
        self.began = time.monotonic()
        self._live: Live | None = None
        self._said = -math.inf
        self._stopping = self._held_up = False

    def __enter__(self) -> Self:
        jobs = "1 job" if self.total == 1 else f"{self.total:,} jobs"
        self.say(f"{jobs}, {self.workers} at a time on {self.device}.")
        if self.console.is_terminal:
            self._live = Live(
                Text("Starting workers …"),
                console=self.console,
                refresh_per_second=4,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        self.console.print(escape(text))

    def stopping(self) -> None:
        """Says, once, that the sweep is being stopped."""
        if not self._stopping:
            self._stopping = True
            self.say("Stopping: what runs is being checkpointed. Ctrl-C again stops at once.")

    def show(self, event: JobEnded | Notice | Beat) -> None:
        """Shows an event of the runner."""
        from vaebench.runner import JobEnded, Notice

        if isinstance(event, Notice):
            label = escape(self._name(event.spec))
            text = escape(event.text)
            self.console.print(f"[yellow]note[/]  {event.spec.key[:8]}  {label}  {text}")
            return
        if not isinstance(event, JobEnded):
            if self._live is not None:
                self._live.update(self._panel(event))
            elif time.monotonic() - self._said > PLAIN_SECONDS or (
                event.note and not self._held_up
            ):
                self._said = time.monotonic()
                self.say(self._line(event))
            self._held_up = event.note is not None
            return
        self._ended(event)

    def _ended(self, event: JobEnded) -> None:
        label = escape(self._name(event.spec))
        key = event.spec.key[:8]
        if event.state == "complete" and event.outcome is not None:
            outcome = event.outcome
            figures = {score.name: score.value for score in outcome.scores}
            wall = duration(outcome.train_seconds + outcome.eval_seconds)
            shown = [
                f"{one.head} {one.text(value, value)}"
                for one in map(measure, SHOWN)
                if (value := figures.get(one.name)) is not None
            ]
            self.console.print(f"[green]done[/]  {key}  {label}  {'  '.join(shown)}  ({wall})")
        elif event.state == "failed":
            line = escape(event.error or "")
            self.console.print(f"[red]failed[/]  {key}  {label}  {line}")
            self.say(f"        the trace: {hint(f'vaebench show {key}', self.db)}")
        elif event.state not in {"interrupted", "blocked"}:
            self.console.print(
                f"[yellow]{event.state}[/]  {key}  {label}  {escape(event.error or '')}"
            )

    def _name(self, spec: JobSpec) -> str:
        return f"{spec.dataset} {spec.label}" if self.several else spec.label

    def _line(self, beat: Beat) -> str:
        counts = beat.counts
        text = f"{counts['COMPLETE']} of {self.total} done"
        if counts["FAILED"]:
            text += f", {counts['FAILED']} failed"
        elapsed = duration(time.monotonic() - self.began)
        text += f", {elapsed} gone, {_left(beat)}"
        return f"{text}; {beat.note}" if beat.note else text

    def _panel(self, beat: Beat) -> Group:
        done = beat.counts["COMPLETE"] + beat.counts["FAILED"]
        share = done + sum(_share(spec, seen) for spec, seen in beat.running)
        rows = Table.grid(padding=(0, 2))
        for spec, seen in beat.running:
            rows.add_row(f"  {self._name(spec)}", *_phase(spec, seen))
        bar = ProgressBar(total=max(self.total, 1), completed=share, width=30)
        head = Table.grid(padding=(0, 2))
        head.add_row(bar, Text(self._line(beat), style="bold"))
        return Group(head, rows)


def _left(beat: Beat) -> str:
    waiting = beat.counts["PENDING"] + beat.counts["RUNNING"]
    if not waiting:
        return "nothing left"
    return "time left not known yet" if beat.left is None else f"{beat.left.text} left"


def _share(spec: JobSpec, seen: Progress | None) -> float:
    if seen is None:
        return 0.0
    return 0.8 * seen.step / spec.steps if seen.phase != "evaluating" else 0.9


def _phase(spec: JobSpec, seen: Progress | None) -> tuple[str, str, str]:
    if seen is None:
        return "starting", "", ""
    if seen.phase != "training":
        return seen.phase, "", duration(seen.seconds) if seen.seconds else ""
    rate = f"{seen.steps_here / seen.seconds:.1f} steps/s" if seen.seconds else ""
    terms = ""
    if seen.reconstruction is not None:
        terms = f"reconstr. {seen.reconstruction:.1f}"
        if seen.kl is not None:
            terms += f", KL {seen.kl:.2f}"
    return f"step {seen.step}/{spec.steps}", rate, terms
