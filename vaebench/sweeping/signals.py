"""Ctrl-C and SIGTERM while jobs are trained: the first checkpoints, the second ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaebench.runner import Runner

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], Any] | signal.Handlers


class Stopped(KeyboardInterrupt):
    """The user or the system wants the work to end.

    A class of its own because CPython 3.11 remembers a plain KeyboardInterrupt that was raised
    within `exec`, however well it was caught, and ends the process by SIGINT, not with its code.
    """


came: list[int] = []
"""Signals that have interrupted this process, whatever became of the exception that they raised."""


def handle(handler: Handler) -> dict[int, Any]:
    """Sets what the signals do, but for those that the parent wants ignored (`nohup`, `&`).

    Returns:
        What they did before.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    taken: dict[int, Any] = {
        number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)
    }
    for number in taken:
        signal.signal(number, handler)
    return taken


@contextmanager
def held_back() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM wait while modules are imported, and the second one not.

    What a handler raises in the middle of an import may be lost: C code that imports, as torch's
    and NumPy's does, swallows it, prints a traceback, or makes another error of it.
    """
    seen: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        del frame
        seen.append(number)
        if len(seen) > 1:
            raise Stopped

    main = threading.current_thread() is threading.main_thread()
    before = handle(hold) if main else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if seen:
        signal.raise_signal(seen[0])


@contextmanager
def stopping_in_order(runner: Runner, seen: list[int]) -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM end a sweep in order: once to checkpoint, twice at once.

    Signals reach the main thread alone: in another one the block merely closes the runner.

    Args:
        runner: The sweep's.
        seen: Takes the signals that come while the block runs. The handler does no more: it may
            have cut in anywhere, with a lock held or a line half printed.

    Raises:
        Stopped: A signal came before the block, and a library has swallowed what it raised.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        seen.append(number)
        if len(seen) > 1:
            raise Stopped
        runner.stop()

    main = threading.current_thread() is threading.main_thread()
    before = handle(stop) if main else {}
    clean = False
    try:
        if main and came:
            raise Stopped
        yield
        clean = True
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        runner.close(kill=not clean)
