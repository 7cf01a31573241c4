"""The process executor: worker processes of one pack at a time, replaced when they die."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from vaebench.errors import LostWorkerError
from vaebench.outcome import JobOutcome, Progress
from vaebench.spec import JobSpec

Context = TypeVar("Context")
Task = Callable[
    [Sequence[JobSpec], Context, Callable[[Progress], Any], Callable[[], bool]], list[JobOutcome]
]

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
    "MALLOC_TOP_PAD_": "67108864",
}
"""Set before a worker starts: one thread, repeatable matrix products, memory kept by malloc."""


class ProcessExecutor(Generic[Context]):
    """Runs packs in worker processes, one pack at a time in each.

    A worker is started with its first pack and serves until `shutdown`. One that dies takes its
    pack's future with it (`LostWorkerError`) and is replaced for the next pack.

    Args:
        task: What a worker does with a pack: a function of a module, `run_pack`.
        context: Its second argument.
        workers: Number of processes.
        on_event: Called, from several threads, with each worker's signs of life.
    """

    def __init__(
        self,
        task: Task[Context],
        context: Context,
        *,
        workers: int,
        on_event: Callable[[Progress], Any],
    ) -> None:
        self.workers = workers
        self._task = task
        self._context = context
        self._on_event = on_event
        self._packs: queue.SimpleQueue[tuple[Sequence[JobSpec], _Answer] | None]
        self._packs = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._busy: dict[int, tuple[BaseProcess, Connection]] = {}
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._serve, args=(slot,), daemon=True)
            for slot in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, pack: Sequence[JobSpec]) -> _Answer:
        """Hands a pack to the next free worker.

        Returns:
            The future of its outcomes; `LostWorkerError` where the worker dies.
        """
        answer: _Answer = Future()
        self._packs.put((pack, answer))
        return answer

    def pids(self) -> list[int]:
        """Returns the process numbers of the workers that live."""
        with self._lock:
            return [process.pid for process, _ in self._busy.values() if process.pid]

    def stop(self) -> None:
        """Asks every worker to checkpoint what it trains and hand it back as interrupted."""
        with self._lock:
            self._stopping = True
            for _, pipe in self._busy.values():
                _tell(pipe, "stop")

    def shutdown(self, *, kill: bool = False) -> None:
        """Ends the workers: after their packs, or at once with `kill`."""
        if kill:
            with self._lock:
                for process, _ in self._busy.values():
                    process.kill()
        for _ in self._threads:
            self._packs.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, slot: int) -> None:
        while (work := self._packs.get()) is not None:
            pack, answer = work
            process, pipe = self._worker(slot)
            try:
                with self._lock:
                    pipe.send(pack)
                    if self._stopping:
                        _tell(pipe, "stop")
                while isinstance(message := pipe.recv(), Progress):
                    self._on_event(message)
                answer.set_result(message)
            except (EOFError, OSError):
                process.join()
                with self._lock:
                    del self._busy[slot]
                answer.set_exception(LostWorkerError(_death(process.exitcode)))
        with self._lock:
            process_pipe = self._busy.pop(slot, None)
        if process_pipe is not None:
            process, pipe = process_pipe
            _tell(pipe, None)
            process.join()

    def _worker(self, slot: int) -> tuple[BaseProcess, Connection]:
        with self._lock:
            if slot in self._busy and self._busy[slot][0].is_alive():
                return self._busy[slot]
            ours, theirs = multiprocessing.Pipe()
            spawn = multiprocessing.get_context("spawn")
            process = spawn.Process(target=_work, args=(theirs, self._task, self._context))
            process.daemon = True
            before = {name: os.environ.get(name) for name in WORKER_ENVIRONMENT}
            os.environ.update(WORKER_ENVIRONMENT)
            try:
                process.start()
            finally:
                for name, value in before.items():
                    if value is None:
                        del os.environ[name]
                    else:
                        os.environ[name] = value
            theirs.close()
            self._busy[slot] = process, ours
            return process, ours


_Answer = Future[list[JobOutcome]]


def _tell(pipe: Connection, message: str | None) -> None:
    try:
        pipe.send(message)
    except OSError:
        return


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory? try fewer --workers)" if name == "SIGKILL" else ""
        return f"The worker process was killed by {name}{hint}."
    return f"The worker process ended with exit code {code} and no answer."


def _work(pipe: Connection, task: Task[Context], context: Context) -> None:
    """Serves packs until told to end, or until the process that wants them is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    orphaned = stopping = False

    def should_stop() -> bool:
        nonlocal orphaned, stopping
        while not stopping and pipe.poll():
            try:
                stopping = pipe.recv() == "stop"
            except (EOFError, OSError):
                orphaned = stopping = True
        return stopping

    def send(message: Progress | list[JobOutcome]) -> None:
        nonlocal orphaned, stopping
        try:
            pipe.send(message)
        except OSError:
            orphaned = stopping = True

    while not orphaned:
        try:
            pack = pipe.recv()
        except (EOFError, OSError):
            return
        if pack is None:
            return
        if pack == "stop":
            stopping = True
            continue
        send(task(pack, context, send, should_stop))
