"""Checkpoints: written whole or not at all, read back without running what they hold."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from vaebench.files import write_atomically


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
    again = (
        "Free space or make the folder writable, then run the same command again: it goes on "
        "where it stopped."
    )
    write_atomically(path, content.getbuffer(), instead=again)


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
