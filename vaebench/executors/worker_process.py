"""One worker process: how it is started, spoken to, and what it said before it died."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection

from vaebench import plugins
from vaebench.child import Child
from vaebench.errors import VaebenchError
from vaebench.executors.contract import Context, Task
from vaebench.outcome import JobOutcome, Progress
from vaebench.plugins.plugin import Reference
from vaebench.spec import JobSpec

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
    "MALLOC_TOP_PAD_": "67108864",
}
"""Set before a worker starts: one thread, repeatable matrix products, memory kept by malloc."""

WORDS_KEPT = 4000
"""Characters of a worker's standard error that are kept, from its end."""


class WorkerProcess:
    """A process that serves packs until it is told to end or its parent is gone.

    The runner alone tells it to stop: a `Child` is deaf to Ctrl-C and SIGTERM, so that they find
    no worker half imported. Its standard error goes to the parent's, and the end of it is kept.
    It has the plug-ins of this process, and where it cannot, it says so instead of serving.

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
        words, theirs = os.pipe()
        try:
            work = (plugins.references(), task, context)
            self._child = Child(serve, work, environment=WORKER_ENVIRONMENT, stderr=theirs)
        except BaseException:
            os.close(words)
            raise
        finally:
            os.close(theirs)
        self.came_up = False
        self._words = b""
        self._listener = threading.Thread(target=self._listen, args=(words,), daemon=True)
        try:
            self._listener.start()
        except BaseException:
            self._child.kill()
            self._child.wait()
            self._child.pipe.close()
            os.close(words)
            raise

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._child.alive

    def send(self, pack: Sequence[JobSpec]) -> None:
        """Hands it a pack.

        Raises:
            OSError: It is gone.
        """
        self._child.pipe.send(pack)

    def tell(self, message: str | None) -> None:
        """Tells it to stop, or with None to end; no matter where it is gone."""
        with contextlib.suppress(OSError):
            self._child.pipe.send(message)

    def has_word(self, seconds: float) -> bool:
        """Waits until it says something, or is gone, and says whether that is so."""
        return self._child.pipe.poll(seconds)

    def receive(self) -> Progress | list[JobOutcome] | str:
        """Returns what it says: `Progress`, and at the end of a pack the outcomes.

        A text is why it does not serve the pack.

        Raises:
            EOFError: It is gone.
        """
        message: Progress | list[JobOutcome] | str = self._child.pipe.recv()
        self.came_up = True
        return message

    def kill(self) -> None:
        """Ends it at once."""
        self._child.kill()

    def ended(self) -> tuple[int, str]:
        """Waits for its end; returns its exit code, and the end of its standard error."""
        code = self._child.wait()
        self._listener.join(timeout=1.0)  # a child of it may hold the pipe open
        self._child.pipe.close()
        return code, self._words.decode(errors="replace")

    def _listen(self, words: int) -> None:
        with open(words, "rb", buffering=0) as stream:
            while chunk := stream.read(4096):
                self._words = (self._words + chunk)[-WORDS_KEPT:]
                with contextlib.suppress(OSError):
                    os.write(2, chunk)


def serve(
    pipe: Connection, wanted: Sequence[Reference], task: Task[Context], context: Context
) -> None:
    """Is a worker: serves packs until told to end, or until the process that wants them is gone.

    Args:
        pipe: To that process.
        wanted: Its plug-ins, without which packs cannot even be read.
        task: What to do with a pack.
        context: Its second argument.
    """
    try:
        plugins.follow(wanted)
    except VaebenchError as error:
        _refuse(pipe, str(error))
        return
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


def _refuse(pipe: Connection, why: str) -> None:
    """Answers every pack with the reason why it is not served, until told to end."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            try:
                message = pipe.recv()
            except VaebenchError:  # a pack that cannot even be read without its plug-ins
                message = "pack"
            if message is None:
                return
            if message != "stop":
                pipe.send(why)
