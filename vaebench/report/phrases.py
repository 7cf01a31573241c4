"""Parts of sentences: an answer, and how its numbers and intervals are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from vaebench.analysis import measure
from vaebench.measures import STUDY, SUPERVISED, Names

LEADING = Names(lambda: ("mig", "mig_label", *STUDY, *SUPERVISED))
"""Metrics in the order in which one of them is spoken of for all."""


@dataclass(frozen=True)
class Answer:
    """An answer to one question.

    Attributes:
        claim: What is found, in a few words.
        text: The sentences that carry it, with numbers and intervals.
        figure: Name of the figure that shows it.
    """

    claim: str
    text: str
    figure: str


def leading(names: Sequence[str]) -> str | None:
    """Returns the metric that is spoken of for all: MIG where it is there."""
    return next((name for name in LEADING if name in set(names)), None)


def row_of(rows: pd.DataFrame, metric: str | None) -> pd.Series | None:
    """Returns a metric's row; None where it has none."""
    found = rows[rows["metric"] == metric] if metric else rows.iloc[:0]
    return None if found.empty else found.iloc[0]


def runs_of(rows: pd.DataFrame, metric: str) -> int:
    """Returns how many runs a metric's row is of."""
    return int(rows.loc[rows["metric"] == metric, "runs"].iloc[0])


def counted(number: int, what: str) -> str:
    """Writes a number of things, as in `3 runs`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def percent(share: float, low: float, high: float) -> str:
    """Writes a share with its interval."""
    ends = f" [{100 * low:.0f}–{100 * high:.0f}]" if math.isfinite(low) else ""
    return f"{100 * share:.0f} %{ends}"


def number_text(value: float) -> str:
    """Writes a correlation's number."""
    return f"{value:.2f}".replace("-", "−").replace("−0.00", "0.00")


def rank_text(value: float, low: float, high: float) -> str:
    """Writes a rank correlation with its interval."""
    ends = f" [{number_text(low)}, {number_text(high)}]" if math.isfinite(low) else ""
    return f"ρ = {number_text(value)}{ends}"


def value_text(name: str, row: pd.Series, column: str) -> str:
    """Writes a metric's value with its interval."""
    about = measure(name)
    text = about.text(row[column]).replace("-", "−")
    if not math.isfinite(row["low"]):
        return text
    low, high = (about.text(row[end]).replace("-", "−") for end in ("low", "high"))
    return f"{text} [{low}, {high}]"


def whole(share: float) -> str:
    """Writes a share as a whole number of per cent."""
    return f"{100 * share:.0f}".replace("-", "−").replace("−0", "0")


def gain_text(share: float) -> str:
    """Writes a share of what could be gained."""
    if share < -0.005:
        return f"less than nothing (−{-100 * share:.0f} %)"
    return "nothing" if share <= 0.005 else f"{100 * share:.0f} %"
