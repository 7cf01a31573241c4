"""UDR by hand, on permuted copies, and against a slow plain version."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Lasso

from tests.metrics.representations import rotation
from vaebench.errors import DataError
from vaebench.metrics import udr
from vaebench.metrics.udr import relative_strength


def orthonormal(rows, dims, seed=0):
    """Columns of mean 0 and variance 1 that are exactly uncorrelated."""
    raw = np.random.default_rng(seed).normal(size=(rows, dims))
    basis = np.linalg.qr(raw - raw.mean(axis=0))[0]
    return basis * np.sqrt(rows)


def test_relative_strength_by_hand():
    assert relative_strength(np.eye(4)) == 1.0
    assert relative_strength(0.5 * np.eye(3)[:, [1, 2, 0]]) == pytest.approx(0.5)
    # Columns: 1 / 1, 0.25 / 0.75; rows: 1 / 1.25, 0.25 / 0.5.
    table = np.array([[1.0, 0.25], [0.0, 0.5]])
    assert relative_strength(table) == pytest.approx(((1 + 1 / 3) / 2 + (0.8 + 0.5) / 2) / 2)
    # One row, two columns: columns 0.6 and 0.4, row 0.36 / 1.
    wide = np.array([[0.6, 0.4]])
    assert relative_strength(wide) == pytest.approx((0.5 + 0.36) / 2)
    assert relative_strength(wide, pooled=True) == pytest.approx((0.6 + 0.4 + 0.36) / 3)
    assert relative_strength(np.zeros((2, 2))) == 0.0


def test_copies_up_to_order_sign_and_scale():
    """A Lasso of penalty 0.1 on orthonormal columns shrinks each weight from 1 to 0.9."""
    codes = orthonormal(400, 4)
    twin = codes[:, [2, 0, 3, 1]] * [1, -5, 0.1, -1] + [0, 3, 0, 0]
    result = udr([codes, twin, -codes])
    np.testing.assert_allclose(result.scores, 0.9, atol=1e-6)
    assert (np.diag(result.pairwise) == 0).all()
    spearman = udr([codes, twin, -codes], similarity="spearman")
    assert (spearman.scores > 0.7).all()


@pytest.mark.parametrize("similarity", ["lasso", "spearman"])
def test_a_rotated_model_ranks_last(similarity):
    rng = np.random.default_rng(1)
    truth = rng.uniform(-1, 1, size=(1_000, 5))
    agreeing = [truth[:, rng.permutation(5)] * rng.choice([-1, 1], 5) for _ in range(4)]
    blurred = [codes + 0.05 * rng.normal(size=codes.shape) for codes in agreeing]
    result = udr([*blurred, truth @ rotation(5)], similarity=similarity)
    assert result.scores.argmin() == 4
    assert result.scores[:4].min() > result.scores[4] + 0.3


@pytest.mark.parametrize("similarity", ["lasso", "spearman"])
def test_against_a_plain_version(similarity):
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(300, 4))
    models = [truth @ rng.normal(size=(4, 5)) + rng.normal(size=(300, 5)) for _ in range(4)]
    kl = [rng.choice([0.001, 2.0], size=5, p=[0.3, 0.7]) for _ in range(4)]
    result = udr(models, kl, similarity=similarity)
    standard = [(codes - codes.mean(0)) / codes.std(0) for codes in models]
    for j in range(4):
        against = []
        for i in range(4):
            if i == j:
                continue
            table = np.zeros((5, 5))
            for b in range(5):
                if similarity == "lasso":
                    silent = np.where(kl[i] > 0.01, standard[i], 0.0)
                    model = Lasso(alpha=0.1).fit(silent, standard[j][:, b])
                    table[:, b] = np.abs(model.coef_)
                else:
                    for a in range(5):
                        table[a, b] = abs(spearmanr(models[i][:, a], models[j][:, b])[0])
            table = table[kl[i] > 0.01][:, kl[j] > 0.01]
            halves = [
                np.mean([max(row) ** 2 / sum(row) if sum(row) else 0.0 for row in rows])
                for rows in (table, table.T)
            ]
            against.append(sum(halves) / 2)
            assert result.pairwise[i, j] == pytest.approx(against[-1], abs=1e-6)
        assert result.scores[j] == pytest.approx(np.median(against), abs=1e-6)


def test_uninformative_dimensions_are_left_out():
    codes = orthonormal(400, 3)
    noise = np.random.default_rng(3).normal(size=(400, 2))
    padded = [np.column_stack([codes, noise[:, :1]]), np.column_stack([noise[:, 1:], codes])]
    kl = [[1.0, 1.0, 1.0, 0.001], [0.001, 1.0, 1.0, 1.0]]
    result = udr(padded, kl)
    np.testing.assert_allclose(result.scores, 0.9, atol=1e-6)
    assert result.informative[0].tolist() == [True, True, True, False]
    assert (
        udr(padded, similarity="spearman").scores < udr(padded, kl, similarity="spearman").scores
    ).all()


@pytest.mark.parametrize("similarity", ["lasso", "spearman"])
def test_dead_dimensions_and_collapsed_models(similarity):
    codes = orthonormal(400, 3)
    dead = np.column_stack([codes, np.full(400, 0.1)])
    expected = udr([codes, codes], similarity=similarity).scores
    np.testing.assert_allclose(udr([dead, dead], similarity=similarity).scores, expected, atol=1e-9)
    collapsed = udr([codes, np.full((400, 3), 0.1), -codes], similarity=similarity)
    assert collapsed.scores[1] == 0.0
    assert np.isfinite(collapsed.scores).all()
    one = udr([codes[:, :1], codes[:, :1]], similarity=similarity)
    assert np.isfinite(one.scores).all()


def test_bad_input():
    codes = orthonormal(50, 2)
    with pytest.raises(DataError, match="1 models"):
        udr([codes])
    with pytest.raises(DataError, match=r"codes\[1\] has 40"):
        udr([codes, codes[:40]])
    with pytest.raises(DataError, match=r"kl\[1\]"):
        udr([codes, codes], [[1.0, 1.0], [1.0]])
    with pytest.raises(DataError, match="kl has 1"):
        udr([codes, codes], [[1.0, 1.0]])
