"""A Python process of our own that runs one function, and never the program that asked for it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What a terminal or a scheduler sends to the whole group: meant for the parent alone."""


class Child:
    """A process that calls a function with its end of a pipe, and ends with it.

    Python's own ways of starting a process run the caller's program again, or copy its threads. A
    child knows of its parent the places that modules come from and what it is handed, so that a
    script needs no `if __name__ == "__main__"`, and a notebook or a thread can start one. It is
    deaf to Ctrl-C and SIGTERM from its first instruction; where its parent is gone, its pipe is.

    Args:
        function: A function of a module, called with the child's end of the pipe and `arguments`.
        arguments: What else it is called with; picklable.
        environment: Variables that the child has beside the parent's.
        stderr: Descriptor that the child's standard error goes to; None for the parent's.

    Raises:
        OSError: It cannot be started: there are too many processes or open files.

    Attributes:
        pipe: The parent's end.
    """

    def __init__(
        self,
        function: Callable[..., None],
        arguments: tuple[Any, ...],
        *,
        environment: Mapping[str, str] = MappingProxyType({}),
        stderr: int | None = None,
    ) -> None:
        work = pickle.dumps((function, arguments))
        self.pipe, theirs = Pipe()
        try:
            with theirs, _signals_held_back():
                self._process = subprocess.Popen(
                    [sys.executable, "-P", __file__, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stderr=stderr,
                    env={**os.environ, **environment},
                    pass_fds=(theirs.fileno(),),
                )
        except BaseException:
            self.pipe.close()
            raise
        with contextlib.suppress(OSError):  # it is gone: whoever reads the pipe sees that
            self.pipe.send(sys.path)
            self.pipe.send_bytes(work)

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    def wait(self) -> int:
        """Waits for its end; returns its exit code, negative where a signal ended it."""
        return self._process.wait()


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Blocks the stop signals in this thread: a process that is started inherits that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _main() -> None:
    """Is the child: this file is run by itself, before anything of vaebench can be found."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    try:
        pipe = Connection(int(sys.argv[1]))
        sys.path[:] = pipe.recv()
        work = pipe.recv_bytes()
    except (EOFError, OSError):
        return
    function, arguments = pickle.loads(work)  # here, and not sooner: it may import torch
    function(pipe, *arguments)


if __name__ == "__main__":
    _main()
