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
    values = (RNG.normal(size=(5, 5)) + np.arange(5)[:, None] / 2).round(digits)
    values[RNG.uniform(size=values.shape) < missing] = np.nan
    found = upsets(values, np.array([0, 0, 1, 2, 3]))
    expected = [brute_force(values[:, kept]) for kept in ([0, 1, 2, 3, 4], [2, 3, 4], [0, 1, 3, 4],
                                                          [0, 1, 2, 4], [0, 1, 2, 3])]  # fmt: skip
    assert found == pytest.approx(expected)


def share(values: np.ndarray) -> float:
    return float(upsets(values, np.arange(values.shape[1]))[0])


def test_upsets_of_noise_alone_are_even_and_of_cells_alone_never() -> None:
    assert share(RNG.normal(size=(20, 30))) == pytest.approx(0.5, abs=0.03)
    assert share(np.repeat(np.arange(4.0)[:, None], 3, axis=1)) == 0
    assert share(np.ones((4, 3))) == 0.5
    assert share(np.zeros((4, 3))) == 0.5


def test_upsets_of_two_normal_cells_are_the_closed_form() -> None:
    values = RNG.normal(size=(2, 60)) + np.array([[0.0], [1.0]])
    expected = np.mean([stats.norm.sf(1 / np.sqrt(2))])
    assert share(values) == pytest.approx(expected, abs=0.08)
    spread = stats.norm.ppf((np.arange(60) + 0.5) / 60)
    assert share(np.stack([spread, RNG.permutation(spread) + 1])) == pytest.approx(
        expected, abs=0.01
    )


def test_upsets_need_a_third_seed_and_a_second_cell() -> None:
    assert np.isnan(share(RNG.normal(size=(4, 2))))
    assert np.isnan(share(RNG.normal(size=(1, 9))))
