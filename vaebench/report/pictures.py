"""Pictures made of tiles, with labels: reconstructions, samples and latent traversals."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from PIL import Image, UnidentifiedImageError

from vaebench.outcome import Artifact
from vaebench.report.rendering import Patch
from vaebench.report.style import INK, MUTED

Tiles = npt.NDArray[np.uint8]

_DPI = 100
_FINE = 2
_SIDE = 60
_GAP = 2
_TEXT = 10.5
_TITLE = 11.5
_LINE = 17
_SEPARATOR = 168
_EDGE = 8
_SPACE = 18


@dataclass(frozen=True)
class Block:
    """A labelled grid of tiles.

    Attributes:
        title: Set above the grid.
        tiles: uint8 [rows, columns, height, width, 3].
        row_labels: Set to the left of each row; empty for none.
        column_labels: Set above each column; empty for none.
    """

    title: str
    tiles: Tiles
    row_labels: Sequence[str] = ()
    column_labels: Sequence[str] = ()


def cut(artifact: Artifact) -> Tiles | None:
    """Cuts an artifact into its tiles.

    Returns:
        uint8 [rows, columns, height, width, 3], or None where the picture cannot be read or
        its size is no multiple of its rows and columns.
    """
    try:
        with Image.open(io.BytesIO(artifact.png)) as image:
            pixels = np.asarray(image.convert("RGB"), dtype=np.uint8)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None
    rows, columns = artifact.rows, artifact.columns
    if rows < 1 or columns < 1 or pixels.shape[0] % rows or pixels.shape[1] % columns:
        return None
    height, width = pixels.shape[0] // rows, pixels.shape[1] // columns
    if height == 0 or width == 0:
        return None
    return pixels.reshape(rows, height, columns, width, 3).swapaxes(1, 2)


def labels(artifact: Artifact, name: str, count: int) -> list[str]:
    """Reads `row_labels` or `column_labels`; none where all are blank or their number is wrong."""
    found = artifact.detail.get(name)
    if not isinstance(found, Sequence) or isinstance(found, str) or len(found) != count:
        return []
    if not any(found):
        return []
    return [re.sub(r"^-(?=[\d.])", "−", str(label)) for label in found]


def by_variance(block: Block, variance: Mapping[int, float], kl: Mapping[int, float]) -> Block:
    """Sorts a traversal's rows by what their latent carries, most first, and writes it to them.

    Args:
        block: A row per latent, labelled `z3`, or `z3` and more.
        variance: Variance of each latent's posterior mean over images, by its index.
        kl: KL of each latent in nats; rows are sorted by it where variances are not known.

    Returns:
        The sorted block; rows stay as they are where neither is known of all.
    """
    names = [label.removeprefix("z").split(" ")[0] for label in block.row_labels]
    latents = [int(text) for text in names if text.isdigit()]
    known = [each for each in (variance, kl) if all(latent in each for latent in latents)]
    if not latents or len(latents) < len(names) or not known:
        return block
    order = sorted(range(len(latents)), key=lambda row: (-known[0][latents[row]], row))
    said = block.row_labels
    if variance in known:
        said = [f"z{n} · sd {variance[n] ** 0.5:.2f}" for n in latents]
        if kl in known:
            said = [f"{text} · KL {kl[n]:.2f}" for text, n in zip(said, latents, strict=True)]
    rows = [said[row] for row in order]
    return Block(block.title, block.tiles[order], rows, block.column_labels)


def mosaic(block: Block) -> Tiles:
    """Joins a block's tiles, enlarged by a whole factor, with thin grey lines between them.

    Returns:
        uint8 [height, width, 3], in the pixels of a PNG (two to a pixel of the page).
    """
    rows, columns, height, width, _ = block.tiles.shape
    factor = _factor(height, width)
    large = block.tiles.repeat(factor, axis=2).repeat(factor, axis=3)
    height, width = height * factor, width * factor
    shape = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3)
    canvas = np.full(shape, _SEPARATOR, dtype=np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + _GAP), column * (width + _GAP)
            canvas[top : top + height, left : left + width] = large[row, column]
    return canvas


def picture(
    blocks: Sequence[Block], beside: tuple[int, int] = (0, 0)
) -> tuple[Figure, list[Patch]]:
    """Sets blocks below each other, with their labels.

    Every pixel of a tile is a whole square of pixels in the PNG: nothing is smoothed.

    Args:
        blocks: What to show.
        beside: Width and height that are left free on the right, page pixels.

    Returns:
        The figure, and its tiles as patches for the PNG.
    """
    left = max(max((text_width(t) + 8 for t in b.row_labels), default=0) for b in blocks)
    plans = [_plan(block, left) for block in blocks]
    width = 2 * _EDGE + max(plan.width for plan in plans) + beside[0]
    height = sum(plan.height for plan in plans) + (len(plans) - 1) * _SPACE
    height = 2 * _EDGE + max(height, beside[1])
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    top = _EDGE
    patches = []
    for plan in plans:
        patches.append(_draw(figure, plan, _EDGE, top))
        top += plan.height + _SPACE
    return figure, patches


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Adds axes by page pixels, counted from the top left."""
    wide, high = (inches * _DPI for inches in figure.get_size_inches())
    return figure.add_axes((left / wide, 1 - (top + height) / high, width / wide, height / high))


