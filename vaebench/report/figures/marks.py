"""Points with intervals, bands and violins, drawn many at a time and never beyond a range."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from vaebench.records import Measure

Numbers = npt.NDArray[np.float64]

VIOLIN = 8
"""Fewer runs than this are points alone: a violin of them would be an invention."""

GAP = 0.25
"""Share of the range of runs from which a gap between neighbours is one."""

REACH = 2.5
"""Bandwidths from the nearest run beyond which a violin is not drawn: it bridges no gap."""


def dots(
    axes: Axes,
    places: Sequence[float] | Numbers,
    values: Sequence[float] | Numbers,
    lows: Sequence[float] | Numbers,
    highs: Sequence[float] | Numbers,
    *,
    hue: str,
    mark: str = "o",
    filled: bool = True,
    size: float = 6.5,
    upright: bool = False,
) -> None:
    """Draws values with their intervals; an interval beyond the axis ends in an arrow head.

    Args:
        axes: The panel; its limits along the values must be set.
        places: Where each stands on the other axis.
        values: The values.
        lows: Lower ends, NaN for none.
        highs: Upper ends, NaN for none.
        hue: Colour.
        mark: Marker.
        filled: Whether the marker is filled.
        size: Of the marker, points.
        upright: Whether values are up the panel; else they are along it.
    """
    at = np.asarray(places, dtype=float)
    low, high = (np.asarray(end, dtype=float) for end in (lows, highs))
    least, most = sorted(axes.get_ylim() if upright else axes.get_xlim())
    known = np.isfinite(low) & np.isfinite(high)
    draw = axes.vlines if upright else axes.hlines
    if known.any():
        ends = np.clip(low[known], least, most), np.clip(high[known], least, most)
        draw(at[known], *ends, color=hue, linewidth=2.0 if filled else 1.0, zorder=2.5)
    for beyond, edge, head in (
        (known & (low < least), least, "v" if upright else "<"),
        (known & (high > most), most, "^" if upright else ">"),
    ):
        if beyond.any():
            edges = np.full(int(beyond.sum()), edge)
            xy = (at[beyond], edges) if upright else (edges, at[beyond])
            axes.plot(*xy, linestyle="none", marker=head, color=hue, markersize=5, clip_on=False)
    points = np.asarray(values, dtype=float)
    axes.plot(
        *((at, points) if upright else (points, at)),
        linestyle="none",
        marker=mark,
        color=hue,
        markerfacecolor=hue if filled else "white",
        markeredgewidth=1.0,
        markersize=size,
        clip_on=False,
        zorder=3.2 if filled else 3.4,
    )


def band_of(values: Numbers) -> tuple[float, float, float]:
    """Returns the median of a cell's runs and the band they are in.

    Args:
        values: The runs, finite.

    Returns:
        Median, lower and upper end: all runs, and from 10 runs on the middle 80 %; NaN without
        runs.
    """
    if not len(values):
        return math.nan, math.nan, math.nan
    ends = (0.0, 1.0) if len(values) < 10 else (0.1, 0.9)
    low, middle, high = np.quantile(values, [ends[0], 0.5, ends[1]])
    return float(middle), float(low), float(high)


def within(limits: tuple[float, float], about: Measure) -> tuple[float, float]:
    """Keeps an axis within what a figure can be, with a little room for marks on the edge."""
    low, high = limits
    room = 0.03 * (high - low)
    if about.low is not None:
        low = max(low, about.low - room)
    if about.high is not None:
        high = min(high, about.high + room)
    return low, high


def limits(values: Sequence[float] | Numbers, about: Measure | None = None) -> tuple[float, float]:
    """Fits an axis to finite values with a little room, within what they can be."""
    kept = np.asarray(values, dtype=float)
    kept = kept[np.isfinite(kept)]
    if not len(kept):
        return 0.0, 1.0
    low, high = float(kept.min()), float(kept.max())
    room = 0.06 * (high - low) or 0.05 * max(abs(low), 1e-3)
    ends = low - room, high + room
    return ends if about is None else within(ends, about)


def density(values: Numbers, points: int = 60) -> tuple[Numbers, Numbers]:
    """Estimates how dense runs lie, for a violin that bridges no gap.

    A Gaussian kernel from the least run to the greatest, with Silverman's robust bandwidth of the
    runs less the means of the groups that gaps of more than `GAP` of their range set apart; 0
    where the nearest run is more than `REACH` bandwidths away.

    Args:
        values: The runs [n], finite and not all the same.
        points: Number of points.

    Returns:
        Where it was estimated and the density there, the greatest 1.
    """
    ordered = np.sort(values)
    steps = np.diff(ordered)
    group = np.concatenate([[0], np.cumsum(steps > GAP * (ordered[-1] - ordered[0]))])
    means = np.bincount(group, ordered) / np.bincount(group)
    rest = ordered - means[group]
    quarters = np.quantile(rest, [0.25, 0.75])
    spreads = [s for s in (rest.std(ddof=1), (quarters[1] - quarters[0]) / 1.34) if s > 0]
    width = 0.9 * min(spreads, default=float(steps.max())) * len(values) ** -0.2
    places = np.linspace(values.min(), values.max(), points)
    far = (places[:, None] - values) / width
    found = np.exp(-0.5 * far**2).sum(axis=1)
    found[np.abs(far).min(axis=1) > REACH] = 0.0
    return places, found / found.max()


def violins(
    axes: Axes,
    places: Sequence[float],
    runs: Sequence[Numbers],
    hues: Sequence[str],
    *,
    width: float = 0.42,
) -> list[bool]:
    """Draws upright violins of those runs that are enough for one.

    Args:
        axes: The panel.
        places: Where each stands along the panel.
        runs: Finite values of each.
        hues: Colour of each.
        width: Half the width of a violin at its widest.

    Returns:
        Which of them have a violin.
    """
    shapes, faces, have = [], [], []
    for place, values, hue in zip(places, runs, hues, strict=True):
        enough = len(values) >= VIOLIN and len(np.unique(values)) >= VIOLIN // 2
        have.append(enough)
        if not enough:
            continue
        heights, share = density(np.asarray(values, dtype=float))
        for part in np.split(np.arange(len(share)), np.flatnonzero(np.diff(share > 0)) + 1):
            if share[part[0]] > 0:
                right = np.column_stack([place + width * share[part], heights[part]])
                left = np.column_stack([place - width * share[part], heights[part]])
                shapes.append(np.concatenate([right, left[::-1]]))
                faces.append(hue)
    axes.add_collection(
        PolyCollection(shapes, facecolors=faces, alpha=0.3, linewidths=0), autolim=False
    )
    return have
