"""Ways through the latents of one run: traversals with their matrix, between images, attributes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vaebench.report.looks import matrix
from vaebench.report.pictures import Block, Tiles, cut, picture
from vaebench.report.rendering import Patch
from vaebench.report.showcase import Shown, block_of

KINDS = ("marginal", "interpolation", "attributes")
"""Pictures of ways, in the order to show them."""

Drawn = tuple[Figure, list[Patch]]


def draw(run: Shown, kind: str, title: str = "") -> Drawn | None:
    """Draws one of `KINDS`.

    Args:
        run: The run.
        kind: Which picture.
        title: Set above it; the run's own where it is empty.

    Returns:
        The figure and its tiles; None where the run has no such picture that can be read.
    """
    block = block_of(run, kind)
    if block is None:
        return None
    title = title or block.title
    if kind == "marginal":
        tables = matrix.known(run.artifacts[kind].detail)
        room = matrix.size(tables)
        figure, patches = picture([replace(block, title=title)], beside=room)
        if tables:
            right = figure.get_size_inches()[0] * figure.dpi - room[0]
            matrix.draw(figure, tables, right + 10, 8)
        return figure, patches
    ends = _originals(run)
    detail = run.artifacts[kind].detail
    columns = list(block.column_labels)
    tiles = block.tiles
    if kind == "interpolation":
        pairs = _places(detail.get("pairs"), len(tiles), 2, ends)
        if pairs is not None and ends is not None:
            first, last = (ends[[pair[side] for pair in pairs]][:, None] for side in (0, 1))
            tiles = np.concatenate([first, tiles, last], axis=1)
            columns = ["image", *columns, "image"]
    else:
        images = _places(detail.get("images"), len(tiles), 1, ends)
        if images is not None and ends is not None:
            tiles = np.concatenate([ends[[each[0] for each in images]][:, None], tiles], axis=1)
            columns = ["image", *columns]
    return picture([Block(title, tiles, block.row_labels, columns)])


def _originals(run: Shown) -> Tiles | None:
    """The images themselves [K, H, W, 3]: what is above the reconstructions."""
    artifact = run.artifacts.get("reconstructions")
    tiles = None if artifact is None else cut(artifact)
    return None if tiles is None else tiles[0]


def _places(found: Any, rows: int, width: int, images: Tiles | None) -> list[list[int]] | None:
    """Reads which images rows are of, `width` of each; None where that cannot be."""
    if images is None or not isinstance(found, list) or len(found) != rows:
        return None
    lists = [each if isinstance(each, list) else [each] for each in found]
    known = range(len(images))
    sound = all(len(each) == width and all(n in known for n in each) for each in lists)
    return lists if sound else None
