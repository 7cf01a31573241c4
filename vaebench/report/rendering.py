"""From a figure to bytes: a small PNG for the page, SVG and PDF on demand, the same every time."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from PIL import Image

FORMATS = ("png", "svg", "pdf")
"""Formats that figures can be written in."""

SHARP = 2.0
"""Pixels of a PNG to one of the page, across and down."""

COLOURS = 256
"""Colours that a figure's PNG keeps; all of a picture's are kept."""

_METADATA: Mapping[str, Mapping[str, str | None]] = MappingProxyType(
    {
        "svg": {"Date": None, "Creator": "vaebench"},
        "pdf": {"CreationDate": None, "Creator": "vaebench", "Producer": "vaebench"},
    }
)


@dataclass(frozen=True)
class Patch:
    """Pixels that are in the PNG as they are: drawing them would take longer than all the rest.

    Attributes:
        axes: What draws them in other formats.
        pixels: The pixels, uint8 [H, W, 3].
        left: Pixels of the PNG on their left, at `SHARP`.
        top: Pixels of the PNG above them.
    """

    axes: Axes
    pixels: npt.NDArray[np.uint8]
    left: int
    top: int


@dataclass(frozen=True)
class Drawing:
    """A finished figure.

    Attributes:
        name: File name without its ending.
        png: What the page shows.
        files: Its bytes by format, those that were asked for.
        width: Width on the page, CSS pixels.
        height: Height on the page, CSS pixels.
    """

    name: str
    png: bytes = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)
    width: int
    height: int

    @property
    def source(self) -> str:
        """The figure as a data URI, for the page."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


def render(
    figure: Canvas,
    name: str,
    *,
    formats: Sequence[str] = ("png",),
    sharp: float = SHARP,
    patches: Sequence[Patch] = (),
) -> Drawing:
    """Renders a figure to bytes that depend on nothing but the figure.

    Args:
        figure: The figure; its pixels per inch are those of the page.
        name: File name without its ending.
        formats: File formats wanted, of `FORMATS`.
        sharp: Pixels of the PNG to one of the page.
        patches: Pixels that the PNG shall hold as they are; then it keeps every colour.

    Returns:
        The drawing.
    """
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    width, height = (round(inches * figure.dpi) for inches in figure.get_size_inches())
    files = {}
    for kind in sorted({*formats} - {"png"}):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, metadata=dict(_METADATA[kind]))
        files[kind] = buffer.getvalue()
    png = _png(figure, sharp, patches)
    if "png" in formats:
        files["png"] = png
    return Drawing(name, png, {kind: files[kind] for kind in formats}, width, height)


def _png(figure: Canvas, sharp: float, patches: Sequence[Patch]) -> bytes:
    usual = figure.dpi
    for patch in patches:
        patch.axes.set_visible(False)
    figure.dpi = usual * sharp
    try:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        drawn = np.array(canvas.buffer_rgba())
    finally:
        figure.dpi = usual
        for patch in patches:
            patch.axes.set_visible(True)
    for patch in patches:
        height, width = patch.pixels.shape[:2]
        place = slice(patch.top, patch.top + height), slice(patch.left, patch.left + width)
        drawn[..., :3][place] = patch.pixels
    pixels = drawn.view("<u4")[..., 0] & np.uint32(0xFFFFFF)
    seen = np.zeros(1 << 24, dtype=np.bool_)
    seen[pixels] = True
    colours = np.flatnonzero(seen)
    if len(colours) <= COLOURS or not patches:
        image = _indexed(pixels, colours)
    else:
        image = Image.fromarray(np.stack([pixels >> 8 * n & 255 for n in range(3)], 2, dtype="u1"))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _indexed(pixels: npt.NDArray[Any], colours: npt.NDArray[np.intp]) -> Image.Image:
    """Keeps the colours that cover most, those of areas, lines and letters; others go to the next.

    What covers most is told by every ninth pixel.

    Args:
        pixels: The image as red + 256 green + 65,536 blue [H, W].
        colours: Those that it has, ascending.
    """
    kept = colours
    if len(colours) > COLOURS:
        sampled, counts = np.unique(pixels[1::3, 1::3], return_counts=True)
        kept = sampled[np.argsort(-counts, kind="stable")[:COLOURS]].astype(np.intp)
    channels = np.stack([kept >> 8 * n & 255 for n in range(3)], axis=1)
    nearest = np.empty(len(colours), dtype=np.uint8)
    for start in range(0, len(colours), 4096):
        part = colours[start : start + 4096]
        apart = np.stack([part >> 8 * n & 255 for n in range(3)], axis=1)[:, None] - channels
        nearest[start : start + 4096] = np.einsum("nkc,nkc->nk", apart, apart).argmin(axis=1)
    place = np.zeros(1 << 24, dtype=np.uint8)
    place[colours] = nearest
    image = Image.fromarray(place[pixels])
    image.putpalette(channels.astype(np.uint8).tobytes())
    return image
