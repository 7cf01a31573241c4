from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from vaebench.analysis.tables.choosing import (
    choice_against_chance,
    chosen,
    standing,
)

RNG = np.random.default_rng(20190609)


def brute_force(source: np.ndarray, target: np.ndarray, same_metric: bool) -> float:
    """Enumerates every choice and every drawn cell, one by one."""
    metrics, cells, seeds = source.shape
    common = [
        k for k in range(cells)
        if not np.isnan(source[:, k]).all() and not np.isnan(target[:, k]).all()
    ]  # fmt: skip
    won = total = 0.0
    for m, n, i, j in product(range(metrics), range(metrics), range(seeds), range(seeds)):
        if (m == n) is not same_metric or i == j:
            continue
        seen = [k for k in common if not np.isnan(source[m, k, i])]
        top = [k for k in seen if source[m, k, i] == max(source[m, q, i] for q in seen)]
        field = [k for k in common if not np.isnan(target[n, k, j])]
        for k in top:
            if k not in field:
                continue
            mine = target[n, k, j]
            wins = [(mine > target[n, q, j]) + (mine == target[n, q, j]) / 2 for q in field]
            won += sum(wins) / len(wins) / len(top)
            total += 1 / len(top)
    return won / total


@pytest.mark.parametrize("same_metric", [True, False])
@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("digits", [1, 6])
def test_choice_is_the_brute_force_enumeration(
    same_metric: bool, missing: float, digits: int
) -> None:
    source, target = RNG.uniform(size=(2, 3, 5, 4)).round(digits)
    for scores in (source, target):
        scores[RNG.uniform(size=scores.shape) < missing] = np.nan
    if missing:
        source[:, 0] = np.nan
        target[:, 4] = np.nan
    won, total = choice_against_chance(source, target, same_metric=same_metric)
    assert won.sum() / total.sum() == pytest.approx(brute_force(source, target, same_metric))
    own, all_own = choice_against_chance(source, source, same_metric=same_metric)
    assert own.sum() / all_own.sum() == pytest.approx(brute_force(source, source, same_metric))


def test_choice_is_what_drawing_as_in_the_paper_converges_to() -> None:
    source = RNG.uniform(size=(3, 8, 5)) + np.linspace(0, 1, 8)[:, None]
    won, total = choice_against_chance(source, source, same_metric=True)
    wins, draws = 0.0, 10_000
    for _ in range(draws):
        m = RNG.integers(3)
        i, j = RNG.choice(5, 2, replace=False)
        mine = source[m, np.argmax(source[m, :, i]), j]
        other = source[m, RNG.integers(8), j]
        wins += (mine > other) + (mine == other) / 2
    assert won.sum() / total.sum() == pytest.approx(wins / draws, abs=4 * 0.5 / np.sqrt(draws))


def test_choice_of_cells_that_differ_without_noise_is_certain_but_for_the_tie_with_itself() -> None:
    scores = np.broadcast_to(np.arange(6.0)[None, :, None], (2, 6, 3))
    won, total = choice_against_chance(scores, scores, same_metric=True)
    assert won.sum() / total.sum() == pytest.approx(1 - 1 / 12)


def test_choice_among_noise_is_chance() -> None:
    scores = RNG.normal(size=(6, 36, 50))
    for same in (True, False):
        won, total = choice_against_chance(scores, scores, same_metric=same)
        assert won.sum() / total.sum() == pytest.approx(0.5, abs=0.02)


def test_choice_depends_on_ranks_alone() -> None:
    scores = RNG.uniform(size=(3, 5, 4)).round(1)
    for same in (True, False):
        before = choice_against_chance(scores, scores, same_metric=same)
        after = choice_against_chance(np.exp(3 * scores), scores, same_metric=same)
        assert before[0] == pytest.approx(after[0])


def test_data_sets_without_a_common_cell_have_nothing_to_compare() -> None:
    source, target = np.full((2, 4, 3), np.nan), np.full((2, 4, 3), np.nan)
    source[:, :2], target[:, 2:] = 1.0, 1.0
    _, total = choice_against_chance(source, target, same_metric=True)
    assert total.sum() == 0


def test_ties_share_the_choice_and_standing_averages_to_a_half() -> None:
    scores = np.array([[[1.0], [3.0], [3.0], [np.nan]]])
    assert chosen(scores)[0, :, 0].tolist() == [0, 0.5, 0.5, 0]
    found = standing(scores)[0, :, 0]
    assert found[:3] == pytest.approx([1 / 6, 2 / 3, 2 / 3])
    assert np.isnan(found[3])
    assert found[:3].mean() == pytest.approx(0.5)
