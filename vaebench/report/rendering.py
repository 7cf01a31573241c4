"""From a figure to bytes: a small PNG for the page, SVG and PDF on demand, the same every time."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

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
        data: Where in it pictures of data are, which a dark page shows as they are: left, top,
            width and height of each, as shares of the figure's.
    """

    name: str
    png: bytes = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)
    width: int
    height: int
    data: Sequence[tuple[float, float, float, float]] = ()

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
    data = [
        (
            patch.left / (SHARP * width),
            patch.top / (SHARP * height),
            patch.pixels.shape[1] / (SHARP * width),
            patch.pixels.shape[0] / (SHARP * height),
        )
        for patch in patches
    ]
    return Drawing(name, png, {kind: files[kind] for kind in formats}, width, height, data)


def _png(figure: Canvas, sharp: float, patches: Sequence[Patch]) -> bytes:
    usual = figure.dpi
    for patch in patches:
        patch.axes.set_visible(False)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if not axis.get_label_text():
                axis.set_label_coords(0, 0)  # else its place is looked for, below all ticks
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
    image = _indexed(drawn.view("<u4")[..., 0] & np.uint32(0xFFFFFF), every=bool(patches))
    buffer = io.BytesIO()
    (Image.fromarray(drawn[..., :3]) if image is None else image).save(buffer, "PNG")
    return buffer.getvalue()


def _indexed(pixels: npt.NDArray[np.uint32], *, every: bool) -> Image.Image | None:
    """Keeps the colours that cover most, those of areas, lines and letters; others go to the next.

    Most pixels are their left neighbour's colour, so that colours are counted by stretch.

    Args:
        pixels: The image as red + 256 green + 65,536 blue [H, W].
        every: None rather than an image that lacks a colour.
    """
    flat = pixels.ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(starts, append=len(flat))
    colours, of_stretch = np.unique(flat[starts], return_inverse=True)
    if every and len(colours) > COLOURS:
        return None
    covered = np.bincount(of_stretch, weights=lengths)
    kept = colours[np.argsort(-covered, kind="stable")[:COLOURS]]
    channels = _channels(kept)
    nearest = np.empty(len(colours), dtype=np.uint8)
    for start in range(0, len(colours), 4096):
        part = _channels(colours[start : start + 4096])
        # |a - b|² without |a|², which is the same for all b; in whole numbers below 2^24.
        apart = (channels**2).sum(axis=1) - 2 * part @ channels.T
        nearest[start : start + 4096] = apart.argmin(axis=1)
    image = Image.fromarray(np.repeat(nearest[of_stretch], lengths).reshape(pixels.shape))
    image.putpalette(channels.astype(np.uint8).tobytes())
    return image


def _channels(colours: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
    """Splits colours into red, green and blue [N, 3]."""
    return np.stack([colours >> n & 255 for n in (0, 8, 16)], axis=1).astype(np.float32)
