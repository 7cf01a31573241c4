"""A sweep's progress as one bar, in a script and in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vaebench.sweeping.telling import Silence

PLAIN_SECONDS = 15.0
"""Wall time between two states of the bar where nobody looks on."""

if TYPE_CHECKING:
    from tqdm import tqdm

    from vaebench.context import WorkerContext
    from vaebench.runner import Beat, JobEnded, Notice
    from vaebench.spec import JobSpec


class Bar:
    """Shows a sweep while it runs: jobs done of all, and below what needs the user's eye.

    Args:
        bar: The open bar.
    """

    def __init__(self, bar: tqdm[Any]) -> None:
        self._bar = bar
        self._stopping = False

    def show(self, event: JobEnded | Notice | Beat) -> None:
        """Shows an event of the runner."""
        from vaebench.runner import JobEnded, Notice

        if isinstance(event, Notice):
            self._write(f"{event.spec.key[:8]} {event.spec.label}: {event.text}")
        elif isinstance(event, JobEnded):
            if event.state not in {"complete", "interrupted"}:
                line = f"{event.spec.key[:8]} {event.spec.label} {event.state}: {event.error}"
                self._write(line)
        else:
            begun = sum(seen.step / spec.steps for spec, seen in event.running if seen is not None)
            failed = event.counts["FAILED"]
            done = event.counts["COMPLETE"] + failed
            words = [f"{failed} failed"] if failed else []
            if event.left is not None:
                words.append(f"{event.left.text} left")
            if event.note:
                words.append(event.note)
            self._bar.set_postfix_str(", ".join(words), refresh=False)
            self._bar.update(max(0.0, round(done + begun, 1) - self._bar.n))

    def stopping(self) -> None:
        """Says, once, that the sweep is being stopped."""
        if not self._stopping:
            self._stopping = True
            self._write("Stopping: what runs is being checkpointed.")

    def _write(self, line: str) -> None:
        self._bar.write(line, file=sys.stderr)


class Progress(Silence):
    """Tells the reader of a script's standard error, or of a notebook."""

    def say(self, line: str) -> None:
        """Writes a line beside the bars."""
        from tqdm.auto import tqdm

        tqdm.write(line, file=sys.stderr)

    @contextmanager
    def watching(
        self, jobs: Sequence[JobSpec], workers: int, context: WorkerContext, location: str
    ) -> Iterator[Bar]:
        """Shows one bar of jobs."""
        from tqdm.auto import tqdm

        form = "{l_bar}{bar}| {n:.1f} of {total_fmt} jobs, {elapsed}{postfix}"
        looked_at = sys.stderr.isatty() or tqdm.__name__ == "tqdm_notebook"
        pause = 0.5 if looked_at else PLAIN_SECONDS
        bar: Any = tqdm(total=len(jobs), bar_format=form, mininterval=pause, miniters=0)
        with bar:
            yield Bar(bar)
