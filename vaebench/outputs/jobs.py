"""A job's checkpoint and model on their way between a worker and where outputs lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from vaebench.errors import AwayError
from vaebench.outcome import Progress
from vaebench.outputs.place import PATIENCE_SECONDS, STOP_SECONDS, Outputs
from vaebench.spec import JobSpec

_SAID: dict[Outputs, str] = {}
"""What this process has told of a URL that cannot be reached, until it can."""


class JobFiles:
    """What a worker does with the files of a job beside writing them; nothing without a URL.

    While the URL cannot be reached training goes on, which is said once; the next checkpoint tries
    again. A model is published before its job is complete.

    Args:
        spec: The job.
        outputs: Where outputs lie.
        on_event: Called with signs of life, and with lines for the user.
        should_stop: Asked often; once true, nothing is waited for long.
        patience: Wall time in seconds in which an unreachable URL is tried again, where the job
            cannot go on without.
    """

    def __init__(
        self,
        spec: JobSpec,
        outputs: Outputs,
        on_event: Callable[[Progress], Any],
        should_stop: Callable[[], bool],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._checkpoint, self._model = f"checkpoints/{spec.key}.pt", f"models/{spec.key}.pt"
        self._outputs = outputs
        self._on_event = on_event
        self._last = Progress(spec.key, "loading", 0)
        self._waits = False
        self._should_stop = should_stop
        self._patience = patience

    def bring_checkpoint(self, keep: Callable[[Path, Path], bool]) -> bool:
        """Fetches the checkpoint that another machine has left.

        Args:
            keep: Says of the checkpoints here and there whether the first is kept.

        Returns:
            Whether it is known now what there is; false where a stop came before.

        Raises:
            OutputError: The URL cannot be reached, and there is no checkpoint here.
        """
        try:
            self._outputs.fetch(
                self._checkpoint,
                keep=keep,
                patience=self._patience,
                should_stop=self._should_stop,
                on_wait=self._wait,
            )
        except AwayError:
            if self._should_stop():
                return False
            raise
        return True

    def checkpoint_written(self) -> None:
        """Has the checkpoint published beside the training; the newest wins."""
        self._outputs.publish_later(self._checkpoint)

    def watch(self, sign: Progress) -> None:
        """Passes a sign of life on, lets errands go on, and says when the URL is gone or back."""
        self._last = sign
        self._on_event(sign)
        if self._outputs.url is not None:
            self._outputs.courier.go_on()
            self._say(self._outputs.courier.trouble)

    def note(self, text: str) -> None:
        """Tells the user a line."""
        self._on_event(replace(self._last, note=text))

    def leave_checkpoint(self) -> None:
        """Waits a little until the checkpoint of a job that was stopped is published."""
        self._outputs.finish(STOP_SECONDS)
        self.watch(self._last)

    def publish_model(self) -> bool:
        """Publishes the trained model, and drops what the checkpoint was still to do.

        Then the cache has no more use for the checkpoint: whoever records the job's end, and
        deletes what is published, may be another machine.

        Returns:
            Whether it is there; false where a stop came before.

        Raises:
            OutputError: It cannot be published, also not after some patience.
        """
        self._outputs.publish_no_more(self._checkpoint)
        try:
            self._outputs.publish(
                self._model,
                patience=self._patience,
                should_stop=self._should_stop,
                on_wait=self._wait,
            )
        except AwayError:
            if self._should_stop():
                return False
            raise
        self._say(None)
        if self._outputs.url is not None:
            self._outputs.clear(self._checkpoint)
        return True

    def _wait(self, trouble: str) -> None:
        """Tells once that the job cannot go on without the URL."""
        _SAID[self._outputs] = trouble
        if not self._waits:
            self._waits = True
            self.note(
                f"{self._outputs} cannot be used now ({trouble}). The job waits for it, "
                f"{self._patience:.0f} seconds at most."
            )

    def _say(self, trouble: str | None) -> None:
        """Tells of a URL once that it cannot be reached, and once that it is back."""
        before = _SAID.get(self._outputs)
        if trouble is not None and before is None:
            _SAID[self._outputs] = trouble
            self.note(
                f"{self._outputs} cannot be used now ({trouble}). Work goes on; what is to lie "
                f"there waits in {self._outputs.folder}."
            )
        elif trouble is None and before is not None:
            del _SAID[self._outputs]
            self.note(f"{self._outputs} can be used again.")
