"""The process executor: worker processes of one pack at a time, replaced when they die."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Generic

from vaebench.child import STOP_SIGNALS
from vaebench.errors import LostWorkerError, VaebenchError
from vaebench.executors.contract import Answer, Context, Task
from vaebench.executors.worker_process import WorkerProcess
from vaebench.gpu import first_sign, of_gpu
from vaebench.memory import last_sign, oom_kills, ran_out
from vaebench.outcome import JobOutcome, Progress
from vaebench.spec import JobSpec

UNFIT = ("memory", "lost")
"""How a pack ends after which its worker is not good for another."""

POISONED_MOST = 3
"""Workers in a row that a failing GPU may cost: as many as one bad job may. Then it is the GPU."""

TICK_SECONDS = 0.1
"""How soon a worker's thread sees that it is to stop."""


class ProcessExecutor(Generic[Context]):
    """Runs packs in worker processes, one pack at a time in each.

    A worker is started with its first pack and serves until `shutdown`. One that dies takes its
    pack's future with it (`LostWorkerError`) and is replaced for the next pack; so does one whose
    GPU failed (status `lost`), and where several do in a row, packs come back as `blocked`. One
    that runs out of memory hands its pack back with the status `memory`, and is replaced only if
    it is the last, or the last on a GPU that has too little: from then on fewer run at once.

    Args:
        task: What a worker does with a pack: a function of a module, `run_pack`.
        contexts: Its second argument, one for each worker; as many processes are started.
        on_event: Called, from several threads, with each worker's signs of life.

    Raises:
        VaebenchError: Not even the thread that looks after one worker can be started.

    Attributes:
        workers: Packs that run at once: fewer than asked for where more threads cannot be started.
    """

    held_up: str | None = None

    def __init__(
        self,
        task: Task[Context],
        contexts: Sequence[Context],
        *,
        on_event: Callable[[Progress], Any],
    ) -> None:
        self.workers = len(contexts)
        self._task = task
        self._contexts = list(contexts)
        self._on_event = on_event
        self._packs: queue.SimpleQueue[tuple[Sequence[JobSpec], Answer] | None]
        self._packs = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._busy: dict[int, WorkerProcess] = {}
        self._retired: set[int] = set()
        self._poisoned = [0] * len(contexts)
        self._stopping = self._killing = False
        self._threads: list[threading.Thread] = []
        for slot in range(len(contexts)):
            thread = threading.Thread(target=self._serve, args=(slot,), daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                if slot == 0:
                    raise VaebenchError(
                        f"No worker can be looked after: {error}. Too many processes run, or too "
                        "little memory is left: end some of them, then run the command again."
                    ) from error
                self.workers = slot
                del self._contexts[slot:]
                break
            self._threads.append(thread)

    def submit(self, pack: Sequence[JobSpec]) -> Answer:
        """Hands a pack to the next free worker.

        Returns:
            The future of its outcomes; `LostWorkerError` where the worker dies.
        """
        answer = Answer()
        self._packs.put((pack, answer))
        return answer

    def pids(self) -> list[int]:
        """Returns the process numbers of the workers that live."""
        return [worker.pid for worker in list(self._busy.values())]

    def stop(self) -> None:
        """Asks every worker to checkpoint what it trains and hand it back as interrupted.

        It takes no lock, so that a signal's handler may call it. A worker that has not come up
        yet has nothing to checkpoint and is ended.
        """
        self._stopping = True

    def shutdown(self, *, kill: bool = False) -> None:
        """Ends the workers: after their packs, or at once with `kill`."""
        self._killing = self._killing or kill
        for _ in self._threads:
            self._packs.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, slot: int) -> None:
        while (work := self._packs.get()) is not None and not self._killing:
            pack, answer = work
            try:
                outcomes = self._outcomes(slot, pack)
            except LostWorkerError as error:
                answer.set_exception(error)
                continue
            except Exception as error:
                self._end(slot, kill=True)
                answer.set_exception(LostWorkerError(_given_up(error)))
                continue
            retired = outcomes[-1].status == "memory" and self._give_up_a_place(
                slot, outcomes[-1].error or ""
            )
            answer.set_result(outcomes)
            if retired:
                return
        self._end(slot, kill=self._killing)

    def _end(self, slot: int, *, kill: bool) -> None:
        worker = self._busy.pop(slot, None)
        if worker is not None:
            if kill:
                worker.kill()
            worker.tell(None)
            worker.ended()

    def _one_too_many(self, slot: int, outcome: JobOutcome) -> bool:
        """Says whether a worker has no room on a GPU that it shares with others."""
        sign = outcome.error or ""
        full = outcome.status == "blocked" and ran_out(sign) and of_gpu(sign)
        return full and self._shares_its_device(slot)

    def _shares_its_device(self, slot: int) -> bool:
        others = (c for s, c in enumerate(self._contexts) if s not in {slot, *self._retired})
        return self._contexts[slot] in others

    def _give_up_a_place(self, slot: int, sign: str) -> bool:
        """Lets one pack fewer run at once, where that leaves one and others use what was short."""
        with self._lock:
            if self.workers == 1 or (of_gpu(sign) and not self._shares_its_device(slot)):
                return False
            self._retired.add(slot)
            self.workers -= 1
            return True

    def _gone_with_its_gpu(self, slot: int, pack: Sequence[JobSpec], sign: str) -> list[JobOutcome]:
        """Blocks a pack where it is the GPU that fails, and not a job on it.

        Raises:
            LostWorkerError: It is too early to tell.
        """
        self._poisoned[slot] += 1
        often = self._poisoned[slot]
        if often <= POISONED_MOST:
            raise LostWorkerError(f"The worker process was ended after a GPU error: {sign}")
        text = (
            f"{often} workers in a row were lost to errors of the GPU, the last to: {sign} Nothing "
            "else is lost: run the same command again when it works, or with another --device."
        )
        return [JobOutcome(spec.key, "blocked", error=text) for spec in pack]

    def _outcomes(self, slot: int, pack: Sequence[JobSpec]) -> list[JobOutcome]:
        """Has a pack worked on; a worker that does not come out of it well is gone afterwards.

        Raises:
            LostWorkerError: It died, or its GPU did, and neither a stop nor a lack of memory
                explains it.
        """
        kills = oom_kills()
        try:
            worker = self._worker(slot)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            sign = f"No worker process can be started: {reason}"
            return [JobOutcome(spec.key, "memory", error=sign) for spec in pack]
        outcomes = None
        with contextlib.suppress(EOFError, OSError):
            outcomes = self._told(worker, pack)
        if outcomes and self._one_too_many(slot, outcomes[-1]):
            outcomes = [replace(outcome, status="memory") for outcome in outcomes]
        if outcomes and outcomes[-1].status not in UNFIT:
            self._poisoned[slot] = 0
            return outcomes
        del self._busy[slot]
        if outcomes:
            worker.kill()
        code, words = worker.ended()
        if outcomes and outcomes[-1].status == "lost":
            return self._gone_with_its_gpu(slot, pack, outcomes[-1].error or "")
        if outcomes:
            return outcomes
        if self._stopping or (code is not None and -code in STOP_SIGNALS):
            return [JobOutcome(spec.key, "interrupted") for spec in pack]
        if sign := _memory(code, words, oom_kills() - kills):
            return [JobOutcome(spec.key, "memory", error=sign) for spec in pack]
        if sign := first_sign(words):
            return self._gone_with_its_gpu(slot, pack, sign)
        raise LostWorkerError(_death(code, words))

    def _told(self, worker: WorkerProcess, pack: Sequence[JobSpec]) -> list[JobOutcome]:
        """Hands a pack to a worker and waits for its outcomes.

        Raises:
            EOFError: The worker is gone.
            OSError: The same.
        """
        worker.send(pack)
        told = False
        while True:
            while not worker.has_word(TICK_SECONDS):
                if self._killing or (self._stopping and not worker.came_up):
                    worker.kill()
                elif self._stopping and not told:
                    worker.tell("stop")
                    told = True
            message = worker.receive()
            if isinstance(message, list):
                return message
            if isinstance(message, str):
                return [JobOutcome(spec.key, "blocked", error=message) for spec in pack]
            self._on_event(message)

    def _worker(self, slot: int) -> WorkerProcess:
        if slot not in self._busy or not self._busy[slot].alive:
            self._busy[slot] = WorkerProcess(self._task, self._contexts[slot])
        return self._busy[slot]


def _memory(code: int | None, words: str, kills: int) -> str:
    """Says how a worker's death shows that memory ran out; empty where nothing shows it."""
    if sign := last_sign(words):
        return f"The worker process ran out of memory: {sign}"
    if code == -signal.SIGKILL and kills:
        return "The worker process was killed by the kernel, which was out of memory."
    return ""


def _given_up(error: Exception) -> str:
    words = " ".join(str(error).split())
    return f"The worker process was given up ({type(error).__name__}: {words})."


def _death(code: int | None, words: str) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory? try fewer --workers)" if name == "SIGKILL" else ""
        return f"The worker process was killed by {name}{hint}."
    last = f": {words.splitlines()[-1].strip()}" if words.strip() else "."
    return f"The worker process ended with exit code {code} and no answer{last}"
