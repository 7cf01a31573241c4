"""Databases as commands read them: whatever cannot be read is said, and keeps nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vaebench.cli import tables
from vaebench.hints import hint

if TYPE_CHECKING:
    from vaebench.store import Reader

SHOWN = 20
"""Runs that cannot be read, at most, that are named one by one."""


@contextmanager
def opened(location: str) -> Iterator[Reader]:
    """Opens a database to read, and says at the end which of its runs were left out."""
    from vaebench.store import Reader

    with Reader.open(location) as reader:
        yield reader
        say_unreadable(reader)


def say_unreadable(reader: Reader) -> None:
    """Says on the standard error which runs could not be read, and why."""
    for key, reason in unreadable(reader):
        tables.note(f"Run {key} {reason}".rstrip() if key else reason)


def say_left_out(bad: Mapping[str, str], location: str) -> None:
    """Says which runs of a database could not be read, when it is closed already.

    Args:
        bad: By job key, why.
        location: The database.
    """
    from vaebench.store import Reader

    if bad:
        with Reader.open(location) as reader:
            reader.unreadable.update(bad)
            say_unreadable(reader)


def unreadable(reader: Reader) -> list[tuple[str, str]]:
    """Returns a line for each run that could not be read: its key and why, then what to do."""
    found = list(reader.unreadable.items())
    if not found:
        return []
    lines = [(key, f"is unreadable: {reason}.") for key, reason in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(("", f"and {len(found) - SHOWN:,} more."))
    foreign = reader.foreign()
    if foreign:
        from vaebench.store import ELSEWHERE

        lines.append((foreign[0], ELSEWHERE.removeprefix("It ")))
    damaged = [key for key, _ in found if key not in foreign]
    if damaged:
        again = hint(f"vaebench retry {damaged[0]}", reader.location)
        lines.append(("", f"To train one anew: {again}, then the sweep's command."))
    return lines
