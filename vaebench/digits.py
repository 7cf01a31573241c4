"""How numbers are written: figures with as many digits as their interval is wide, and times."""

from __future__ import annotations

import math

MOST_DECIMALS = 9
"""Decimals of a small number before it is written with an exponent."""


def written(value: float, least: int, width: float | None = None) -> str:
    """Writes a figure; it and the ends of its interval, written alike, can be told apart.

    Args:
        value: The figure, or an end of its interval.
        least: Decimals, at least.
        width: Of the interval: as many decimals are written as show two of its digits. None, 0
            and what is not finite ask for no more than `least`.

    Returns:
        The number with its decimals, those of a very small one with an exponent.
    """
    if not math.isfinite(value):
        return str(value)
    decimals = least
    if width is not None and math.isfinite(width) and width != 0:
        decimals = max(least, 1 - _exponent(width))
        if decimals > MOST_DECIMALS and 0 < abs(value) < 10.0 ** (least - MOST_DECIMALS):
            return f"{value:.{max(1, decimals + _exponent(value))}e}"
    text = f"{value:.{min(decimals, 15)}f}"
    return text.lstrip("-") if float(text) == 0 else text


def duration(seconds: float | None) -> str:
    """Writes a wall time as people say it: `42 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`."""
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def _exponent(value: float) -> int:
    """Returns the power of ten of a number's first digit."""
    return math.floor(math.log10(abs(value)))
