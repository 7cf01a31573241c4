"""Checkpoints: written whole or not at all, read back without running what they hold."""

from __future__ import annotations

import io
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

import torch

from vaebench.errors import OutputError


def write_tensors(path: Path, values: dict[str, Any]) -> None:
    """Writes tensors and plain values to a temporary file, and renames it when it is complete.

    Args:
        path: The file to replace or make; its folder is made where it is missing.
        values: Tensors, numbers, text, and lists and dicts of these.

    Raises:
        OutputError: The folder cannot be written, or the disk is full.
    """
    content = io.BytesIO()  # a full disk is then an OSError that says so, not torch's own
    torch.save(values, content)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise OutputError(
            f"{path} cannot be written ({error.strerror}). Free space or make the folder "
            "writable, then run the same command again: it goes on where it stopped."
        ) from error


def read_tensors(path: Path) -> dict[str, Any] | None:
    """Reads what `write_tensors` wrote; unpickles tensors and plain values only.

    Returns:
        The values, or None where the file is missing or damaged.
    """
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
        return None
    return values if isinstance(values, dict) else None
