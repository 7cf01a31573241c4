"""Which code computes the figures: digests of those files of vaebench that decide them."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from vaebench.version import __version__

TRAINING = (
    *(
        "protocols.py",
        "parameters.py",
        "records.py",
        "adam.py",
        "priors.py",
        "streams.py",
        "spec.py",
    ),
    "upload.py",
    *("data", "networks", "models", "training"),
)
"""Files and rooms that decide what a trained model is."""

FIGURES = (*TRAINING, "evaluation", "metrics", "saved.py", "worker.py")
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
def software() -> str:
    """Names what figures are computed by: vaebench, the code that trains, and torch."""
    try:
        torch = metadata.version("torch").partition("+")[0]
    except metadata.PackageNotFoundError:
        torch = "missing"
    return f"vaebench {__version__} ({training_digest()[:8]}), torch {torch}"


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


def made_by_this_code(environment: Mapping[str, Any]) -> bool | None:
    """Says whether figures are by the code at hand.

    Args:
        environment: What the run was made in. One of before there was a digest names a commit.

    Returns:
        Whether they are; None where it cannot be known: of a run from uncommitted changes, from
        an install without git, or of a commit that this checkout does not have.
    """
    if code := environment.get("code"):
        return bool(code == code_digest())
    commit = environment.get("git_commit")
    if not isinstance(commit, str) or environment.get("git_dirty"):
        return None
    return _as_committed(commit)


@cache
def _as_committed(commit: str) -> bool | None:
    """Says whether the files that decide figures are as they were in a commit, if git knows it."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists() or not commit.isalnum():
        return None
    places = [f"{Path(__file__).parent.name}/{room}" for room in FIGURES]
    command = ["git", "-C", str(root), "diff", "--quiet", commit, "--", *places]
    try:
        code = subprocess.run(command, capture_output=True, timeout=20, check=False).returncode
    except (OSError, subprocess.SubprocessError):
        return None
    return {0: True, 1: False}.get(code)


def other_code(old: int, runs: int, plugins: Sequence[str] = ()) -> str:
    """Says how many runs the code at hand did not make, in a sentence.

    Args:
        old: Finished runs that other code made.
        runs: Finished runs in all.
        plugins: Names of the plug-ins that some of them were made with another version of.
    """
    named = "".join(f" or of the plug-in {name}" for name in plugins)
    verb = "was" if old == 1 else "were"
    total = "1 finished run" if runs == 1 else f"{runs:,} finished runs"
    return f"{old:,} of {total} {verb} made by other code of vaebench{named} than that at hand."
