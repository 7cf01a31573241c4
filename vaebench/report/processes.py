"""The same function of many things, in as many processes as there are idle processors."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import psutil
from threadpoolctl import threadpool_limits

Thing = TypeVar("Thing")
Found = TypeVar("Found")

GARBAGE = 500_000
"""New objects after which garbage is looked for."""

GROWTH = 64_000_000
"""Bytes of memory that a process may grow by before garbage is looked for: figures are few objects,
and large."""

Advance = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and how much there is."""

_held: tuple[Callable[[Any], Any], Sequence[Any]] | None = None
_settled = 0


def processors() -> int:
    """Returns how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def of_each(
    function: Callable[[Thing], Found], things: Sequence[Thing], advance: Callable[[int], None]
) -> list[Found]:
    """Applies a function to each of some things, in processes where that pays.

    Processes are forked, so that the function may hold frames of any size at no cost; where that
    is not safe (macOS) or there is one processor, all is done here. What comes of it is the same.

    Args:
        function: The function; what it returns must be picklable.
        things: What it is applied to.
        advance: Is told how many are done.

    Returns:
        What it returns, in the order of the things.
    """
    number = min(processors(), len(things))
    with _holding(function, things):
        if number < 2 or sys.platform != "linux":
            found = []
            for place in range(len(things)):
                found.append(_run(place))
                advance(len(found))
            return found
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(number, context, initializer=_end_with_parent) as pool:
            futures = [pool.submit(_run, place) for place in range(len(things))]
            try:
                for done, future in enumerate(futures, start=1):
                    future.result()
                    advance(done)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            return [future.result() for future in futures]


@contextmanager
def _holding(function: Callable[[Any], Any], things: Sequence[Any]) -> Iterator[None]:
    """Keeps the work where forked processes find it: it needs not be picklable.

    Looking for garbage costs a fifth of the time that figures take; here it is looked for between
    things, once enough was made, and only in that. Products of matrices get one thread each: in
    several processes more of them wait for each other, for longer than they compute.
    """
    global _held
    before, _held = _held, (function, things)
    usual = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        with threadpool_limits(1):
            yield
    finally:
        gc.unfreeze()
        if usual:
            gc.enable()
        _held = before


def _end_with_parent() -> None:
    """Ends this process when the command is gone: killed, it would leave its processes waiting."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _run(place: int) -> Any:
    assert _held is not None
    function, things = _held
    try:
        return function(things[place])
    finally:
        _tidy()


def _tidy() -> None:
    """Looks for garbage where there may be enough of it."""
    global _settled
    process = psutil.Process()
    if gc.get_count()[0] > GARBAGE or process.memory_info().rss > _settled + GROWTH:
        gc.collect()
        _settled = process.memory_info().rss
