"""Looks of plug-ins' models: two may have chosen the same colour or marker, and figures cannot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from vaebench.records import MARKERS, Model

COLOURS = (
    *("#117733", "#aa4499", "#999933", "#ee3377", "#44aa99", "#6699cc"),
    *("#661100", "#bb5566", "#004488", "#ddaa33", "#882255", "#225555"),
)
"""Colours for models whose own is taken; none of vaebench's models has one of them."""


@lru_cache(maxsize=8)
def told_apart(own: tuple[Model, ...], others: tuple[Model, ...]) -> tuple[Model, ...]:
    """Gives plug-ins' models whose colour or marker is taken another one, in their order.

    Two plug-ins know nothing of each other, and neither is wrong: so a look that is taken keeps
    nobody from using both. Where all are taken, two share one.

    Args:
        own: Vaebench's models, which keep their looks.
        others: Those of plug-ins.

    Returns:
        All of them.
    """
    found = list(own)
    for model in others:
        colours = {each.colour.lower() for each in found}
        markers = {each.marker for each in found}
        colour = _free(model.colour.lower(), COLOURS, colours)
        marker = _free(model.marker, MARKERS, markers)
        same = (colour, marker) == (model.colour, model.marker)
        found.append(model if same else replace(model, colour=colour, marker=marker))
    return tuple(found)


def _free(wanted: str, others: Iterable[str], taken: set[str]) -> str:
    return next((each for each in (wanted, *others) if each not in taken), wanted)
