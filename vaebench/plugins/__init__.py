"""Plug-ins: installed packages, and files that were named, whose records stand beside our own.

A package declares entry points, each of which names one record; a file has them in a tuple
`PLUGIN`. Packages are looked at when a name is met that is none of vaebench's own, or when all are
listed, and not before. What a process knows of plug-ins it keeps, as it keeps what it imports.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from typing import TypeVar

from vaebench.declared import Record
from vaebench.errors import PluginWarning, UsageError, VaebenchError
from vaebench.plugins.files import content_of as content_of
from vaebench.plugins.files import read as read
from vaebench.plugins.packages import imported
from vaebench.plugins.plugin import Plugin, Reference, taken

R = TypeVar("R", bound=Record)

_lock = threading.RLock()
_installed: tuple[Plugin, ...] | None = None
_named: tuple[Plugin, ...] = ()


def loaded() -> tuple[Plugin, ...]:
    """Returns the plug-ins of this process: installed packages, then files that were named."""
    return (*_packages(), *_named)


def named() -> tuple[Plugin, ...]:
    """Returns the plug-ins that are files."""
    return _named


def references() -> tuple[Reference, ...]:
    """Returns what another process needs to know to have the plug-ins of this one."""
    return tuple(plugin.reference for plugin in loaded())


def beside(own: tuple[R, ...], kind: type[R]) -> tuple[R, ...]:
    """Returns vaebench's own records of a kind, and after them those of plug-ins.

    A package's record of a name that vaebench has taken is left out, and a warning says so.

    Args:
        own: Vaebench's own.
        kind: Their class.
    """
    found = list(own)
    for plugin in loaded():
        for record in plugin.records:
            if isinstance(record, kind):
                if clash := taken(record, own):
                    _say(
                        f"{kind.kind.capitalize()} {clash!r} of {plugin.source} is not added: "
                        "vaebench has one of that name. Its authors must rename it."
                    )
                else:
                    found.append(record)
    return tuple(found)


def owner(kind: type[Record], name: str) -> Plugin | None:
    """Returns the plug-in that declares a record of a kind and name; None where none does."""
    for plugin in loaded():
        if any(isinstance(record, kind) and name in record.names for record in plugin.records):
            return plugin
    return None


def admit(found: Sequence[Plugin]) -> None:
    """Adds files to the plug-ins of this process, in place of older versions of them: all or none.

    Raises:
        UsageError: Another plug-in has the name of one, or that of one of its records.
    """
    global _named
    with _lock:
        replaced = {plugin.path for plugin in found}
        kept = [plugin for plugin in loaded() if plugin.path is None or plugin.path not in replaced]
        for plugin in found:
            for other in kept:
                _check_apart(plugin, other)
            kept.append(plugin)
        files = [plugin for plugin in kept if plugin.path is not None]
        _named = tuple(sorted(files, key=lambda plugin: plugin.name))


def _check_apart(plugin: Plugin, other: Plugin) -> None:
    """Makes sure that two plug-ins, and their records, have names of their own."""
    if other.name == plugin.name:
        raise UsageError(
            f"Plug-ins {other.path or other.name} and {plugin.path} have the same name, by which "
            "runs remember them: rename one."
        )
    for record in plugin.records:
        if clash := taken(record, other.records):
            raise UsageError(
                f"Plug-in {plugin.path} cannot be used: its {record.kind} {clash!r} has the name "
                f"of one of {other.source}. Rename it, or leave one of them out."
            )


def follow(wanted: Sequence[Reference]) -> None:
    """Gives this process the plug-ins of another: those, in those versions, and no others.

    Raises:
        VaebenchError: One is here in another version, or cannot be read.
    """
    global _installed, _named
    warnings.simplefilter("ignore", PluginWarning)  # the other process has said it
    found = []
    for one in wanted:
        here: Reference | None
        if one.path is not None:
            here = read(one.path)
            found.append(here)
        else:
            here = next((plugin for plugin in _packages() if plugin.name == one.name), None)
        if here is None or here.version != one.version:
            raise VaebenchError(
                f"Plug-in {one.source} has changed since this command began: nothing is lost. Run "
                "the command again."
            )
    names = {one.name for one in wanted if one.path is None}
    with _lock:
        _installed = tuple(plugin for plugin in _packages() if plugin.name in names)
        _named = tuple(found)


def _packages() -> tuple[Plugin, ...]:
    """Returns the installed plug-ins; they are imported the first time that it is called."""
    global _installed
    with _lock:
        if _installed is None:
            _installed = ()  # a plug-in that looks a name up while it is imported finds our own
            _installed = imported()
        return _installed


def _say(text: str) -> None:
    warnings.warn(text, PluginWarning, stacklevel=2)
