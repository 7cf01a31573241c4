"""What records are made of: the sources that they cite, and models' hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vaebench.declared import FLAG, TEXT, Rule, is_count, is_flag, is_name, is_number, is_text
from vaebench.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Source:
    """The paper that something is from.

    Attributes:
        authors: As a text cites them, such as `Higgins et al.`.
        year: Of publication.
        paper: Title.
        link: Where it is.
        place: Section, table or equation that is meant, or empty.
    """

    authors: str
    year: int
    paper: str
    link: str
    place: str = ""

    @property
    def citation(self) -> str:
        """Authors and year, such as `Higgins et al. 2017`."""
        return f"{self.authors} {self.year}"


def finite_number(name: str, value: Any, *, positive: bool = False) -> None:
    """Makes sure that a value is a finite number, and not negative.

    Raises:
        UsageError: It is none.
    """
    if not is_number(value) or value < 0 or (positive and value == 0):
        bound = "above 0" if positive else "0 or more"
        raise UsageError(f"{name} is {value!r}: it must be a finite number, {bound}.")


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter of a model: a number, which is part of the job's key.

    Attributes:
        name: What `--set MODEL.NAME` takes.
        default: Its value unless set; None for the number of steps of the run.
        symbol: How figures and tables write it; a text after `_` is set low. Empty for the name.
        unit: Of the value, or empty.
        positive: Whether 0 is refused.
        most: The greatest value that it takes, or None.
        whole: Whether it counts something.
        switch: Whether it chooses a variant: 0 for the published study's, 1 for the other.
    """

    name: str
    default: float | None
    symbol: str = ""
    unit: str = ""
    positive: bool = False
    most: float | None = None
    whole: bool = False
    switch: bool = False

    def check(self, model: str, value: Any) -> None:
        """Makes sure that a value is one that it takes.

        Args:
            model: Name of the model that has it.
            value: The value.

        Raises:
            UsageError: It is not.
        """
        name = f"{model}.{self.name}"
        finite_number(name, value, positive=self.positive)
        if self.whole and value != int(value):
            raise UsageError(f"{name} is {value:g}: it must be a whole number.")
        if self.most is not None and value > self.most:
            raise UsageError(f"{name} is {value:g}: it must be {self.most:g} or less.")
        if self.switch and value not in (0, 1):
            raise UsageError(f"{name} is {value:g}: it must be 0 or 1.")


SOURCE: tuple[Rule, ...] = (
    ("authors", is_text, TEXT),
    ("year", is_count, "a year"),
    ("paper", is_text, TEXT),
)

PARAMETER: tuple[Rule, ...] = (
    ("default", lambda v: v is None or is_number(v), "a number, or None for the steps"),
    ("symbol", lambda v: v == "" or is_text(v), TEXT),
    ("unit", lambda v: v == "" or is_text(v), TEXT),
    ("positive", is_flag, FLAG),
    ("most", lambda v: v is None or is_number(v), "a number or None"),
    ("whole", is_flag, FLAG),
    ("switch", is_flag, FLAG),
)

_TAKEN = {"warmup", "examples", "name", "setting"}
"""Names that objectives and study files have for other things."""


def are_parameters(value: Any) -> bool:
    """Whether it is a tuple of hyperparameters, each of a name of its own."""
    names = [each.name for each in value if isinstance(each, Parameter)]
    unique = len(set(names)) == len(value) and not _TAKEN.intersection(names)
    return isinstance(value, tuple) and unique and all(map(is_name, names))
