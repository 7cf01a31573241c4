"""The errors that vaebench raises on purpose: each message is one line that a user can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VaebenchError(Exception):
    """What went wrong, the value seen, what is allowed, and what to do, in one line.

    The command line prints the message alone and exits with `exit_code`; `--debug` adds the
    traceback. Every other exception is a defect of vaebench and keeps its traceback.
    """

    exit_code = 1


class UsageError(VaebenchError):
    """A value that the user typed is not one that vaebench takes."""

    exit_code = 2


class DataError(VaebenchError):
    """A data set, a file of one, or an array handed to a metric is not what it must be."""


class StoreError(VaebenchError):
    """The result database cannot be opened, read or written."""


class DivergedError(VaebenchError):
    """The loss of a job became NaN or infinite."""


class OutputError(VaebenchError):
    """A file cannot be written: no fault of the job that wanted to, so the sweep stops."""


class AwayError(OutputError):
    """A URL that outputs lie at cannot be reached now; it may be later."""


class DeviceError(VaebenchError):
    """A device cannot be used any more: no fault of the job at hand, so the sweep stops."""


class DamagedError(VaebenchError):
    """A file of vaebench's own is not what vaebench wrote, or not what it is taken for."""


class GlobalRandomError(VaebenchError):
    """A run drew from a global random generator, so that it could not be reproduced."""


class LostWorkerError(VaebenchError):
    """A worker process died without an answer (killed, or out of memory)."""


class PluginWarning(UserWarning):
    """A plug-in cannot be used, or not as it was: said in a line, and all else goes on."""


def unknown(kind: str, value: object, known: Iterable[str]) -> UsageError:
    """Builds the error for a name that is none of the known ones.

    Args:
        kind: What the name names, such as `model`.
        value: The name seen.
        known: The names that are allowed, in the order to list them.

    Returns:
        The error, with a suggestion where a known name is close.
    """
    names = list(known)
    close = difflib.get_close_matches(str(value).lower(), names, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return UsageError(f"Unknown {kind} {value!r}. Known: {', '.join(names)}.{hint}")
