"""A preview of a data set's images on a terminal, in half-block characters."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.color import Color
from rich.padding import Padding
from rich.style import Style
from rich.text import Text

from vaebench.cli import tables

if TYPE_CHECKING:
    from PIL.Image import Image

    from vaebench.data.cards import Card
    from vaebench.download import DownloadEvent

ROWS, COLUMNS = 2, 8
"""Images shown, at most."""

LEAST, MOST = 18, 24
"""Characters that an image is wide, at least where the terminal is wide enough, and at most."""

_INDENT = 2
_HALF = "▀"


class _UnpreparedError(Exception):
    """Stops the unpacking of images: a preview is not worth gigabytes on disk."""


def why_not(found: Card) -> str | None:
    """Says why there can be no preview, or None where there can."""
    if not found.available:
        return "the images are not here"
    console = tables.Terminal()
    instead = "--picture FILE.png writes a sample picture"
    if not tables.is_terminal():
        return f"the output is no terminal; {instead}"
    if console.no_color or console.color_system is None:
        return f"the output has no colours; {instead}"
    if not console.encoding.startswith("utf"):
        return f"the output takes no half blocks; {instead}"
    return None


def preview(name: str, data_dir: str, width: int) -> Padding | Text:
    """Draws the first images of a data set's sample picture.

    Args:
        name: A name that `load_dataset` takes.
        data_dir: Folder of downloaded data sets.
        width: Columns of the terminal.

    Returns:
        The images, or a line where they would have to be unpacked first.

    Raises:
        DataError: The images cannot be read.
    """
    from PIL import Image

    from vaebench.data import load_dataset
    from vaebench.data.cards import sample_picture
    from vaebench.download import prepare

    def stop(event: DownloadEvent) -> None:
        raise _UnpreparedError

    try:
        prepare(name, data_dir, stop)
    except _UnpreparedError:
        return Text("The images are not unpacked yet: --picture FILE.png does that.", style="dim")
    room = width - _INDENT + 1
    columns = min(COLUMNS, max(1, room // (LEAST + 1)))
    side = max(1, min(MOST, room // columns - 1))
    data = load_dataset(name, data_dir)
    with Image.open(io.BytesIO(sample_picture(data, ROWS, columns))) as opened:
        picture = opened.convert("RGB")
    _, high, wide = data.observation_shape
    places = [(column * wide, row * high) for row in range(ROWS) for column in range(columns)]
    tiles = [picture.crop((left, top, left + wide, top + high)) for left, top in places]
    starts = range(0, len(tiles), columns)
    blocks = [half_blocks(tiles[start : start + columns], side) for start in starts]
    return Padding.indent(Text("\n\n").join(blocks), _INDENT)


def half_blocks(images: list[Image], side: int) -> Text:
    """Draws images side by side: a character is two pixels, one above the other.

    Args:
        images: Images of one size, RGB.
        side: Pixels that the longer side is scaled down to, at most.

    Returns:
        Lines of characters, without a newline at the end.
    """
    wide, high = images[0].size
    scale = min(1.0, side / max(wide, high))
    size = max(1, round(wide * scale)), 2 * max(1, round(high * scale / 2))
    pixels = [image.resize(size).tobytes() for image in images]
    text = Text(no_wrap=True)
    for line in range(0, size[1], 2):
        text.append("\n" * (line > 0))
        for place, content in enumerate(pixels):
            text.append(" " * (place > 0))
            for column in range(size[0]):
                starts = [3 * (row * size[0] + column) for row in (line, line + 1)]
                upper, lower = (Color.from_rgb(*content[start : start + 3]) for start in starts)
                text.append(_HALF, Style(color=upper, bgcolor=lower))
    return text
