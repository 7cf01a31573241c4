"""The drawing of dSprites: three outlines and the rule by which a GPU fills them.

dSprites was rendered with LOVE, as white polygons on black without anti-aliasing. Here the same
polygons are filled in whole numbers. The unit is the pixel, x points right and y down:

1. The outline of a shape (`outline`) is scaled by 0.5, 0.6, ..., 1, turned by 2 pi k / 39
   (k = 0 to 39) counter-clockwise as seen on the screen, and moved to 16 + 32 j / 31 (j = 0 to 31)
   in x and in y.
2. Vertices are rounded to 1/256 pixel, the grid of the rasteriser.
3. A pixel is white if its centre lies inside the polygon. A centre on an edge belongs to the
   polygon that lies right of or below that edge.

With r = 9.6 pixels (0.15 of the image) the outlines are

- square: side 2 r;
- ellipse: 100 vertices on half-axes 1.33 r and r / 1.33 (so its area is that of a circle of
  radius r), the first on the long axis;
- heart: 150 vertices of the heart curve x = 16 sin(t)^3, y = 13 cos(t) - 5 cos(2 t) - 2 cos(3 t)
  - cos(4 t), with x divided by 32, y by 29, both times 2 r, and moved 0.15 r upwards.

How sure this is: it draws all 213 genuine frames at hand (every shape and scale, most
orientations, 128 of them hearts at many positions) without a wrong pixel; with these numbers a
grid of 1/128 or 1/512 pixel, or none, does not. Fitted freely to random halves of the frames, with
13 counts of vertices to choose from, the ellipse came out with 100 vertices 5 times in 6, the heart
with 150 always, and the other half had 0 to 8 wrong pixels. The half-axes and the heart's height
and shift have some thousandths of a pixel of room, in which the numbers above are the round ones;
other numbers within it change one pixel in 1 to 5 of 100 images. To which polygon a pixel centre
exactly on an edge belongs is open: no frame at hand shows one, fewer than 1 image in 100 has one.

A row of 64 pixels is one unsigned 64-bit integer, whose bit c (of value 2^c) is column c.

References:
    Matthey, Higgins, Hassabis and Lerchner, "dSprites: Disentanglement testing Sprites dataset",
    2017, https://github.com/google-deepmind/dsprites-dataset
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHAPES = ("square", "ellipse", "heart")
SIZES = (1, 3, 6, 40, 32, 32)
IMAGES = 737_280
WIDTH = 64
BLOCK = 32 * 32
"""Images of one shape, scale and orientation: its positions, which stand in a row."""

_RADIUS = 0.15 * WIDTH
_ELLIPSE_STRETCH = 1.33
_ELLIPSE_VERTICES = 100
_HEART_VERTICES = 150
_SCALES = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
_CENTRES = 16 + 32 * np.arange(32) / 31
_GRID = 256
# Bits c and above, for c = 0 to 64.
_FROM_COLUMN = np.array([(2**WIDTH - 1) >> c << c for c in range(WIDTH + 1)], np.uint64)


def outline(shape: int) -> NDArray[np.float64]:
    """The outline of a shape at full scale, unturned and centred at the origin.

    Args:
        shape: Index into `SHAPES`.

    Returns:
        Vertices [V, 2] in pixels, x right and y down.
    """
    if SHAPES[shape] == "square":
        return _RADIUS * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    if SHAPES[shape] == "ellipse":
        t = 2 * np.pi * np.arange(_ELLIPSE_VERTICES) / _ELLIPSE_VERTICES
        x, y = _ELLIPSE_STRETCH * np.cos(t), np.sin(t) / _ELLIPSE_STRETCH
        return _RADIUS * np.stack([x, y], axis=1)
    t = 2 * np.pi * np.arange(_HEART_VERTICES) / _HEART_VERTICES
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return 2 * _RADIUS * np.stack([x / 32, -y / 29 - 0.075], axis=1)


def vertices(
    shape: int, scale: int, orientation: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A turned and scaled outline at all positions, on the grid of the rasteriser.

    Args:
        shape: 0 to 2.
        scale: 0 to 5.
        orientation: 0 to 39.

    Returns:
        x for each x position and y for each y position, each [V, 32], in 1/256 pixel.
    """
    angle = 2 * np.pi * orientation / 39
    x, y = _SCALES[scale] * outline(shape).T
    turned_x = np.cos(angle) * x + np.sin(angle) * y
    turned_y = np.cos(angle) * y - np.sin(angle) * x
    on_grid_x = np.floor((turned_x[:, None] + _CENTRES) * _GRID + 0.5).astype(np.int64)
    on_grid_y = np.floor((turned_y[:, None] + _CENTRES) * _GRID + 0.5).astype(np.int64)
    return on_grid_x, on_grid_y


