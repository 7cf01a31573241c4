"""The records of all figures of a run by name, and which of them are looked at together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import is_not
from typing import overload

from vaebench import metrics, outcome
from vaebench.metrics.unsupervised import UNSUPERVISED as DEPENDENCE
from vaebench.records import Measure


class _Columns(Mapping[str, Measure]):
    """Figures with a column, looked up whenever they are asked for: plug-ins may have come."""

    def __init__(self) -> None:
        self._known: tuple[metrics.Metric, ...] = ()
        self._found: Mapping[str, Measure] = {}

    def __getitem__(self, name: str) -> Measure:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> Mapping[str, Measure]:
        known = metrics.all_metrics()
        if len(known) != len(self._known) or any(map(is_not, known, self._known)):
            every = (*outcome.FIT, *metrics.all_measures(), *outcome.TIMES)
            self._known, self._found = known, {one.name: one for one in every if one.column}
        return self._found


class Names(Sequence[str]):
    """Names of figures, looked up whenever they are asked for: plug-ins may have come.

    Args:
        now: Returns them.
    """

    def __init__(self, now: Callable[[], tuple[str, ...]]) -> None:
        self._now = now

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        return self._now()[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())


MEASURES: Mapping[str, Measure] = _Columns()
"""All figures with a column of their own, in the order to show them."""

FIT = tuple(one.name for one in outcome.FIT)
"""How well the model fits the data: the terms of its objective."""

TIMES = tuple(one.name for one in outcome.TIMES)
"""What a run cost."""

STUDY = (
    "beta_vae_score",
    "factor_vae_score",
    "mig",
    "dci_disentanglement",
    "modularity",
    "sap",
)
"""The six disentanglement metrics of Locatello et al. 2019, in the order of their figures."""

SUPERVISED = Names(
    lambda: tuple(n for n, one in MEASURES.items() if one.needs in {"factors", "grid", "labels"})
)
"""Scores of the mean representation that need ground-truth factors, or labels."""

CORRELATION = tuple(one.name for one in DEPENDENCE.measures)
"""How far latents depend on each other: no labels needed, and no direction is the better one."""

ERROR = "_error"
"""What the column of a score's standard error ends with: its evaluation's own, not over seeds."""

OF_PLUGINS = Names(
    lambda: tuple(
        one.name
        for one in metrics.all_measures()[len(metrics.MEASURES) :]
        if one.column and one.needs is None
    )
)
"""Scores of plug-ins that need no labels."""

_LABEL_FREE = (*FIT, *CORRELATION, "udr", *(f"{metrics.SAMPLED}{name}" for name in CORRELATION))

UNSUPERVISED = Names(lambda: (*_LABEL_FREE, *OF_PLUGINS))
"""What is known of a run without labels, and could choose a model."""

_OWN = {one.name: one for one in (*outcome.FIT, *metrics.MEASURES, *outcome.TIMES)}


def measure(name: str) -> Measure:
    """Looks a figure up; one without a proper name is called by its column's."""
    if known := _OWN.get(name):
        return known
    if name.startswith(metrics.SAMPLED):
        mean = measure(name.removeprefix(metrics.SAMPLED))
        return replace(mean, name=name, title=f"{mean.title}, sampled")
    if name.endswith(ERROR):
        own = measure(name.removesuffix(ERROR))
        return replace(own, name=name, title=f"standard error of {own.title}", low=0.0, high=None)
    for one in metrics.all_measures()[len(metrics.MEASURES) :]:
        if one.name == name:
            return one
    return Measure(name=name, title=name.replace("_", " ").capitalize())
