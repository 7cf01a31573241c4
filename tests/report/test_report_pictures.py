"""Facts about pictures and bytes: tiles whole, rows in order, colours kept, formats as asked."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tests.report.databases import sprites, tiled
from vaebench.report.pictures import Block, by_variance, cut, labels, mosaic, picture
from vaebench.report.rendering import COLOURS, render
from vaebench.report.style import styled


@pytest.mark.parametrize(("size", "factor"), [(64, 2), (32, 4), (28, 4), (300, 1)])
def test_every_pixel_of_a_tile_is_a_whole_square_in_the_png(size: int, factor: int) -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (6, size, size), dtype=np.uint8)
    found = cut(tiled("samples", tiles, 3))
    assert found is not None
    assert (found[..., 0].reshape(6, size, size) == tiles).all()
    block = Block("CVAE, β = 1", found, ["square", "ellipse"], ["−2", "0", "2"])
    figure, patches = picture([block])
    drawing = render(figure, "x", formats=("png", "pdf"), patches=patches)
    assert b"/Subtype /Image" in drawing.files["pdf"], "the tiles are in other formats too"
    with Image.open(io.BytesIO(drawing.files["png"])) as image:
        pixels = np.asarray(image.convert("RGB"))
    wanted = mosaic(block)
    assert wanted.shape[0] == 2 * size * factor + 2
    height, width = wanted.shape[:2]
    spots = [
        (y, x)
        for y in range(pixels.shape[0] - height + 1)
        for x in range(pixels.shape[1] - width + 1)
        if (pixels[y, x : x + width] == wanted[0]).all()
    ]
    assert len(spots) == factor, "the rows of PNG pixels that one row of a tile becomes"
    y, x = spots[0]
    assert (pixels[y : y + height, x : x + width] == wanted).all()
    outside = pixels.copy()
    outside[y : y + height, x : x + width] = 255
    assert (outside[:4] == 255).all()
    assert (outside[:, -6:] == 255).all()
    assert outside.min() < 100


def test_traversals_are_sorted_by_what_a_latent_carries() -> None:
    """Latent 1 has the greatest KL and is the same for all images: it comes last."""
    tiles = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1, 1).repeat(3, axis=4)
    block = Block("", tiles, ["z0 · KL 0.10", "z1 · KL 15.00", "z2 · KL 2.00"])
    kl, variance = {0: 0.1, 1: 15.0, 2: 2.0}, {0: 0.16, 1: 0.0, 2: 0.81}
    found = by_variance(block, variance, kl)
    rows = ["z2 · sd 0.90 · KL 2.00", "z0 · sd 0.40 · KL 0.10", "z1 · sd 0.00 · KL 15.00"]
    assert found.row_labels == rows
    assert found.tiles[:, 0, 0, 0, 0].tolist() == [2, 0, 1]
    old = by_variance(block, {}, kl)
    assert old.row_labels == ["z1 · KL 15.00", "z2 · KL 2.00", "z0 · KL 0.10"]
    assert old.tiles[:, 0, 0, 0, 0].tolist() == [1, 2, 0]
    assert by_variance(block, {0: 1.0}, {0: 0.1}) is block
    plain = by_variance(block, variance, {})
    assert plain.row_labels[0] == "z2 · sd 0.90"


def test_pictures_that_do_not_fit_their_grid_are_refused() -> None:
    good = tiled("samples", sprites(28)[:4], 2, row_labels=["a"])
    assert cut(good) is not None
    assert cut(type(good)("samples", good.png, 3, 2)) is None
    assert cut(type(good)("samples", good.png[:50], 2, 2)) is None
    assert labels(good, "row_labels", 2) == []
    assert labels(good, "column_labels", 2) == []
    blank = tiled("samples", sprites(28)[:4], 2, row_labels=["", ""], column_labels=["-1", "0"])
    assert labels(blank, "row_labels", 2) == []
    assert labels(blank, "column_labels", 2) == ["−1", "0"]


def test_a_figure_keeps_the_colours_of_its_areas_in_a_small_file() -> None:
    figure = Figure(figsize=(4, 3), dpi=100)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    axes.barh([0, 1], [1, 2], color=["#d55e00", "#0072b2"])
    axes.set_title("Rank correlation of every two metrics")
    with styled():
        drawing = render(figure, "x", formats=("png", "svg", "pdf"), sharp=1.5)
        assert render(figure, "x", formats=("png", "svg", "pdf"), sharp=1.5) == drawing
    assert (drawing.width, drawing.height) == (400, 300)
    assert list(drawing.files) == ["png", "svg", "pdf"]
    assert drawing.files["pdf"].startswith(b"%PDF")
    assert drawing.files["svg"].startswith(b"<?xml")
    assert drawing.png is drawing.files["png"]
    with Image.open(io.BytesIO(drawing.png)) as image:
        assert image.size == (600, 450)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or []}
    assert {(0xD5, 0x5E, 0x00), (0x00, 0x72, 0xB2), (255, 255, 255)} <= colours
    assert len(colours) <= COLOURS
