"""Grids and tables of factors: the way from images to factors and back."""

from __future__ import annotations

import numpy as np
import pytest

from vaebench.data.grid import Grid, ListedFactors
from vaebench.errors import DataError


def test_in_a_grid_the_last_factor_varies_fastest() -> None:
    grid = Grid(("a", "b"), (2, 3))
    assert grid.of(np.arange(6)).tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    assert (grid.index(grid.of(np.arange(6))) == np.arange(6)).all()
    assert grid.complete
    assert grid.index(np.zeros((0, 2), np.int32)).tolist() == []


@pytest.mark.parametrize(
    ("factors", "error", "message"),
    [
        ([[0, 3]], IndexError, "Factor b is 3; it goes from 0 to 2"),
        ([[-1, 0]], IndexError, "Factor a is -1"),
        ([0, 0], ValueError, r"\[N, 2\], not \[2\]"),
        ([[0.0, 1.0]], TypeError, "float64"),
    ],
)
def test_bad_factors_are_named(
    factors: list[list[int]], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Grid(("a", "b"), (2, 3)).index(factors)


def test_a_shuffled_grid_is_found_in_a_table() -> None:
    values = np.random.default_rng(0).permutation(Grid(("a", "b"), (4, 5)).of(np.arange(20)))
    table = ListedFactors(("a", "b"), 10 * values - 7, "x.npz")
    assert table.complete
    assert table.sizes == (4, 5)
    assert (table.of(np.arange(20)) == values).all()
    assert (table.index(values) == np.arange(20)).all()


def test_values_are_numbered_anew() -> None:
    table = ListedFactors(("a",), np.array([[30], [10], [30], [20]], np.uint8), "x.npz")
    assert table.sizes == (3,)
    assert table.of(np.arange(4)).tolist() == [[2], [0], [2], [1]]


@pytest.mark.parametrize(
    "values", [[[0, 0], [0, 1], [1, 0]], [[0, 0], [0, 1], [1, 0], [1, 1], [1, 1]],
               [[0, 0], [0, 1], [1, 0], [1, 0]]]
)  # fmt: skip
def test_without_one_image_for_each_combination_there_is_no_way_back(
    values: list[list[int]],
) -> None:
    table = ListedFactors(("a", "b"), np.array(values), "x.npz")
    assert not table.complete
    assert table.of(np.arange(3)).tolist() == values[:3]
    with pytest.raises(DataError, match=rf"x.npz has {len(values)} images for 4 combinations"):
        table.index([[0, 0]])
