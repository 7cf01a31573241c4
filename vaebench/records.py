"""Records: what is known of a model, a network, a score, declared once in that thing's own file.

A record is a frozen value that the standard library alone can read: tables, help, checks and plans
are made from records without torch. What computes is named by a function, which imports torch when
it is called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vaebench.digits import written
from vaebench.errors import UsageError
from vaebench.protocols import Coders, Shape

if TYPE_CHECKING:
    from vaebench.protocols import Begin, MakeAdversary, MakePrior, Objective


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
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < 0 or (positive and value == 0):
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A model: what is minimised, what is known of it, and how figures show it.

    Attributes:
        name: What `--models` takes, and what is stored.
        title: What people call it.
        source: Where it is from.
        objective: What training minimises, nats per example.
        colour: Of its marks in figures, as `#rrggbb`; no other model has it.
        marker: Of matplotlib's; no other model has it, so that colour is never the only sign.
        aliases: Other names that `--models` takes.
        parameters: Its hyperparameters.
        strength: Name of the one that its regulariser is swept over, or None.
        fixed: Names and values that the objective reads beside them, the same in every job.
        conditional: Whether encoder and decoder are given the label, which the data must have.
        stochastic: Whether latents are drawn from a posterior; False for a plain autoencoder,
            which has neither KL nor ELBO.
        warmup: Whether `--warmup` anneals its beta from 0.
        least_batch: Examples of a batch without which the objective is not defined.
        prior: Makes its prior at its present weights; None for the standard normal.
        learnt: Makes what is learnt beside the network, as tensors by name; None for nothing.
        adversary: Makes what trains beside it, for a job and a device; None for nothing.
    """

    name: str
    title: str
    source: Source
    objective: Objective
    colour: str
    marker: str
    aliases: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    strength: str | None = None
    fixed: tuple[tuple[str, float], ...] = ()
    conditional: bool = False
    stochastic: bool = True
    warmup: bool = False
    least_batch: int = 1
    prior: MakePrior | None = None
    learnt: Begin | None = None
    adversary: MakeAdversary | None = None

    @property
    def cited(self) -> str:
        """Title and source, such as `beta-VAE (Higgins et al. 2017)`."""
        return f"{self.title} ({self.source.citation})"

    def has(self, parameter: str) -> bool:
        """Says whether it has a hyperparameter of a name."""
        return any(each.name == parameter for each in self.parameters)

    def defaults(self, steps: int) -> dict[str, float]:
        """Returns its hyperparameters' defaults by name, for a run of so many steps."""
        return {
            each.name: float(steps) if each.default is None else each.default
            for each in self.parameters
        }

    def check(self, values: Mapping[str, Any]) -> None:
        """Makes sure that values are those of its hyperparameters, each one that it takes.

        Raises:
            UsageError: One is missing, too many, or out of range.
        """
        names = [each.name for each in self.parameters]
        if set(values) != set(names):
            raise UsageError(
                f"Model {self.name!r} has parameters {sorted(values)}: "
                f"it must have {sorted(names)}."
            )
        for each in self.parameters:
            each.check(self.name, values[each.name])


@dataclass(frozen=True, kw_only=True)
class Network:
    """An architecture of encoder and decoder.

    Attributes:
        name: What `--network` takes.
        build: Makes the layers for a shape of observations (channels, height, width), a number of
            latents, and the width of the one-hot label (0 for none).
        sizes: Heights, and widths, in pixels that it takes; empty for any.
        natural: Sizes of observations that it is taken for where no network is named.
        source: Where it is from; None for this project's own.
    """

    name: str
    build: Callable[[Shape, int, int], Coders]
    sizes: tuple[int, ...] = ()
    natural: tuple[int, ...] = ()
    source: Source | None = None

    def takes(self, height: int, width: int) -> bool:
        """Says whether it takes observations of a size in pixels."""
        return not self.sizes or (height == width and height in self.sizes)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A figure of a run: what it is called, which way is better, where it can lie.

    Attributes:
        name: In the database.
        title: Proper name, short enough for a table's head.
        short: Shorter name, for a terminal's table; empty where the title is short enough.
        unit: Unit, or empty for a pure number.
        better: Which way is; None where neither is.
        low: Least value it can have, or None.
        high: Greatest value it can have, or None.
        digits: Decimals to print, at least.
        needs: What it cannot be had without: ground-truth `factors`, an image for every set of them
            (`grid`), `labels`, or other runs of its `cell`. None for what every run has.
        tier: Which of `--scores` computes it: `core` and `all`, or `all` alone; `cell` for what is
            computed of a cell's runs together when a sweep ends.
        column: Whether `results` has a column of it; the table `scores` has every score.
    """

    name: str
    title: str
    short: str = ""
    unit: str = ""
    better: Literal["higher", "lower"] | None = None
    low: float | None = None
    high: float | None = None
    digits: int = 3
    needs: Literal["factors", "grid", "labels", "cell"] | None = None
    tier: Literal["core", "all", "cell"] = "core"
    column: bool = True

    @property
    def label(self) -> str:
        """Title with its unit, for an axis."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def head(self) -> str:
        """Title of a column of a terminal's table."""
        return self.short or self.title

    def text(self, value: float | None, width: float | None = None) -> str:
        """Prints a value; an en dash where there is none.

        Args:
            value: The value, or half the width of its interval.
            width: That half, so that neither of the two is rounded away.
        """
        if value is None or not math.isfinite(value):
            return "–"
        return written(value, self.digits, width)
