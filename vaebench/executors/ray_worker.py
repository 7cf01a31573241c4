"""One worker of a Ray cluster: an actor that holds a worker process, as there is on one machine."""

from __future__ import annotations

import pickle
import platform
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from importlib import import_module, metadata
from typing import Any

from vaebench import plugins
from vaebench.errors import LostWorkerError, VaebenchError
from vaebench.executors.contract import Answer, Context
from vaebench.executors.processes import ProcessExecutor
from vaebench.fingerprint import code_digest
from vaebench.outcome import JobOutcome, Place, Progress
from vaebench.spec import JobSpec
from vaebench.version import __version__


@dataclass(frozen=True)
class Named:
    """A task that is known by its name: who hands it on need not import what it uses.

    Attributes:
        module: Where it is.
        name: What it is called there.
    """

    module: str
    name: str

    def __call__(
        self,
        pack: Sequence[JobSpec],
        context: Context,
        on_event: Callable[[Progress], Any],
        should_stop: Callable[[], bool],
    ) -> list[JobOutcome]:
        """Does the task; see `Task`."""
        task = getattr(import_module(self.module), self.name)
        found: list[JobOutcome] = task(pack, context, on_event, should_stop)
        return found


@dataclass(frozen=True)
class Heard:
    """What a worker has said since it was last asked.

    Attributes:
        signs: Its signs of life: of each job the latest, and all that have a note.
        outcomes: The pack's, where it is done.
        lost: Why there are none, where the worker process died.
    """

    signs: tuple[Progress, ...] = ()
    outcomes: list[JobOutcome] | None = None
    lost: str | None = None


def software() -> str:
    """Returns what figures come from, as both ends of a cluster must have it."""
    return f"vaebench {__version__} (code {code_digest()}) and torch {metadata.version('torch')}"


def this_place() -> Place:
    """Returns where this actor is, with the GPU that Ray has given it, by its node's count."""
    import ray

    gpus = ray.get_runtime_context().get_accelerator_ids()["GPU"]
    return Place(platform.node(), ", ".join(f"cuda:{number}" for number in gpus) or "cpu")


class RayWorker:
    """An actor's methods, each of which soon returns: it is asked what is new, and told to stop.

    Packs and what is heard come and go as bytes, so that Ray needs none of the plug-ins that
    pickled jobs may ask for. Where the actor dies, its worker process sees the closed pipe,
    checkpoints and ends, as it does where a command's process is gone.
    """

    def begin(self, references: bytes, work: bytes) -> tuple[str, str, str]:
        """Gives the actor its plug-ins, its task and its context; it starts no process yet.

        Returns:
            The host's name, the software on it, and why it cannot serve, or an empty text.
        """
        self._signs: list[Progress] = []
        self._lock = threading.Lock()
        self._answer: Answer | None = None
        self._place = this_place()
        try:
            plugins.follow(pickle.loads(references))
        except VaebenchError as error:
            return self._place.host, software(), str(error)
        task, context = pickle.loads(work)
        self._executor = ProcessExecutor(task, [context], on_event=self._seen)
        return self._place.host, software(), ""

    def submit(self, pack: bytes) -> None:
        """Begins a pack, and says where at once; the one before it must be done."""
        jobs: Sequence[JobSpec] = pickle.loads(pack)
        self._seen(Progress(jobs[0].key, "loading", 0))
        self._answer = self._executor.submit(jobs)

    def heard(self, seconds: float) -> bytes:
        """Waits so long, or until the pack is done, and returns a pickled `Heard`."""
        answer = self._answer
        done = answer is not None and bool(wait([answer], timeout=seconds).done)
        with self._lock:
            said, self._signs = self._signs, []
        latest = {sign.key: sign for sign in said}
        signs = tuple(sign for sign in said if sign.note or sign is latest[sign.key])
        if not done or answer is None:
            return pickle.dumps(Heard(signs))
        try:
            outcomes = [self._at_this_host(outcome) for outcome in answer.result()]
        except LostWorkerError as error:
            return pickle.dumps(Heard(signs, lost=str(error)))
        return pickle.dumps(Heard(signs, outcomes=outcomes))

    def stop(self) -> None:
        """Has the pack checkpointed and handed back."""
        self._executor.stop()

    def pids(self) -> list[int]:
        """Returns the number of the worker process; none where none has begun."""
        return self._executor.pids()

    def _at_this_host(self, outcome: JobOutcome) -> JobOutcome:
        """Says of what ails a host which one it is: the others may be well."""
        if outcome.status != "blocked":
            return outcome
        return replace(outcome, error=f"{self._place.host}: {outcome.error}")

    def _seen(self, sign: Progress) -> None:
        with self._lock:
            self._signs.append(replace(sign, place=self._place))
