"""How figures look: one colour and marker per model, signs and units, limits and ticks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, cast

import matplotlib as mpl
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator

from vaebench.models import all_models, find_parameter, known_model
from vaebench.records import Measure

LINES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2)))
"""Line styles that tell a model's series apart."""

BROKEN = ((0, (4, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2)))
"""Line styles of series that are level."""

INK = "#1a1a1a"
MUTED = "#5c5c5c"
WIDTH = 10.0
"""Inches across a figure; the page shows it at 1000 px."""

SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "font.family": "DejaVu Sans",
        "font.size": 11.5,
        "axes.titlesize": 12.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titley": 1.0,
        "axes.labelsize": 11.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": MUTED,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "grid.color": "#e4e4e4",
        "grid.linewidth": 0.8,
        "xtick.labelsize": 10.5,
        "ytick.labelsize": 10.5,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "legend.frameon": False,
        "legend.fontsize": 11.5,
        "legend.handlelength": 2.4,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "svg.hashsalt": "vaebench",
        "svg.fonttype": "path",
        "pdf.fonttype": 42,
        "path.simplify": True,
    }
)


@contextmanager
def styled() -> Iterator[None]:
    """Draws and renders in the report's style, whatever the user's own matplotlib settings."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(cast("Any", SETTINGS))
        yield


def colour(model: str) -> str:
    """Returns a model's colour; models without one of their own share a purple."""
    known = known_model(model)
    return "#6a3d9a" if known is None else known.colour


def marker(model: str) -> str:
    """Returns a model's marker."""
    known = known_model(model)
    return "h" if known is None else known.marker


def sign(name: str) -> str:
    """Returns how a hyperparameter is written in figures, what follows `_` in its symbol low."""
    parameter = find_parameter(name)
    if parameter is None or not parameter.symbol:
        return name.replace("_", " ")
    letter, _, low = parameter.symbol.partition("_")
    return rf"${letter}_\mathrm{{{low}}}$" if low else letter


def unit(name: str) -> str:
    """Returns the unit of a hyperparameter, or an empty text."""
    parameter = find_parameter(name)
    return "" if parameter is None else parameter.unit


def signed(text: str) -> str:
    """Writes the hyperparameters that a series' name holds as figures do."""
    models = reversed(all_models())  # where two have a symbol, our own says whose it is
    named = {each.symbol: each.name for model in models for each in reversed(model.parameters)}
    for symbol, name in named.items():
        text = text.replace(symbol, sign(name)) if symbol else text
    return text


def shades(count: int) -> list[str]:
    """Returns colours for that many strengths in order, from dark to light."""
    colours = mpl.colormaps["viridis"]
    return [to_hex(colours(0.88 * i / max(count - 1, 1))) for i in range(count)]


def jitter(count: int) -> list[float]:
    """Spreads points over -1..1 without chance: the same figure every time."""
    golden = 0.6180339887498949
    return [2 * ((i * golden + 0.5) % 1.0) - 1 for i in range(count)] if count > 1 else [0.0]


def series_styles(series: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Gives each series its line style.

    Args:
        series: Pairs (series, model), in order.

    Returns:
        Line style by series: solid for a model's first, broken for the others.
    """
    seen: dict[str, int] = {}
    styles = {}
    for name, model in series:
        if name not in styles:
            number = seen.get(model, 0)
            seen[model] = number + 1
            styles[name] = LINES[number % len(LINES)]
    return styles


def value_ticks(about: Measure, most: int) -> MaxNLocator:
    """Places round ticks, at whole numbers for what is counted."""
    return MaxNLocator(nbins=most, steps=[1, 2, 5, 10], integer=about.unit == "latents")


def value_limits(values: Sequence[float], about: Measure) -> tuple[float, float]:
    """Fits an axis to values, within what the measure can be.

    The axis begins at the measure's least value unless all values lie far from it, and never
    shows less than a tenth of their size, so that noise is not blown up.

    Args:
        values: What must be seen, finite.
        about: The measure.

    Returns:
        Both ends.
    """
    low, high = min(values), max(values)
    if about.high is not None:
        high = min(high, about.high)
    if about.low is not None:
        low = about.low if low < about.low + 0.5 * (high - about.low) else low
    missing = 0.1 * max(abs(low), abs(high)) - (high - low)
    if missing > 0:
        low, high = low - missing / 2, high + missing / 2
    room = 0.06 * (high - low) or 0.05
    start = low - room
    if about.low is not None and start < about.low:
        start = about.low - room / 2
    end = high + room
    return start, end if about.high is None else min(end, about.high + room / 2)
