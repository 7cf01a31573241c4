"""What Ctrl-C and SIGTERM do, from the command's first line to its last: end it, quietly, 130."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from vaebench.sweeping import signals
from vaebench.sweeping.signals import Stopped, handle

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def while_importing() -> None:
    """Ends the process at once: nothing has been begun, and an import must not be cut in two."""
    handle(_end)


def while_working() -> None:
    """Raises `Stopped`, so that files half written are removed on the way out."""
    handle(_interrupt)
    sys.unraisablehook = _swallowed


def while_leaving() -> None:
    """Ignores signals: the work is done, and the interpreter only tidies up."""
    sys.unraisablehook = lambda unraisable: None
    handle(signal.SIG_IGN)


def leave(code: int) -> NoReturn:
    """Ends the process with a code; after an interruption without the interpreter's tidying up.

    That takes seconds where torch was half imported, and what had to be put away has been.
    """
    while_leaving()
    if code == INTERRUPTED:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def came() -> bool:
    """Says whether a signal has interrupted the work, whatever exception came of it."""
    return bool(signals.came)


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    with contextlib.suppress(OSError):
        os.write(2, b"vaebench: interrupted.\n")
    os._exit(INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if signals.came:  # the second one is not for waiting
        _end(number, frame)
    signals.came.append(number)
    raise Stopped


def _swallowed(unraisable: sys.UnraisableHookArgs) -> None:
    """Raises an interruption once more that came where Python lets no exception out."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        signals.came.clear()
        _thread.interrupt_main()
    else:
        sys.__unraisablehook__(unraisable)
