"""Records: what is known of a model, a network, a score, declared once in that thing's own file.

A record is a frozen value that the standard library alone can read: tables, help, checks and plans
are made from records without torch. What computes is named by a function, which imports torch when
it is called.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from vaebench import declared
from vaebench.declared import Record, first_problem
from vaebench.digits import written
from vaebench.errors import UsageError
from vaebench.parameters import PARAMETER, SOURCE, are_parameters
from vaebench.parameters import Parameter as Parameter
from vaebench.parameters import Source as Source
from vaebench.parameters import finite_number as finite_number
from vaebench.protocols import Coders, Shape

if TYPE_CHECKING:
    from vaebench.protocols import Begin, MakeAdversary, MakePrior, Objective


@dataclass(frozen=True, kw_only=True, eq=False)
class Model(Record):
    """A model: what is minimised, what is known of it, and how figures show it.

    Attributes:
        name: What `--models` takes, and what is stored.
        title: What people call it.
        source: Where it is from.
        objective: What training minimises, nats per example.
        colour: Of its marks in figures, as `#rrggbb`; no other model has it.
        marker: One of `MARKERS`; no other model has it, so that colour is never the only sign.
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

    kind: ClassVar[str] = "model"
    group: ClassVar[str] = "vaebench.models"

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
    def names(self) -> tuple[str, ...]:
        """Its name and aliases."""
        return self.name, *self.aliases

    def problem(self) -> str | None:
        """Says which field, or which of a hyperparameter's, has a value that it does not take."""
        if wrong := first_problem(self, _MODEL):
            return wrong
        for each in self.parameters:
            if wrong := first_problem(each, PARAMETER):
                return f"{wrong} (hyperparameter {each.name!r})"
        if self.strength is not None and not self.has(self.strength):
            return f"strength is {self.strength!r}: it must be one of its parameters, or None"
        return first_problem(self.source, SOURCE)

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
class Network(Record):
    """An architecture of encoder and decoder.

    Attributes:
        name: What `--network` takes.
        build: Makes the layers for a shape of observations (channels, height, width), a number of
            latents, and the width of the one-hot label (0 for none).
        sizes: Heights, and widths, in pixels that it takes; empty for any.
        natural: Sizes of observations that it is taken for where no network is named; of a
            plug-in's it says nothing, so that installing one changes no sweep.
        source: Where it is from; None for this project's own.
    """

    kind: ClassVar[str] = "network"
    group: ClassVar[str] = "vaebench.networks"

    name: str
    build: Callable[[Shape, int, int], Coders]
    sizes: tuple[int, ...] = ()
    natural: tuple[int, ...] = ()
    source: Source | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Its name."""
        return (self.name,)

    def problem(self) -> str | None:
        """Says which field has a value that it does not take; None where all is well."""
        wrong = first_problem(self, _NETWORK)
        if wrong or self.source is None:
            return wrong
        return first_problem(self.source, SOURCE)

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


MARKERS = "o s ^ v < > D p * X P h H d 8".split()
"""Markers of figures that can be told apart when they are filled."""

_MODEL: tuple[declared.Rule, ...] = (
    ("name", declared.is_name, declared.NAME),
    ("title", declared.is_text, declared.TEXT),
    ("source", lambda v: isinstance(v, Source), "a records.Source"),
    ("objective", callable, declared.FUNCTION),
    ("colour", lambda v: re.fullmatch("#[0-9a-fA-F]{6}", v) is not None, "as #rrggbb"),
    ("marker", lambda v: v in MARKERS, f"one of {' '.join(MARKERS)}"),
    ("aliases", declared.is_names, "a tuple of names"),
    ("parameters", are_parameters, "a tuple of records.Parameter, each of a name of its own"),
    ("fixed", lambda v: all(declared.is_number(dict(v)[name]) for name in dict(v)), "pairs of a "
     "name and a number"),
    ("conditional", declared.is_flag, declared.FLAG),
    ("stochastic", declared.is_flag, declared.FLAG),
    ("warmup", declared.is_flag, declared.FLAG),
    ("least_batch", declared.is_count, "a whole number, 1 or more"),
    ("prior", declared.is_function_or_none, declared.FUNCTION_OR_NONE),
    ("learnt", declared.is_function_or_none, declared.FUNCTION_OR_NONE),
    ("adversary", declared.is_function_or_none, declared.FUNCTION_OR_NONE),
)  # fmt: skip

_NETWORK: tuple[declared.Rule, ...] = (
    ("name", declared.is_name, declared.NAME),
    ("build", callable, declared.FUNCTION),
    ("sizes", declared.is_counts, "a tuple of sizes in pixels"),
    ("natural", declared.is_counts, "a tuple of sizes in pixels"),
    ("source", lambda v: v is None or isinstance(v, Source), "a records.Source or None"),
)
