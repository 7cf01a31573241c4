"""A sweep of tiny jobs worked on by an executor in a thread, which a test may disturb."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tests.conftest import PATIENCE
from tests.training.conftest import make_spec
from vaebench.context import WorkerContext
from vaebench.executors import Executor
from vaebench.outcome import Progress
from vaebench.runner import JobEnded, Runner
from vaebench.spec import JobSpec
from vaebench.store import Store

Making = Callable[[WorkerContext, int, Callable[[Progress], Any]], Executor]
"""Makes an executor of a context and a number of workers, which tells of its signs of life."""


Met = TypeVar("Met")


def tiny(seeds: int, steps: int) -> list[JobSpec]:
    return [
        make_spec("vae", network="burgess", steps=steps, eval_size=10, seed=seed)
        for seed in range(seeds)
    ]


class Sweep:
    """One go at a sweep whose database and outputs are in `folder/results`.

    Args:
        folder: Where.
        jobs: What.
        make: Makes the executor.
        workers: Jobs at once.
    """

    def __init__(self, folder: Path, jobs: Sequence[JobSpec], make: Making, workers: int) -> None:
        self.jobs = list(jobs)
        self.out = folder / "results"
        self.context = WorkerContext(out=self.out, checkpoint_seconds=0.05)
        self.signs: list[Progress] = []
        self.ended: list[JobEnded] = []
        self.failure: BaseException | None = None
        self.make, self.workers = make, workers
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()
        assert self.ready.wait(PATIENCE)
        if self.failure is not None:
            raise self.failure

    def _work(self) -> None:
        runner: Runner

        def seen(sign: Progress) -> None:
            self.signs.append(sign)
            runner.progressed(sign)

        def told(event: object) -> None:
            if isinstance(event, JobEnded):
                self.ended.append(event)
                if event.state == "complete":
                    self.context.forget(event.spec.key)

        try:
            self.out.mkdir(parents=True, exist_ok=True)
            with Store(self.out / "results.db") as store:
                self.number = store.add_sweep(self.jobs, "a sweep").sweep_id
                self.executor = self.make(self.context, self.workers, seen)
                self.runner = runner = Runner(store, self.number, self.executor, on_event=told)
                self.ready.set()
                try:
                    runner.run()
                finally:
                    runner.close(kill=False)
        except BaseException as error:
            self.failure = error
        finally:
            self.ready.set()

    def until(self, met: Callable[[], Met], seconds: float = PATIENCE) -> Met:
        """Waits until something is met while the sweep is worked on, and returns it."""
        end = time.monotonic() + seconds
        while not (found := met()):
            assert self.failure is None, self.failure
            assert time.monotonic() < end, self.ended
            assert self.thread.is_alive(), self.ended
            time.sleep(0.005)
        return found

    def checkpointed(self) -> str:
        """The key of a job that is in training and has a checkpoint; empty where there is none."""
        return next((file.stem for file in (self.out / "checkpoints").glob("[!.]*.pt")), "")

    def kill_a_worker(self) -> None:
        """SIGKILL to one of the worker processes, wherever on this machine they are."""
        os.kill(self.executor.pids()[0], signal.SIGKILL)  # type: ignore[attr-defined]

    def end(self) -> list[str]:
        """Waits for its end; returns the states in which jobs ended."""
        self.thread.join(timeout=PATIENCE)
        assert not self.thread.is_alive()
        if self.failure is not None:
            raise self.failure
        return [event.state for event in self.ended]

    def begun_at(self, since: int, key: str) -> int:
        """The step at which a job was begun, or gone on with, in the signs since some moment.

        Those count from the end of a sitting's first step.
        """
        seen = [s for s in self.signs[since:] if s.key == key and s.phase == "training"]
        return min(sign.step - sign.steps_here for sign in seen) - 1