@dataclass(frozen=True)
class _Plan:
    block: Block
    canvas: Tiles
    left: int
    top: int
    width: int
    height: int


def _plan(block: Block, left: int) -> _Plan:
    canvas = mosaic(block)
    canvas = np.pad(canvas, ((0, canvas.shape[0] % 2), (0, canvas.shape[1] % 2), (0, 0)), "edge")
    top = 22 + (_LINE + 3 if block.column_labels else 0)
    width = max(left + canvas.shape[1] // _FINE, text_width(block.title, bold=True))
    return _Plan(block, canvas, left, top, width, top + canvas.shape[0] // _FINE)


def _draw(figure: Figure, plan: _Plan, x: int, y: int) -> Patch:
    rows, columns = plan.block.tiles.shape[:2]
    height, width = plan.canvas.shape[0] // _FINE, plan.canvas.shape[1] // _FINE
    left, top = x + plan.left, y + plan.top
    axes = panel(figure, left, top, width, height)
    axes.imshow(plan.canvas, interpolation="nearest", aspect="auto")
    axes.set_axis_off()

    write(figure, plan.block.title, x, y + 14, bold=True)
    for row, label in enumerate(plan.block.row_labels):
        middle = top + (row + 0.5) * height / rows
        write(figure, label, left - 8 - text_width(label), middle + 5)
    for column, label in enumerate(plan.block.column_labels):
        middle = left + (column + 0.5) * width / columns
        write(figure, label, middle - text_width(label) / 2, top - 5, ink=MUTED)
    return Patch(axes, plan.canvas, _FINE * left, _FINE * top)


def _factor(height: int, width: int) -> int:
    """Enlarges tiles to about `_SIDE` page pixels, by a whole number of PNG pixels."""
    return max(1, round(_FINE * _SIDE / max(height, width)))


def write(
    figure: Figure, text: str, x: float, y: float, *, bold: bool = False, ink: str = INK
) -> None:
    """Writes a line of text from the page pixel (x, y) on, counted from the top left.

    Letters are drawn as outlines: PDF files then need no fonts, which take longer to embed than
    all the rest of a picture.
    """
    if not text:
        return
    height = figure.get_size_inches()[1]
    place = Affine2D().scale(1 / 72).translate(x / _DPI, height - y / _DPI)
    outline = PathPatch(
        _outline(text, bold), facecolor=ink, linewidth=0, transform=place + figure.dpi_scale_trans
    )
    figure.add_artist(outline)


@lru_cache(maxsize=4096)
def text_width(text: str, *, bold: bool = False) -> int:
    """Measures a line of text in page pixels."""
    if not text:
        return 0
    return int(_outline(text, bold).get_extents().x1 * _DPI / 72) + 2


@lru_cache(maxsize=4096)
def _outline(text: str, bold: bool) -> TextPath:
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return TextPath((0, 0), text, size=_TITLE if bold else _TEXT, prop=font)
