"""What the fields of a data set's record must be, and what the data set must then give."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaebench.declared import (
    FLAG,
    FUNCTION,
    FUNCTION_OR_NONE,
    TEXT,
    Rule,
    is_count,
    is_counts,
    is_flag,
    is_function_or_none,
    is_text,
)
from vaebench.errors import DataError, VaebenchError

if TYPE_CHECKING:
    from vaebench.data.base import Dataset
    from vaebench.data.info import DatasetInfo

TRIED = 8
"""Images, spread over a data set, that are looked at when it is opened."""


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[a-z0-9][a-z0-9_.-]{0,59}", value) is not None


def _are_texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(is_text, value))


INFO: tuple[Rule, ...] = (
    ("name", _is_name, "small letters, digits and _ . -, 60 at most"),
    ("title", is_text, TEXT),
    ("what", is_text, TEXT),
    ("citation", is_text, TEXT),
    ("licence", is_text, TEXT),
    ("url", is_text, TEXT),
    ("load", callable, FUNCTION),
    ("check", callable, FUNCTION),
    ("prepare", is_function_or_none, FUNCTION_OR_NONE),
    ("unpacked", is_flag, FLAG),
    ("drawn", is_function_or_none, FUNCTION_OR_NONE),
)

CONTENTS: tuple[Rule, ...] = (
    ("images", is_count, "a whole number, 1 or more"),
    ("observation_shape", lambda v: is_counts(v) and len(v) == 3, "(channels, height, width)"),
    ("factor_names", _are_texts, "a tuple of names"),
    ("factor_sizes", is_counts, "a tuple of whole numbers, 1 or more each"),
    ("label_names", _are_texts, "a tuple of names"),
    ("train_images", lambda v: is_count(v, 0), "a whole number, 0 or more"),
    ("stochastic", is_flag, FLAG),
)


def opened(info: DatasetInfo, folder: Path, size: int | None) -> Dataset:
    """Opens the data set of a plug-in, and looks at what it gives.

    Args:
        info: Its record.
        folder: The data folder.
        size: The size in pixels that is wanted, or None for its native one.

    Raises:
        DataError: It cannot be opened, or does not keep to its record.
    """
    try:
        data = info.load(folder, size)
        check_opened(data, info, size)
    except VaebenchError:
        raise
    except Exception as error:
        line = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
        raise DataError(
            f"Data set {info.name!r} cannot be opened by its plug-in: {line}."
        ) from error
    return data


def check_opened(data: Dataset, info: DatasetInfo, size: int | None) -> None:
    """Makes sure that a data set gives what its record promises, by a few of its images.

    Args:
        data: The data set, opened.
        info: Its record, whose contents are those at its native size.
        size: The size in pixels that it was opened at, or None for its native one.

    Raises:
        DataError: It does not.
    """
    known = info.contents
    channels, height, width = known.observation_shape
    shape = (channels, size or height, size or width)
    facts: tuple[tuple[str, Any, Any], ...] = (
        ("name", data.name, info.name),
        ("len()", len(data), known.images),
        ("observation_shape", tuple(data.observation_shape), shape),
        ("factor_names", tuple(data.factor_names), known.factor_names),
        ("factor_sizes", tuple(map(int, data.factor_sizes)), known.factor_sizes),
        ("label_names", tuple(data.label_names), known.label_names),
        ("stochastic", data.stochastic, known.stochastic),
    )
    for what, seen, wanted in facts:
        if seen != wanted:
            raise _wrong(info, f"{what} is {seen!r}, and its record says {wanted!r}")
    few = np.unique(np.linspace(0, len(data) - 1, TRIED).astype(np.int64))
    _check_array(info, "observations", data.observations(few), (len(few), *shape), "uint8", 256)
    sizes = np.array(known.factor_sizes, np.int64)
    if len(sizes):
        _check_array(info, "factors", data.factors(few), (len(few), len(sizes)), "int64", sizes)
    if known.label_names:
        names = len(known.label_names)
        _check_array(info, "labels", data.labels(few), (len(few),), "int64", names)
    for part in ("train_indices", "test_indices"):
        found = np.asarray(getattr(data, part))
        _check_array(info, part, found, (found.size,), "int64", len(data))
        if not found.size:
            raise _wrong(info, f"{part} is empty")
    trained = len(data.train_indices)
    if trained != known.examples:
        raise _wrong(info, f"train_indices has {trained:,}, and its record says {known.examples:,}")


def _check_array(
    info: DatasetInfo,
    what: str,
    found: Any,
    shape: tuple[int, ...],
    dtype: str,
    below: int | NDArray[np.int64],
) -> None:
    """Makes sure that an array has a shape and type, and values from 0 to below a bound."""
    if not isinstance(found, np.ndarray):
        raise _wrong(info, f"{what} is a {type(found).__name__}, not a NumPy array")
    if found.dtype != dtype or found.shape != shape:
        seen = f"{found.dtype} {list(found.shape)}"
        raise _wrong(info, f"{what} is {seen}, and must be {dtype} {list(shape)}")
    if ((found < 0) | (found >= below)).any():
        raise _wrong(info, f"{what} has values out of range: they are from 0 to the size - 1")


def _wrong(info: DatasetInfo, what: str) -> DataError:
    return DataError(f"Data set {info.name!r} does not keep to its record: {what}.")
