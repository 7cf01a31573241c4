"""Lists as people write them: names, numbers, seeds, and `MODEL.PARAM=v1,v2`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from vaebench.errors import UsageError

MAX_SEEDS = 100_000
_MOST_DIGITS = 20
"""Digits of a seed: 2^63 has 19."""


def names(text: str) -> tuple[str, ...]:
    r"""Splits `a,b,c`; spaces and empty places are dropped, repeats too; `\,` is a comma."""
    parts = (part.replace(r"\,", ",").strip() for part in re.split(r"(?<!\\),", text))
    return tuple(dict.fromkeys(part for part in parts if part))


def numbers(option: str, text: str) -> tuple[float, ...]:
    """Reads `0.5,1,3` as finite numbers of 0 or more.

    Args:
        option: The option's name, for messages.
        text: What was typed.

    Raises:
        UsageError: A part is not such a number, or there is none.
    """
    values = []
    for part in names(text):
        try:
            value = float(part)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < 0:
            raise UsageError(
                f"{option} {text!r}: {part!r} is not a finite number of 0 or more. "
                "Write them as in 0.5,1,3."
            )
        values.append(value)
    if not values:
        raise UsageError(f"{option} is empty: give at least one number, as in 0.5,1,3.")
    return tuple(dict.fromkeys(values))


def seeds(text: str) -> tuple[int, ...]:
    """Reads `5` as seeds 0 to 4, `0,3,7` as these, `0-9` as 0 to 9; `7,` is seed 7 alone.

    Raises:
        UsageError: It is none of these, or names no seed.
    """
    short = text if len(text) < 60 else f"{text[:60]} …"
    wrong = UsageError(
        f"--seeds {short!r} is not understood. Write 5 for the seeds 0 to 4, or name them as in "
        "0,3,7 or 0-9 (a single one with a comma: 7,)."
    )
    stripped = text.strip()
    if stripped.isdecimal():
        count = int(stripped[-_MOST_DIGITS:])
        if not 0 < count <= MAX_SEEDS or len(stripped) > _MOST_DIGITS:
            raise UsageError(
                f"--seeds {short}: the number of seeds must be from 1 to {MAX_SEEDS:,}. "
                "For one seed by its number write a comma, as in 0,."
            )
        return tuple(range(count))
    found: list[int] = []
    for part in names(stripped):
        match = re.fullmatch(rf"(\d{{1,{_MOST_DIGITS}}})(?:-(\d{{1,{_MOST_DIGITS}}}))?", part)
        if match is None:
            raise wrong
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or len(found) + last - first >= MAX_SEEDS or last >= 2**63:
            raise wrong
        found += range(first, last + 1)
    if not found:
        raise wrong
    return tuple(dict.fromkeys(found))


def grid(settings: Iterable[str]) -> dict[str, dict[str, tuple[float, ...]]]:
    """Reads `--set MODEL.PARAM=v1,v2` options.

    Returns:
        Values by model and parameter.

    Raises:
        UsageError: One is not of this form.
    """
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for text in settings:
        match = re.fullmatch(r"\s*([\w]+)\.(\w+)\s*=(.*)", text)
        if match is None:
            raise UsageError(
                f"--set {text!r} is not understood. Write MODEL.PARAM=v1,v2, as in "
                "betavae_b.c_max=5,25."
            )
        model, parameter, values = match.groups()
        found.setdefault(model, {})[parameter] = numbers(f"--set {model}.{parameter}", values)
    return found


def written(values: Iterable[object]) -> str:
    """Writes values as a list that `names` reads."""
    return ",".join(str(value).replace(",", r"\,") for value in values)
