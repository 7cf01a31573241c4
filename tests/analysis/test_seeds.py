from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from vaebench.analysis.tables.seeds import upsets

RNG = np.random.default_rng(20181129)


def brute_force(values: np.ndarray) -> float:
    cells, seeds = values.shape
    won = total = 0.0
    for a, b in product(range(cells), range(cells)):
        for i, j in product(range(seeds), range(seeds)):
            rest = [s for s in range(seeds) if s not in (i, j)]
            if a == b or i == j or np.isnan(values[a, i]) or np.isnan(values[b, j]):
                continue
            first, second = values[a, rest], values[b, rest]
            first, second = first[~np.isnan(first)], second[~np.isnan(second)]
            if not len(first) or not len(second):
                continue
            lead = round(first.mean() - second.mean(), 10)
            if lead <= 0:  # a is the worse cell
                half = 0.5 if lead == 0 else 1.0
                x, y = values[a, i], values[b, j]
                won += half * ((x > y) + (x == y) / 2)
                total += half
    return won / total


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("digits", [1, 6])
def test_upsets_are_the_brute_force_enumeration(missing: float, digits: int) -> None:
    values = (RNG.normal(size=(5, 4)) + np.arange(5)[:, None] / 2).round(digits)
    values[RNG.uniform(size=values.shape) < missing] = np.nan
    won, pairs = upsets(values)
    assert won.sum() / pairs.sum() == pytest.approx(brute_force(values))


def test_upsets_of_noise_alone_are_even_and_of_cells_alone_never() -> None:
    won, pairs = upsets(RNG.normal(size=(20, 30)))
    assert won.sum() / pairs.sum() == pytest.approx(0.5, abs=0.03)
    won, pairs = upsets(np.repeat(np.arange(4.0)[:, None], 3, axis=1))
    assert (won.sum(), pairs.sum()) == (0, 6 * 6)
    won, pairs = upsets(np.ones((4, 3)))
    assert won.sum() / pairs.sum() == 0.5


def test_upsets_of_two_normal_cells_are_the_closed_form() -> None:
    values = RNG.normal(size=(2, 400)) + np.array([[0.0], [1.0]])
    won, pairs = upsets(values)
    assert won.sum() / pairs.sum() == pytest.approx(stats.norm.sf(1 / np.sqrt(2)), abs=0.03)


def test_upsets_need_a_third_seed_and_a_second_cell() -> None:
    assert upsets(RNG.normal(size=(4, 2)))[1].sum() == 0
    assert upsets(RNG.normal(size=(1, 9)))[1].sum() == 0
