"""What can be declared: records that say which names they take, and what is wrong with them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

Rule = tuple[str, Callable[[Any], bool], str]
"""A field, whether a value is one that it takes, and what it takes in words."""

LONGEST = 60
"""Characters of a wrong value that a message shows."""


class Record:
    """What vaebench lists in a literal tuple, and a plug-in declares.

    Attributes:
        kind: What messages call it.
        group: The entry points by which a package declares such records.
    """

    kind: ClassVar[str] = "record"
    group: ClassVar[str] = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that no other record of its kind may have."""
        raise NotImplementedError

    def problem(self) -> str | None:
        """Says which field has a value that it does not take; None where all is well."""
        raise NotImplementedError


def first_problem(thing: object, rules: Iterable[Rule]) -> str | None:
    """Says which of a thing's fields breaks its rule: the first of them; None where none does."""
    for field, good, what in rules:
        value = getattr(thing, field)
        try:
            fine = good(value)
        except Exception:
            fine = False
        if not fine:
            return f"{field} is {shortened(value)}: it must be {what}"
    return None


def shortened(value: object) -> str:
    """Returns a value as a message shows it."""
    text = " ".join(ascii(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def is_text(value: Any) -> bool:
    """Whether it is a text of one line, and not empty."""
    return isinstance(value, str) and value == " ".join(value.split()) != ""


def is_name(value: Any) -> bool:
    """Whether it can be the name of a model, a network or a hyperparameter."""
    return isinstance(value, str) and re.fullmatch("[a-z][a-z0-9_]{0,31}", value) is not None


def is_names(value: Any) -> bool:
    """Whether it is a tuple of names."""
    return isinstance(value, tuple) and all(map(is_name, value))


def is_flag(value: Any) -> bool:
    """Whether it is True or False."""
    return isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, (int, float)) and not is_flag(value) and math.isfinite(value)


def is_count(value: Any, least: int = 1) -> bool:
    """Whether it is a whole number of so many or more."""
    return isinstance(value, int) and not is_flag(value) and value >= least


def is_counts(value: Any) -> bool:
    """Whether it is a tuple of whole numbers, 1 or more each."""
    return isinstance(value, tuple) and all(map(is_count, value))


def is_function_or_none(value: Any) -> bool:
    """Whether it can be called, or is None."""
    return value is None or callable(value)


NAME = "a name of small letters, digits and _, 32 at most, that begins with a letter"
TEXT = "a text of one line"
FLAG = "True or False"
FUNCTION = "a function"
FUNCTION_OR_NONE = "a function or None"
