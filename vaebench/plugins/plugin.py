"""What a plug-in is: whose it is, in which version, and the records that it declares."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vaebench.declared import Record


@dataclass(frozen=True)
class Reference:
    """Which plug-in is meant, in which version, so that another process can have the same.

    Attributes:
        name: Of the package, or of the file without its folder.
        version: Of the package and the digest of its code, or the digest of the file.
        path: The file; None for a package.
    """

    name: str
    version: str
    path: Path | None = None

    @property
    def source(self) -> str:
        """Where its records are from, as lists name it."""
        return f"{self.name} {self.version.split()[0]}" if self.path is None else str(self.path)


@dataclass(frozen=True)
class Plugin(Reference):
    """A plug-in with what it declares.

    Attributes:
        records: Its records, in order.
    """

    records: tuple[Record, ...] = ()

    @property
    def reference(self) -> Reference:
        """What another process is told of it."""
        return Reference(self.name, self.version, self.path)


def taken(record: Record, others: Iterable[Record]) -> str | None:
    """Returns a name of a record that another one of its kind has; None where none has."""
    names = {name for other in others if other.kind == record.kind for name in other.names}
    return next((name for name in record.names if name in names), None)


def checked(found: Sequence[object]) -> tuple[Record, ...]:
    """Makes sure that what is declared are records, well-formed and each of names of its own.

    Raises:
        ValueError: They are not; in a few words.
    """
    records: list[Record] = []
    for one in found:
        if not isinstance(one, Record):
            raise ValueError(
                f"it declares a {type(one).__name__}, which is no Model, Network, DatasetInfo or "
                "Metric"
            )
        if wrong := one.problem():
            raise ValueError(f"of its {one.kind} {_called(one)} {wrong}")
        if clash := taken(one, records):
            raise ValueError(f"two of its records are called {clash!r}")
        records.append(one)
    return tuple(records)


def _called(record: Record) -> str:
    try:
        return ", ".join(map(repr, record.names))
    except Exception:  # what names it is itself wrong
        return "without a name"


def why(error: BaseException, file: str = "") -> str:
    """Says in a line what was raised, and in which line of a file."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
             if frame.filename == file]  # fmt: skip
    if isinstance(error, SyntaxError) and error.filename == file:
        lines.append(error.lineno)
    text = " ".join(str(getattr(error, "msg", "") or error).split()).rstrip(".")
    place = f"line {lines[-1]}: " if lines else ""
    return f"{place}{type(error).__name__}{': ' if text else ''}{text}"


def digest_of(content: bytes) -> str:
    """Returns the digest of a file: 16 hexadecimal digits; line ends do not count."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()[:16]
