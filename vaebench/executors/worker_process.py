"""One worker process: how it is started, spoken to, and what it said before it died."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any, TypeVar

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

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What a terminal or a scheduler sends to the whole group: meant for the runner alone."""

WORDS_KEPT = 4000
"""Characters of a worker's standard error that are kept, from its end."""


class WorkerProcess:
    """A process that serves packs until it is told to end or its parent is gone.

    It is deaf to Ctrl-C and SIGTERM from its first instruction, so that a stop finds no worker
    half imported: the runner alone tells it to stop. Its standard error goes to the parent's, and
    the end of it is kept.

    Args:
        task: What it does with a pack: a function of a module.
        context: Its second argument.

    Raises:
        OSError: It cannot be started: there are too many processes or open files.
        RuntimeError: The thread that listens to it cannot.

    Attributes:
        came_up: Whether it has said a word yet.
    """

    def __init__(self, task: Task[Context], context: Context) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = multiprocessing.Pipe()
        words, their_errors = multiprocessing.Pipe(duplex=False)
        arguments = (theirs, their_errors, pickle.dumps((task, context)))
        self._process = spawn.Process(target=_work, args=arguments, daemon=True)
        self.came_up = False
        self._words = b""
        self._listener = threading.Thread(target=self._listen, args=(words,), daemon=True)
        try:
            with _environment(), _signals_held_back():
                self._process.start()
            self._listener.start()
        except BaseException:
            if self._process.pid is not None:
                self._process.kill()
                self._process.join()
            self._pipe.close()
            words.close()
            raise
        finally:
            theirs.close()
            their_errors.close()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid or 0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.is_alive()

    def send(self, pack: Sequence[JobSpec]) -> None:
        """Hands it a pack.

        Raises:
            OSError: It is gone.
        """
        self._pipe.send(pack)

    def tell(self, message: str | None) -> None:
        """Tells it to stop, or with None to end; no matter where it is gone."""
        with contextlib.suppress(OSError):
            self._pipe.send(message)

    def has_word(self, seconds: float) -> bool:
        """Waits until it says something, or is gone, and says whether that is so."""
        return self._pipe.poll(seconds)

    def receive(self) -> Progress | list[JobOutcome]:
        """Returns what it says: `Progress`, and at the end of a pack the outcomes.

        Raises:
            EOFError: It is gone.
        """
        message: Progress | list[JobOutcome] = self._pipe.recv()
        self.came_up = True
        return message

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    def ended(self) -> tuple[int | None, str]:
        """Waits for its end; returns its exit code, and the end of its standard error."""
        self._process.join()
        self._listener.join(timeout=1.0)  # a child of it may hold the pipe open
        self._pipe.close()
        return self._process.exitcode, self._words.decode(errors="replace")

    def _listen(self, words: Connection) -> None:
        with words:
            while chunk := os.read(words.fileno(), 4096):
                self._words = (self._words + chunk)[-WORDS_KEPT:]
                with contextlib.suppress(OSError):
                    os.write(2, chunk)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Sets the workers' variables for as long as one is started."""
    before = {name: os.environ.get(name) for name in WORKER_ENVIRONMENT}
    os.environ.update(WORKER_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Blocks the stop signals in this thread: a process that is started inherits that."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would unblock them when it starts its own process
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection, errors: Connection, work: bytes) -> None:
    """Serves packs until told to end, or until the process that wants them is gone."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    os.dup2(errors.fileno(), 2)
    errors.close()
    task, context = pickle.loads(work)  # here, and not sooner: it imports torch
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
