"""What a metric is to an evaluation: records of its scores, and the function that computes them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

from vaebench import declared
from vaebench.declared import Record, first_problem
from vaebench.errors import VaebenchError
from vaebench.outcome import FIT, TIMES, Score
from vaebench.records import Measure

if TYPE_CHECKING:
    from vaebench.metrics.information import Weights
    from vaebench.metrics.points import Points, Sampler, Split

SAMPLED = "sampled_"
"""What a score of the sampled representation begins with; without it, it is of the mean."""


@dataclass(frozen=True, kw_only=True)
class Metric(Record):
    """A metric, of one score or of several that come together.

    One of its functions is given, or none for a metric of a whole cell. Each returns the scores in
    the order of `measures`, and raises DataError where the data do not allow them.

    Attributes:
        measures: Records of its scores.
        resampled: Of a sample whose points count as often as the weights say (once each for None),
            so that an interval can be bootstrapped. All such metrics share the resamples.
        of_sample: Of a sample that is not resampled.
        of_split: Of what is learnt on some points and tested on others.
        drawn: Of images drawn by their factors.
    """

    kind: ClassVar[str] = "score"
    group: ClassVar[str] = "vaebench.scores"

    measures: tuple[Measure, ...]
    resampled: Callable[[Points, Weights | None], list[Score]] | None = None
    of_sample: Callable[[Points], list[Score]] | None = None
    of_split: Callable[[Split], list[Score]] | None = None
    drawn: Callable[[Sampler], list[Score]] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its scores."""
        return tuple(measure.name for measure in self.measures)

    def problem(self) -> str | None:
        """Says which field, or which of a score's, has a value that it does not take."""
        wrong = first_problem(self, _METRIC)
        for each in () if wrong else self.measures:
            wrong = wrong or first_problem(each, _MEASURE)
        if wrong or len(set(self.names)) < len(self.names):
            return wrong or "measures has a name twice"
        given = [name for name in _FUNCTIONS if getattr(self, name) is not None]
        if len(given) != 1:
            return f"of {', '.join(_FUNCTIONS)} there must be one, and there are {len(given)}"
        tier, needs = ("all" if given[0] == "of_split" else "core"), _NEEDS[given[0]]
        for each in self.measures:
            if each.tier != tier:
                return f"tier of {each.name} is {each.tier!r}: with {given[0]} it must be {tier!r}"
            if each.needs not in needs:
                words = " or ".join(map(repr, needs))
                return f"needs of {each.name} is {each.needs!r}: with {given[0]} it must be {words}"
        return None


def as_declared(metric: Metric, found: Iterable[Score]) -> list[Score]:
    """Makes sure that what a metric's function returned are its scores, each a number or None.

    Args:
        metric: The metric.
        found: What its function returned.

    Raises:
        VaebenchError: They are not; whoever wrote the metric can mend that.
    """
    asked = ", ".join(metric.names)
    if not isinstance(found, Sequence) or not all(isinstance(one, Score) for one in found):
        raise _wrong(asked, f"returned {declared.shortened(found)}")
    if tuple(one.name for one in found) != metric.names:
        raise _wrong(asked, f"returned those of {', '.join(str(one.name) for one in found)}")
    for one in found:
        if one.value is not None and not _is_finite(one.value):
            raise _wrong(asked, f"returned {declared.shortened(one.value)} for {one.name}")
    return [one if type(one.value) is float else _plain(one) for one in found]


def _plain(score: Score) -> Score:
    """A score whose value is Python's own float, or None."""
    return replace(score, value=None if score.value is None else float(score.value))


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and not declared.is_flag(value) and math.isfinite(value)


def _wrong(asked: str, what: str) -> VaebenchError:
    return VaebenchError(
        f"The function of the score {asked} {what}: it must return a list of Score, in the order "
        "of its measures, each with a finite number, or None and a note on why."
    )


_RESERVED = {one.name for one in (*FIT, *TIMES)} | set(
    "job_key training_key cell setting dataset model parameters strength_name strength beta seed "
    "steps batch_size learning_rate weight_decay latent_dim network likelihood "
    "warmup_steps initialisation precision eval_size scores dci solver folds fold device threads "
    "host git_commit finished_at model_title series cell_label".split()
)
"""Other columns of `results` and of tables of runs."""

_BEGINNINGS = (SAMPLED, "kl_latent_", "downstream_")
"""What other figures of a run begin with."""

_NEEDS: Mapping[str, tuple[str | None, ...]] = {
    "resampled": ("factors", "labels", None),
    "of_sample": ("factors", "labels", None),
    "of_split": ("factors",),
    "drawn": ("grid",),
}
_FUNCTIONS = tuple(_NEEDS)


def _is_score(value: Any) -> bool:
    if not isinstance(value, str) or re.fullmatch("[a-z][a-z0-9_]{0,51}", value) is None:
        return False
    return value not in _RESERVED and not value.startswith(_BEGINNINGS) and value[-6:] != "_error"


_METRIC: tuple[declared.Rule, ...] = (
    (
        "measures",
        lambda v: v != () and all(isinstance(one, Measure) for one in tuple(v)),
        "a tuple of records.Measure, one or more",
    ),
    *((name, declared.is_function_or_none, declared.FUNCTION_OR_NONE) for name in _FUNCTIONS),
)

_MEASURE: tuple[declared.Rule, ...] = (
    ("name", _is_score, f"{declared.NAME.replace('32', '52')}, and not the one of a column"),
    ("title", declared.is_text, declared.TEXT),
    ("short", lambda v: v == "" or declared.is_text(v), declared.TEXT),
    ("unit", lambda v: v == "" or declared.is_text(v), declared.TEXT),
    ("better", lambda v: v in ("higher", "lower", None), "'higher', 'lower' or None"),
    ("low", lambda v: v is None or declared.is_number(v), "a number or None"),
    ("high", lambda v: v is None or declared.is_number(v), "a number or None"),
    ("digits", lambda v: declared.is_count(v, 0), "a whole number, 0 or more"),
    ("needs", lambda v: v in ("factors", "grid", "labels", None), "'factors', 'grid', 'labels' "
     "or None"),
    ("tier", lambda v: v in ("core", "all"), "'core' or 'all'"),
    ("column", declared.is_flag, declared.FLAG),
)  # fmt: skip
