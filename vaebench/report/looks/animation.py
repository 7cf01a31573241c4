"""Traversals that move: every latent at once, there and back, as a GIF."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from vaebench.report.pictures import Block, mosaic, picture, text_width, write
from vaebench.report.rendering import render

ACROSS = 5
"""Latents side by side."""

MILLISECONDS = 120
"""How long a frame is shown."""

PAUSE = 400
"""The same of the first and the last, where it turns."""

MADE_BY = b"vaebench show"
"""Comment in the file, by which it is known as one that may be replaced."""


def there_and_back(count: int) -> list[int]:
    """Returns the columns of a traversal in the order of its frames, each turn once."""
    return [*range(count), *range(count - 2, 0, -1)]


def gif(block: Block) -> bytes:
    """Animates a traversal: frame by frame its columns, there and back, for ever.

    Args:
        block: A row per latent.

    Returns:
        The GIF; every frame holds a column's tiles, in rows of `ACROSS` latents.
    """
    frames = [_frame(block, column) for column in range(block.tiles.shape[1])]
    order = there_and_back(len(frames))
    turns = {0, len(frames) - 1}
    buffer = io.BytesIO()
    frames[order[0]].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=[frames[place] for place in order[1:]],
        duration=[PAUSE if place in turns else MILLISECONDS for place in order],
        loop=0,
        comment=MADE_BY,
        disposal=1,
    )
    return buffer.getvalue()


def _frame(block: Block, column: int) -> Image.Image:
    parts = []
    for start in range(0, len(block.tiles), ACROSS):
        tiles = block.tiles[start : start + ACROSS, column]
        parts.append(Block("", tiles[None], (), _names(block.row_labels, start, len(tiles))))
    titles = [" · ".join(t for t in (block.title, at) if t) for at in block.column_labels]
    widest = max((text_width(title, bold=True) for title in titles), default=0)
    across = min(len(block.tiles), ACROSS) * _tile_width(block)
    figure, patches = picture(parts, beside=(max(0, widest - across), 0))
    if titles:  # not the block's own, whose width would be the figure's
        write(figure, titles[column], 8, 22, bold=True)
    drawn = render(figure, "frame", patches=patches)
    with Image.open(io.BytesIO(drawn.png)) as image:
        image.load()
        if image.mode == "P":  # every colour as it is
            return image.copy()
        return image.convert("RGB").quantize(256, dither=Image.Dither.NONE)


def _tile_width(block: Block) -> int:
    """Page pixels that a tile takes across, with the line beside it, rounded down."""
    return int(mosaic(Block("", block.tiles[:1, :1])).shape[1]) // 2


def _names(labels: Sequence[str], start: int, count: int) -> list[str]:
    """The latents' names alone: there is no room for more below a tile."""
    return [label.split(" ")[0] for label in labels[start : start + count]]
