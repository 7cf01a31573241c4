"""All pictures of one run as files: PNG and SVG, and GIF of what moves."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace

from vaebench.report.looks import plane, walks
from vaebench.report.looks.animation import MADE_BY, gif
from vaebench.report.pictures import Block, picture
from vaebench.report.rendering import Drawing, render
from vaebench.report.showcase import TITLES, Shown, block_of
from vaebench.report.style import styled

TITLED: Mapping[str, str] = {
    **TITLES,
    "marginal": "Traversals over the fitted marginal",
    "interpolation": "Between two images",
    "attributes": "Attributes added step by step",
    "plane": "The plane of two latents",
}
"""What each picture is called, in the order to look at them."""

MOVING = ("traversals", "marginal")
"""Pictures that are animated too."""

_SIGNATURE = 8


def portrait(run: Shown, codes: plane.Codes | None) -> tuple[dict[str, bytes], list[str]]:
    """Draws all the pictures of a run.

    Args:
        run: The run.
        codes: Its codes of the examples that every run on the data encodes, or None.

    Returns:
        Files by name, `KIND.png`, `KIND.svg` and `KIND.gif`; and what cannot be read, as
        sentences.
    """
    files: dict[str, bytes] = {}
    unreadable = []
    with styled():
        places = {kind: place for place, kind in enumerate(TITLED)}
        for kind in sorted(run.artifacts, key=lambda kind: places.get(kind, len(places))):
            title = f"{TITLED.get(kind, kind)} · {run.title}"
            block = block_of(run, kind)
            if block is None:
                unreadable.append(f"The picture {kind} of {run.title} cannot be read.")
                continue
            block = replace(block, title=title)
            drawing = _drawing(run, kind, block, codes)
            files[f"{kind}.png"] = marked(drawing.files["png"])
            files[f"{kind}.svg"] = drawing.files["svg"].replace(b"<svg ", _MARK + b"<svg ", 1)
            if kind in MOVING:
                files[f"{kind}.gif"] = gif(block)
    return files, unreadable


def _drawing(run: Shown, kind: str, block: Block, codes: plane.Codes | None) -> Drawing:
    found = None
    if kind in walks.KINDS:
        found = walks.draw(run, kind, block.title)
    elif kind == "plane":
        found = plane.draw(run, codes, block.title)
    figure, patches = found or picture([block])
    return render(figure, kind, formats=("png", "svg"), patches=patches)


_MARK = b"<!-- " + MADE_BY + b" -->\n"


def marked(png: bytes) -> bytes:
    """Writes into a PNG who made it, after its header, so that `is_own` knows it again."""
    text = b"tEXtSoftware\0" + MADE_BY
    chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
    end = _SIGNATURE + 12 + int.from_bytes(png[_SIGNATURE : _SIGNATURE + 4], "big")
    return png[:end] + chunk + png[end:]


def is_own(start: bytes) -> bool:
    """Says by a file's first bytes whether `portrait` made it."""
    return MADE_BY in start
