"""Plug-ins that are installed packages: found by their entry points, and imported."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vaebench.declared import Record
from vaebench.errors import PluginWarning
from vaebench.plugins.plugin import Plugin, checked, digest_of, taken, why

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUPS = ("vaebench.models", "vaebench.networks", "vaebench.datasets", "vaebench.scores")
"""Entry points of packages; each names one record of the kind that it says."""


def imported() -> tuple[Plugin, ...]:
    """Imports the packages that declare records; of one that cannot be used a warning tells."""
    from importlib import metadata

    entries: dict[tuple[str, str], list[EntryPoint]] = defaultdict(list)
    every = metadata.entry_points()
    for group in GROUPS:
        for entry in every.select(group=group):
            if entry.dist is not None:
                entries[str(entry.dist.name), str(entry.dist.version)].append(entry)
    found: list[Plugin] = []
    for (name, version), declared in sorted(entries.items()):
        try:
            records = checked([_record(entry) for entry in declared])
            for record in records:
                for other in found:
                    if clash := taken(record, other.records):
                        what = f"its {record.kind} {clash!r} has the name of one of {other.source}"
                        raise ValueError(what)
            code = _code_digest(declared)
            found.append(Plugin(name, f"{version} {code}", None, records))
        except (ValueError, OSError) as error:
            warnings.warn(f"Plug-in {name} {version} is not used: {error}. Mend it, or remove it: "
                  f"pip uninstall {name}.", PluginWarning, stacklevel=2)  # fmt: skip
    return tuple(found)


def _record(entry: EntryPoint) -> object:
    """Imports what an entry point names."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            found = entry.load()
    except (Exception, SystemExit) as error:
        raise ValueError(f"{entry.value} cannot be imported: {why(error)}") from error
    if isinstance(found, Record) and found.group != entry.group:
        raise ValueError(f"{entry.value} is a {found.kind}, and stands under {entry.group}")
    return found


def _code_digest(declared: Sequence[EntryPoint]) -> str:
    """Digests the Python files of the packages that entry points lead to.

    So that an editable install whose code has changed is told from the one before.
    """
    from importlib import util

    total = hashlib.sha256()
    for top in sorted({entry.module.partition(".")[0] for entry in declared}):
        found = util.find_spec(top)
        places = sorted(found.submodule_search_locations or ()) if found else []
        files = [
            (file.relative_to(place).as_posix(), file)
            for place in map(Path, places)
            for file in sorted(place.rglob("*.py"))
        ]
        if found and not places and found.origin:
            files = [("", Path(found.origin))]
        for name, file in files:
            total.update(f"{top} {name} {digest_of(file.read_bytes())}\n".encode())
    return total.hexdigest()[:16]
