"""Which code computes the figures: digests of those files of vaebench that decide them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

TRAINING = ("catalogue.py", "sizes.py", "spec.py", "data", "models", "objectives", "training")
"""Files and rooms that decide what a trained model is."""

FIGURES = (*TRAINING, "evaluation", "metrics", "worker.py")
"""Files and rooms that decide a run's figures; store, analysis, report and command line do not."""


def training_digest() -> str:
    """Returns the digest of the code that trains: 16 hexadecimal digits."""
    return _digest(TRAINING)


def code_digest() -> str:
    """Returns the digest of the code that trains and evaluates: 16 hexadecimal digits.

    It is of the files as they are, so that a checkout with uncommitted changes, an editable and a
    plain install are told apart, or are the same, by their content alone. Line ends do not count.
    """
    return _digest(FIGURES)


@cache
def _digest(rooms: tuple[str, ...]) -> str:
    """Digests source files by name and content, once a process: code at work is not read anew."""
    root = Path(__file__).parent
    total = hashlib.sha256()
    for room in rooms:
        place = root / room
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            content = hashlib.sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
            total.update(f"{file.relative_to(root).as_posix()} {content}\n".encode())
    return total.hexdigest()[:16]