def draw(shape: int, scale: int, orientation: int) -> NDArray[np.uint64]:
    """Draws one shape, scale and orientation at all positions.

    In each row of pixels the polygon's edges are crossed from left to right; each crossing turns
    over all pixels from there to the right end of the row, so what lies inside stays white. Which
    edges cross a row depends on y alone, so the 32 positions in x are drawn together.

    Args:
        shape: 0 to 2.
        scale: 0 to 5.
        orientation: 0 to 39.

    Returns:
        Rows of pixels [32, 32, 64], by x, y and row.
    """
    x, y = vertices(shape, scale, orientation)
    next_x, next_y = np.roll(x, -1, axis=0), np.roll(y, -1, axis=0)
    half = _GRID // 2
    # Rows whose centres the edges cross, [V, 32]: a centre on the upper end counts.
    first = (np.minimum(y, next_y) + half - 1) // _GRID
    crossed = (np.maximum(y, next_y) + half - 1) // _GRID - first
    edge, place = np.nonzero(crossed)
    times = crossed[edge, place]
    edge, place = np.repeat(edge, times), np.repeat(place, times)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(times) - times, times)
    row = first[edge, place] + step
    order = np.argsort(place * WIDTH + row, kind="stable")
    edge, place, row = edge[order], place[order], row[order]

    rise = next_y[edge, place] - y[edge, place]
    share = row * _GRID + half - y[edge, place]
    # Exact: the numbers stay far below 2^53, and a division that comes out even is not rounded.
    start = x[edge] - half
    run = next_x[edge] - x[edge]
    across = start * rise[:, None] + share[:, None] * run
    column = np.ceil(across / (_GRID * rise)[:, None]).astype(np.intp)
    new_row = np.r_[True, np.diff(place * WIDTH + row) != 0]
    starts = np.flatnonzero(new_row)
    filled = np.bitwise_xor.reduceat(_FROM_COLUMN[column], starts, axis=0)

    rows = np.zeros((32, 32, WIDTH), np.uint64)
    rows[:, place[starts], row[starts]] = filled.T
    return rows


def draw_all() -> NDArray[np.uint64]:
    """Draws all images in the official order.

    Returns:
        Rows of pixels [737280, 64], 377 MB.
    """
    rows = np.empty((*SIZES[1:4], 32, 32, WIDTH), np.uint64)
    for shape, scale, orientation in np.ndindex(*SIZES[1:4]):
        rows[shape, scale, orientation] = draw(shape, scale, orientation)
    return rows.reshape(IMAGES, WIDTH)


def draw_some(indices: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Draws images of some indices [N] in the official order, each block of positions once.

    Returns:
        Rows of pixels [N, 64].
    """
    blocks, places = np.divmod(indices, BLOCK)
    wanted, which = np.unique(blocks, return_inverse=True)
    drawn = [draw(*map(int, np.unravel_index(block, SIZES[1:4]))) for block in wanted]
    return np.reshape(drawn, (-1, BLOCK, WIDTH))[which, places]
