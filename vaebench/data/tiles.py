"""Images as the tiles of one picture."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray


def tiled_png(images: NDArray[np.uint8], rows: int, columns: int) -> bytes:
    """Lays images out side by side, without margins.

    Args:
        images: Images [R · K, C, H, W], row after row.
        rows: Rows of images, R.
        columns: Images in a row, K.

    Returns:
        A PNG picture of R · H × K · W pixels.
    """
    from PIL import Image

    _, channels, height, width = images.shape
    grid = images.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    grid = grid.reshape(rows * height, columns * width, channels)
    buffer = io.BytesIO()
    Image.fromarray(grid[..., 0] if channels == 1 else grid).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
