"""Facts about intervals and explained variance: closed forms, least squares, permutations."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from vaebench.analysis import mean_interval, r_squared, run_interval, summarise

RNG = np.random.default_rng(0)
MODELS = ["a"] * 7 + ["b"] * 9 + ["c"] * 4
CELLS = [f"{m}{i % 3}" for i, m in enumerate(MODELS)]
VALUES = RNG.standard_normal(20) + np.array([{"a": 0, "b": 1, "c": 3}[m] for m in MODELS])


def least_squares_r2(values: np.ndarray, groups: list[str]) -> float:
    design = pd.get_dummies(pd.Series(groups)).to_numpy(dtype=float)
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return 1 - ((values - fitted) ** 2).sum() / ((values - values.mean()) ** 2).sum()


def test_interval_of_three_values_is_the_textbooks() -> None:
    found = mean_interval([1.0, 2.0, 3.0])
    assert found is not None
    assert found.mean == 2.0
    assert found.runs == 3
    assert found.half_width == pytest.approx(4.302652730 / math.sqrt(3))
    assert found.low == pytest.approx(2.0 - 4.302652730 / math.sqrt(3))


def test_interval_covers_the_true_mean_in_95_of_100_cases() -> None:
    draws = np.random.default_rng(1).normal(5.0, 2.0, (4000, 3))
    found = [mean_interval(row) for row in draws]
    covered = [f is not None and f.low is not None and f.low <= 5.0 <= f.high for f in found]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.012)


def test_folds_widen_the_interval_by_nadeau_and_bengio() -> None:
    """Of 5 folds: (1/5 + 1/4) s² instead of s²/5."""
    plain, folded = (
        mean_interval([1.0, 2.0, 4.0, 3.0, 5.0]),
        mean_interval([1.0, 2.0, 4.0, 3.0, 5.0], folds=5),
    )
    assert plain is not None
    assert folded is not None
    assert folded.mean == plain.mean
    assert folded.half_width == pytest.approx(plain.half_width * 1.5)
    assert folded.half_width == pytest.approx(2.776445105 * math.sqrt(2.5 * (1 / 5 + 1 / 4)))


def test_corrected_interval_covers_means_of_folds_where_students_does_not() -> None:
    """The correction takes folds to correlate by 1/k: for normal figures it is then exact."""
    covariance = np.full((5, 5), 1 / 5) + np.diag(np.full(5, 4 / 5))
    draws = np.random.default_rng(4).multivariate_normal(np.full(5, 3.0), covariance, 4000)
    held = {}
    for folds in (None, 5):
        found = [mean_interval(row, folds=folds) for row in draws]
        held[folds] = np.mean(
            [f is not None and f.low is not None and f.low <= 3.0 <= f.high for f in found]
        )
    assert held[5] == pytest.approx(0.95, abs=0.012)
    assert held[None] < 0.87


def test_runs_of_folds_are_averaged_over_seeds_first() -> None:
    frame = pd.DataFrame(
        {
            "fold": [0.0, 1.0, 2.0] * 2,
            "folds": 3.0,
            "seed": [0] * 3 + [1] * 3,
            "mig": [1.0, 2.0, 3.0, 3.0, 4.0, 5.0],
        }
    )
    found = run_interval(frame, "mig")
    expected = mean_interval([2.0, 3.0, 4.0], folds=3)
    assert found is not None
    assert expected is not None
    assert (found.mean, found.low, found.runs) == (expected.mean, expected.low, 6)
    seeds = frame.assign(fold=math.nan, folds=math.nan)
    assert run_interval(seeds, "mig") == mean_interval(frame["mig"])
    summary = summarise(frame.assign(model="a"), ["model"], ["mig"])
    assert summary["mig_low"].tolist() == [expected.low]
    assert summary["runs"].tolist() == [6]


def test_single_run_has_a_mean_and_no_interval() -> None:
    found = mean_interval([None, 4.0, math.nan, math.inf])
    assert found is not None
    assert (found.mean, found.low, found.high, found.half_width, found.runs) == (
        4,
        None,
        None,
        None,
        1,
    )


def test_no_value_has_no_mean() -> None:
    assert mean_interval([]) is None
    assert mean_interval([None, math.nan]) is None


@pytest.mark.parametrize("groups", [MODELS, CELLS, [f"{i // 2}" for i in range(20)]])
def test_r_squared_is_that_of_least_squares_on_unbalanced_groups(groups: list[str]) -> None:
    found = r_squared(VALUES.tolist(), groups)
    assert found is not None
    assert found.value == pytest.approx(least_squares_r2(VALUES, groups), abs=1e-12)
    assert found.groups == len(set(groups))


def test_balanced_groups_explain_their_sums_of_squares_of_nested_anova() -> None:
    values = np.random.default_rng(2).standard_normal((2, 4, 3)) + np.arange(8).reshape(2, 4, 1)
    names = [(m, (m, s)) for m in range(2) for s in range(4) for _ in range(3)]
    model, cell = (r_squared(values.ravel().tolist(), [n[i] for n in names]) for i in (0, 1))
    assert model is not None
    assert cell is not None
    total = ((values - values.mean()) ** 2).sum()
    between = 12 * ((values.mean((1, 2)) - values.mean()) ** 2).sum() / total
    strength = 3 * ((values.mean(2) - values.mean((1, 2))[:, None]) ** 2).sum() / total
    seed = ((values - values.mean(2, keepdims=True)) ** 2).sum() / total
    assert model.value == pytest.approx(between)
    assert cell.value - model.value == pytest.approx(strength)
    assert 1 - cell.value == pytest.approx(seed)


def test_chance_is_what_shuffled_groups_explain_and_adjusted_is_then_nothing() -> None:
    rng = np.random.default_rng(3)
    found = [r_squared(rng.permutation(VALUES).tolist(), CELLS) for _ in range(1500)]
    values = [f.value for f in found if f is not None]
    adjusted = [f.adjusted for f in found if f is not None and f.adjusted is not None]
    groups = len(set(CELLS))
    assert found[0] is not None
    assert found[0].chance == (groups - 1) / 19
    assert np.mean(values) == pytest.approx(found[0].chance, abs=0.012)
    assert np.mean(adjusted) == pytest.approx(0.0, abs=0.02)


def test_constant_metric_explains_nothing_and_is_no_division_by_zero() -> None:
    assert r_squared([10.0] * 6, list("aabbcc")) is None
    assert r_squared([0.1 + 0.2, 0.3, 0.3], list("abc")) is None


def test_too_few_runs_explain_nothing() -> None:
    assert r_squared([], []) is None
    assert r_squared([1.0], ["a"]) is None


def test_one_run_per_group_leaves_nothing_to_adjust_by() -> None:
    values = [1.0, 2.0, 4.0, 3.0]
    cell, model = (r_squared(values, groups) for groups in (["a1", "a2", "b1", "b2"], list("aabb")))
    assert cell is not None
    assert (cell.value, cell.chance, cell.adjusted) == (1.0, 1.0, None)
    assert model is not None
    assert model.value == pytest.approx(4.0 / 5.0)


def test_one_group_explains_nothing() -> None:
    found = r_squared([1.0, 2.0, 5.0, 6.0], ["a"] * 4)
    assert found is not None
    assert (found.value, found.chance) == (0.0, 0.0)


def test_summary_keeps_order_and_groups_without_a_strength() -> None:
    frame = pd.DataFrame(
        {
            "model": ["z", "z", "a", "a", "a"],
            "strength": [math.nan, math.nan, 4.0, 4.0, 1.0],
            "mig": [0.1, 0.3, 0.5, 0.5, math.nan],
        }
    )
    found = summarise(frame, ["model", "strength"], ["mig"])
    assert found["model"].tolist() == ["z", "a", "a"]
    assert found["runs"].tolist() == [2, 2, 1]
    assert found["mig_mean"].tolist()[:2] == pytest.approx([0.2, 0.5])
    assert found["mig_low"].tolist()[1] == found["mig_high"].tolist()[1] == 0.5
    assert math.isnan(found["mig_mean"][2])
    assert summarise(frame.iloc[:0], ["model"], ["mig"]).columns.tolist() == [
        "model", "runs", "mig_mean", "mig_low", "mig_high"
    ]  # fmt: skip
