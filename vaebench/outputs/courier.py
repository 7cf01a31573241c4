"""Errands to a URL, done by a process of its own, so that none can hold up or change a training."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from vaebench.child import Child
from vaebench.errors import AwayError, OutputError, UsageError
from vaebench.outputs.place import STOP_SECONDS
from vaebench.outputs.remote import Fault, serve
from vaebench.passwords import hidden

SILENCE_SECONDS = {"publish": 180.0, "fetch": 180.0, "names": 60.0, "forget": 30.0, "check": 30.0}
"""How long errands may take. Then their process is ended, and the next gets a new one."""

TICK_SECONDS = 0.1


class Courier:
    """Does errands to a URL: at once while the caller waits, or later, one after the other.

    Libraries that speak to stores draw from Python's global random generator, wait without a
    limit, and start threads. In a process of their own they can do no harm to figures, and
    what hangs is ended.

    Args:
        url: Where outputs lie.

    Attributes:
        trouble: Why the last of the errands that nobody waited for failed; None where it did not.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.trouble: str | None = None
        self._child: Child | None = None
        self._lock = threading.RLock()
        self._waiting: dict[tuple[Any, ...], None] = {}
        self._until: float | None = None

    def ask(
        self, action: str, *arguments: Any, should_stop: Callable[[], bool] = lambda: False
    ) -> Any:
        """Does an errand, and waits for it.

        Args:
            action: What to do: a method of `Remote`.
            arguments: Its arguments.
            should_stop: Asked often; once true, it has `STOP_SECONDS` more.

        Raises:
            AwayError: The URL cannot be reached now.
            UsageError: Such a URL cannot be used here.
            OutputError: It was refused, and would be again.
        """
        with self._lock:
            if self._until is not None:
                self._settle(should_stop)
            self._send(action, arguments)
            good, value = self._answer(should_stop)
            if good:
                self.trouble = None
                return value
            raise self._error(value)

    def later(self, action: str, *arguments: Any) -> None:
        """Does an errand when those before it are done; one that waits already waits once."""
        with self._lock:
            self._waiting[action, *arguments] = None
            self.go_on()

    def drop(self, action: str, *arguments: Any) -> None:
        """Forgets an errand that still waits."""
        with self._lock:
            self._waiting.pop((action, *arguments), None)

    def go_on(self) -> None:
        """Sees whether an errand is done, and begins the next; takes no time."""
        with self._lock:
            if self._until is not None:
                over = time.monotonic() > self._until
                if not over and self._child is not None and not self._child.pipe.poll(0):
                    return
                self._settle(lambda: False)
            if self._waiting:
                errand = next(iter(self._waiting))
                del self._waiting[errand]
                try:
                    self._send(errand[0], errand[1:])
                except AwayError as error:
                    self.trouble = str(error)

    def finish(self, seconds: float) -> None:
        """Waits for the errands that were to be done later, no longer than this."""
        until = time.monotonic() + seconds
        with self._lock:
            while (self._until is not None or self._waiting) and time.monotonic() < until:
                self.go_on()
                if self._until is not None and self._child is not None:
                    self._child.pipe.poll(min(TICK_SECONDS, seconds))

    def _settle(self, should_stop: Callable[[], bool]) -> None:
        """Takes the answer to an errand that nobody waited for."""
        try:
            good, value = self._answer(should_stop)
            self.trouble = None if good else value.text
        except AwayError as error:
            self.trouble = str(error)

    def _send(self, action: str, arguments: tuple[Any, ...]) -> None:
        try:
            if self._child is None or not self._child.alive:
                quiet = os.open(os.devnull, os.O_WRONLY)
                try:
                    self._child = Child(serve, (self._url,), stderr=quiet)
                finally:
                    os.close(quiet)
            self._child.pipe.send((action, arguments))
        except OSError as error:
            self._end()
            raise AwayError(f"no process can be started for it: {error}") from error
        self._until = time.monotonic() + SILENCE_SECONDS[action]

    def _answer(self, should_stop: Callable[[], bool]) -> tuple[bool, Any]:
        assert self._child is not None
        assert self._until is not None
        until, stopping = self._until, False
        try:
            while not self._child.pipe.poll(TICK_SECONDS):
                now = time.monotonic()
                if not stopping and should_stop():
                    stopping, until = True, min(until, now + STOP_SECONDS)
                if now > until:
                    self._end()
                    raise AwayError("it does not answer")
            found: tuple[bool, Any] = self._child.pipe.recv()
        except (EOFError, OSError) as error:
            self._end()
            raise AwayError("the process that speaks to it was killed") from error
        self._until = None
        return found

    def _end(self) -> None:
        child, self._child, self._until = self._child, None, None
        if child is not None:
            child.kill()
            child.wait()
            child.pipe.close()

    def _error(self, found: Fault) -> OutputError | UsageError:
        text = f"{hidden(self._url)}: {found.text}."
        if found.usage:
            return UsageError(text)
        return OutputError(found.text) if found.lasting else AwayError(found.text)


@cache
def courier(url: str) -> Courier:
    """Returns the one courier to a URL that a process has."""
    return Courier(url)
