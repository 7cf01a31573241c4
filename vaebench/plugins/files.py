"""Plug-ins that are files: read, run, and the records in their tuple `PLUGIN`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from types import ModuleType

from vaebench.errors import UsageError
from vaebench.plugins.plugin import Plugin, checked, digest_of, why

NAME = "PLUGIN"
"""What a file calls the tuple of its records."""


def read(path: str | Path, content: bytes | None = None) -> Plugin:
    """Reads a plug-in's file and runs it.

    Args:
        path: The file.
        content: What was read of it before; None to read it.

    Raises:
        UsageError: There is no such file, it cannot be run, or it declares no records.
    """
    file = _file(path)
    content = content_of(file) if content is None else content
    place = f"Plug-in {path}"
    module = ModuleType(f"vaebench_plugin_{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        code = compile(content, str(file), "exec", dont_inherit=True)
        with contextlib.redirect_stdout(sys.stderr):
            exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{place} cannot be run: {why(error, str(file))}.") from error
    found = getattr(module, NAME, None)
    if not isinstance(found, tuple) or not found:
        what = "is empty" if found == () else f"is a {type(found).__name__}"
        what = "is missing" if found is None else what
        raise UsageError(
            f"{place} declares no records: {NAME} {what}. It must be a tuple of them, as in "
            f"{NAME} = (MY_MODEL, MY_SCORE)."
        )
    try:
        records = checked(found)
    except ValueError as error:
        raise UsageError(f"{place} cannot be used: {error}.") from error
    return Plugin(file.name, digest_of(content), file, records)


def _file(path: str | Path) -> Path:
    """The file that a path leads to."""
    try:
        file = Path(path).expanduser().resolve()
        if file.is_dir():
            raise UsageError(f"Plug-in {path} is a folder: name a file, as in --plugin mine.py.")
        if not file.exists():
            raise UsageError(f"Plug-in {path} does not exist: name a file, as in --plugin mine.py.")
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"Plug-in {path!s} cannot be a file: {error}.") from error
    return file


def content_of(file: Path) -> bytes:
    """Reads a plug-in's file.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"Plug-in {file} cannot be read: {error.strerror}.") from error
