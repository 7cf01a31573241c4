"""DCI: concentrations by hand, known codes, and the fast trees against scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from tests.metrics.representations import drawn, grid, kinds, spread
from vaebench.metrics import dci
from vaebench.metrics.boosting import boosted_trees
from vaebench.metrics.dci import concentration

SIZES = (2, 4, 6)


def parts(name, sizes=SIZES, rows=1_500, seed=0):
    rng = np.random.default_rng(seed)
    factors = drawn(sizes, rows, rng)
    codes = kinds(factors, sizes, rng)[name]
    half = 2 * rows // 3
    return codes[:half], factors[:half], codes[half:], factors[half:]


def test_concentration_by_hand():
    assert concentration(np.eye(3)) == pytest.approx(1.0, abs=1e-8)
    assert concentration(np.ones((4, 3))) == pytest.approx(0.0, abs=1e-8)
    assert concentration(np.zeros((4, 3))) == 0.0
    assert concentration(np.ones((4, 1))) is None
    # Two columns of three alike: 1 - log 2 / log 3; weighted 3 : 1 with a row on one column.
    table = np.array([[1.5, 1.5, 0.0], [0.0, 0.0, 1.0]])
    expected = 0.75 * (1 - math.log(2) / math.log(3)) + 0.25
    assert concentration(table) == pytest.approx(expected, abs=1e-8)
    assert concentration(table[:, [2, 0, 1]][::-1]) == pytest.approx(expected, abs=1e-8)
    # A dead row has no weight.
    dead = np.vstack([table, np.zeros(3)])
    assert concentration(dead) == pytest.approx(expected, abs=1e-8)


def test_a_perfect_code():
    factors = grid(SIZES, repeats=10)
    codes = np.column_stack([spread(factors, SIZES), np.full(len(factors), 0.1)])
    result = dci(codes, factors, codes, factors)
    assert result.disentanglement == pytest.approx(1.0, abs=1e-6)
    # One of four dimensions for each factor.
    assert result.completeness == pytest.approx(1.0, abs=1e-6)
    assert result.informativeness_train == result.informativeness_test == 1.0
    np.testing.assert_allclose(result.importances, np.eye(4)[:, :3], atol=1e-6)
    assert result.test_hits.all()


def test_noise_knows_nothing():
    train, truth, test, wanted = parts("noise")
    result = dci(train, truth, test, wanted)
    assert result.disentanglement < 0.05
    assert result.completeness < 0.05
    chance = np.mean([1 / size for size in SIZES])
    assert abs(result.informativeness_test - chance) < 4 * math.sqrt(0.25 / len(test))
    assert result.informativeness_train > result.informativeness_test


@pytest.mark.parametrize("name", ["perfect", "noisy", "doubled", "noise", "outliers", "dead"])
def test_the_fast_trees_agree_with_scikit_learn(name):
    data = parts(name, sizes=(3, 5), rows=900)
    fast, slow = dci(*data), dci(*data, method="reference")
    for field in (
        "disentanglement",
        "completeness",
        "informativeness_train",
        "informativeness_test",
    ):
        assert getattr(fast, field) == pytest.approx(getattr(slow, field), abs=0.02), field


def test_the_reference_is_scikit_learn():
    train, truth, test, wanted = parts("noisy", rows=450)
    fit = boosted_trees(train, truth[:, 1], test, wanted[:, 1], method="reference", seed=3)
    model = GradientBoostingClassifier(random_state=3).fit(train, truth[:, 1])
    np.testing.assert_allclose(fit.importances, model.feature_importances_, atol=1e-12)
    assert fit.test_hits.mean() == model.score(test, wanted[:, 1])
    assert fit.train_hits.mean() == model.score(train, truth[:, 1])


def test_twins_share_their_importance():
    """Equal splits must not all go to the first of two equal dimensions."""
    rng = np.random.default_rng(1)
    factors = drawn((6,), 600, rng)
    code = spread(factors, (6,)) + 0.1 * rng.normal(size=(600, 1))
    twins, labels = np.column_stack([code, code]), factors[:, 0]
    fit = boosted_trees(twins, labels, twins, labels)
    assert fit.importances.sum() == pytest.approx(1.0)
    assert 0.35 < fit.importances[0] < 0.65


@pytest.mark.parametrize("copies", [2, 3])
@pytest.mark.parametrize("side_by_side", [False, True])
def test_copies_of_a_perfect_code_have_the_completeness_of_equal_shares(copies, side_by_side):
    """k of D dimensions share a factor's importance equally: 1 - log k / log D, wherever they are
    and whatever sign they have."""
    sizes = (3, 10, 20)
    factors = drawn(sizes, 3_000, np.random.default_rng(2))
    signed = [factors * (-1) ** copy for copy in range(copies)]
    codes = np.stack(signed, axis=2 if side_by_side else 1).reshape(3_000, -1).astype(float)
    expected = 1 - math.log(copies) / math.log(3 * copies)
    found = [
        dci(codes[:2_000], factors[:2_000], codes[2_000:], factors[2_000:], seed=seed)
        for seed in range(3)
    ]
    assert all(result.disentanglement == pytest.approx(1.0, abs=1e-6) for result in found)
    for result in found:
        assert result.completeness == pytest.approx(expected, abs=0.02)


def test_places_of_values_do_not_matter():
    """Trees see only the order of values, so any increasing map of the codes gives the same."""
    train, truth, test, wanted = parts("noisy", rows=600)
    expected = dci(train, truth, test, wanted)
    mapped = dci(np.exp(train), truth, np.exp(test), wanted)
    np.testing.assert_allclose(mapped.importances, expected.importances, atol=1e-12)
    assert mapped.informativeness_train == expected.informativeness_train
    renamed = dci(train, 100 - 7 * truth[:, ::-1], test, 100 - 7 * wanted[:, ::-1])
    assert renamed.disentanglement == pytest.approx(expected.disentanglement, abs=0.02)
    assert renamed.completeness == pytest.approx(expected.completeness, abs=0.02)


def test_dead_dimensions_change_nothing():
    train, truth, test, wanted = parts("noisy", rows=600)

    def padded(codes):
        return np.column_stack([np.full(len(codes), 0.1), codes, np.zeros(len(codes))])

    expected = dci(train, truth, test, wanted)
    result = dci(padded(train), truth, padded(test), wanted)
    assert result.disentanglement == pytest.approx(expected.disentanglement, abs=1e-12)
    np.testing.assert_array_equal(result.importances[1:-1], expected.importances)
    assert not result.importances[[0, -1]].any()


@pytest.mark.parametrize("method", ["histogram", "reference"])
def test_nothing_but_dead_dimensions(method):
    factors = np.column_stack([np.arange(100) % 5 > 1, np.arange(100) % 4 > 0]).astype(int)
    dead = np.full((100, 3), 0.1)
    result = dci(dead, factors, dead, factors, method=method)
    assert result.disentanglement == result.completeness == 0.0
    # The commonest value: 0.6 and 0.75.
    assert result.informativeness_test == pytest.approx((0.6 + 0.75) / 2)


@pytest.mark.parametrize("method", ["histogram", "reference"])
def test_factors_of_which_no_split_tells_anything(method):
    """On a balanced grid a factor that is not encoded has no split that lowers the error."""
    factors = grid((3, 4, 5), repeats=5)
    codes = np.zeros((len(factors), 6))
    codes[:, :2] = factors[:, :2]
    result = dci(codes, factors, codes, factors, method=method)
    assert result.informativeness_test == pytest.approx((1 + 1 + 1 / 5) / 3)
    np.testing.assert_allclose(result.importances[:2, :2], np.eye(2), atol=1e-9)
    if method == "histogram":
        assert not result.importances[:, 2].any()


def test_nothing_to_split_in_the_first_tree_and_something_later():
    """Two classes in balance at first; where residuals then differ, trees go on."""
    codes = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    labels = np.array([[0, 0], [1, 1], [1, 0], [0, 1]])
    result = dci(codes, labels, codes, labels)
    assert result.informativeness_test == pytest.approx((0.5 + 1) / 2)
    np.testing.assert_allclose(result.importances, [[0, 0], [0, 1]], atol=1e-9)


def test_codes_count_as_float32_as_scikit_learn_has_them():
    train, truth, test, wanted = parts("noisy", rows=450)
    far, away = train + 1e7, test + 1e7
    rounded = dci(far.astype(np.float32), truth, away.astype(np.float32), wanted)
    result, reference = (
        dci(far, truth, away, wanted, method=method) for method in ("histogram", "reference")
    )
    np.testing.assert_array_equal(result.importances, rounded.importances)
    assert result.disentanglement == pytest.approx(reference.disentanglement, abs=0.05)
    assert abs(result.disentanglement - dci(train, truth, test, wanted).disentanglement) > 0.1


def test_one_factor_or_one_dimension():
    train, truth, test, wanted = parts("noisy", rows=300)
    alone = dci(train, truth[:, :1], test, wanted[:, :1])
    assert alone.disentanglement is None
    assert "one factor" in alone.notes["disentanglement"]
    assert alone.completeness is not None
    single = dci(train[:, :1], truth, test[:, :1], wanted)
    assert single.completeness is None
    assert "one dimension" in single.notes["completeness"]


def test_values_that_training_lacks_are_missed():
    factors = grid((2, 3), repeats=20)
    codes = spread(factors, (2, 3))
    unseen = np.where(factors == 0, 9, factors)
    result = dci(codes, factors, codes, unseen)
    assert result.informativeness_test == pytest.approx((0.5 + 2 / 3) / 2)
