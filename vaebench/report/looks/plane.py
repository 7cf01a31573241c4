"""A model of two latents whole: codes of test images by class, and the plane decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vaebench.report.pictures import Tiles, cut, panel, write
from vaebench.report.rendering import Patch
from vaebench.report.showcase import Shown
from vaebench.report.style import INK, MUTED

Codes = npt.NDArray[np.float32]

_DPI = 100
_SIDE = 430
_EDGE = 8
_HEAD = 30
_LEFT = 64
_BOTTOM = 44
_LEGEND = 118
_FEW = 10
"""Classes that are told apart by colour alone; of more, colours come from a scale."""


def draw(run: Shown, codes: Codes | None, title: str = "") -> tuple[Figure, list[Patch]] | None:
    """Draws the decoded plane, beside the codes where they are stored.

    Args:
        run: The run.
        codes: Codes of the examples that every run on the data encodes [N, 2], or None.
        title: Set above it; the run's own where it is empty.

    Returns:
        The figure and its tiles; None where the run has no such picture that can be read.
    """
    artifact = run.artifacts.get("plane")
    tiles = None if artifact is None else cut(artifact)
    if artifact is None or tiles is None:
        return None
    ends = _ends(artifact.detail)
    canvas = _whole(tiles)
    height, width = canvas.shape[0] // 2, canvas.shape[1] // 2
    scattered = codes is not None and ends is not None and codes.shape[1] == 2
    begin = _EDGE + _LEFT + (_SIDE + _LEGEND + 20 + _LEFT if scattered else 0)
    size = (begin + width + _EDGE, _HEAD + max(height, _SIDE * scattered) + _BOTTOM + _EDGE)
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI)
    write(figure, title or run.title, _EDGE, _EDGE + 14, bold=True)
    if ends is not None:
        frame = panel(figure, begin, _HEAD, width, height)
        frame.set(xlim=ends[0], ylim=ends[1], xlabel="$z_0$", ylabel="$z_1$")
        if scattered:
            write(figure, "decoded, within the dashed frame", begin, _EDGE + 14, ink=MUTED)
    axes = panel(figure, begin, _HEAD, width, height)
    axes.imshow(canvas, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    patches = [Patch(axes, canvas, 2 * begin, 2 * _HEAD)]
    if codes is not None and ends is not None and scattered:
        place = panel(figure, _EDGE + _LEFT, _HEAD, _SIDE, _SIDE)
        _scatter(place, codes, artifact.detail, ends)
    return figure, patches


def _scatter(
    axes: Axes, codes: Codes, detail: Mapping[str, Any], ends: npt.NDArray[np.float64]
) -> None:
    names, classes = detail.get("class_names"), detail.get("classes")
    fits = isinstance(names, list) and isinstance(classes, list) and len(classes) == len(codes)
    of = np.array(classes) if fits else np.zeros(len(codes), dtype=np.int64)
    said = list(names) if fits and isinstance(names, list) else [""]
    scale = mpl.colormaps["tab10" if len(said) <= _FEW else "viridis"]
    for place, name in enumerate(said):
        tone = scale(place) if len(said) <= _FEW else scale(place / (len(said) - 1))
        mine = codes[of == place]
        axes.scatter(mine[:, 0], mine[:, 1], s=9, color=tone, linewidths=0, label=str(name)[:18])
    if len(said) > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2.2, fontsize=9.5,
                    handletextpad=0.2, borderpad=0)  # fmt: skip
    low, high = np.quantile(codes, [0.002, 0.998], axis=0)
    low, high = np.minimum(low, ends[:, 0]), np.maximum(high, ends[:, 1])
    room = 0.04 * (high - low)
    axes.set_xlim(low[0] - room[0], high[0] + room[0])
    axes.set_ylim(low[1] - room[1], high[1] + room[1])
    corner, extent = ends[:, 0], ends[:, 1] - ends[:, 0]
    axes.add_patch(Rectangle((corner[0], corner[1]), extent[0], extent[1], fill=False,
                             edgecolor=INK, linestyle=(0, (4, 2)), linewidth=1))  # fmt: skip
    axes.set(xlabel="$z_0$", ylabel="$z_1$")
    axes.tick_params(colors=MUTED)


def _ends(detail: Mapping[str, Any]) -> npt.NDArray[np.float64] | None:
    """Reads where both latents begin and end, [2, 2]; None where that is not said."""
    try:
        found = np.array([detail["low"], detail["high"]], dtype=np.float64).T
    except (KeyError, TypeError, ValueError):
        return None
    sound = found.shape == (2, 2) and np.isfinite(found).all() and (found[:, 0] < found[:, 1]).all()
    return found if sound else None


def _whole(tiles: Tiles) -> Tiles:
    """Joins the tiles, enlarged by a whole factor, an even number of pixels across and down."""
    rows, columns, height, width, _ = tiles.shape
    canvas = tiles.swapaxes(1, 2).reshape(rows * height, columns * width, 3)
    factor = max(1, round(2 * _SIDE / max(canvas.shape)))
    canvas = canvas.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.pad(canvas, ((0, canvas.shape[0] % 2), (0, canvas.shape[1] % 2), (0, 0)), "edge")
