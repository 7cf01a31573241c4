"""Many Lasso regressions at once against scikit-learn's, one by one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from vaebench.metrics import lasso as module
from vaebench.metrics import udr
from vaebench.metrics.lasso import lasso


def one_by_one(sets: np.ndarray, targets: np.ndarray, alpha: float) -> np.ndarray:
    """Weights [S, D, T] by scikit-learn, for inputs [S, N, D] and targets [N, T]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fits = [
            [Lasso(alpha=alpha).fit(inputs, target).coef_ for target in targets.T]
            for inputs in sets
        ]
    return np.asarray(fits).swapaxes(1, 2)


def together(sets: np.ndarray, targets: np.ndarray, alpha: float) -> np.ndarray:
    gram = np.einsum("snd,sne->sde", sets, sets)
    products = np.einsum("snd,nt->sdt", sets, targets)
    return lasso(gram, products, (targets**2).sum(axis=0), alpha * len(targets))


@pytest.mark.parametrize("alpha", [0.3, 0.1, 0.001])
@pytest.mark.parametrize("correlated", [0.0, 0.9, 0.999])
def test_weights_are_those_of_scikit_learn(
    alpha: float, correlated: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where inputs are nearly the same, so that the fits take many sweeps."""
    monkeypatch.setattr(module, "AT_ONCE", 15)
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(200, 1))
    sets = np.stack(
        [correlated * shared + (1 - correlated) * rng.normal(size=(200, 6)) for _ in range(4)]
    )
    targets = sets[0] @ rng.normal(size=(6, 7)) + rng.normal(size=(200, 7))
    sets -= sets.mean(axis=1, keepdims=True)
    targets -= targets.mean(axis=0)
    found = together(sets, targets, alpha)
    np.testing.assert_allclose(found, one_by_one(sets, targets, alpha), atol=1e-10)
    assert (found != 0).any()


def test_dead_inputs_and_targets_have_no_weights() -> None:
    rng = np.random.default_rng(1)
    sets, targets = rng.normal(size=(2, 50, 3)), rng.normal(size=(50, 4))
    sets[1, :, 0], targets[:, 2] = 0.0, 0.0
    sets -= sets.mean(axis=1, keepdims=True)
    targets -= targets.mean(axis=0)
    found = together(sets, targets, 0.01)
    assert (found[1, 0] == 0).all()
    assert (found[:, :, 2] == 0).all()
    np.testing.assert_allclose(found[0], one_by_one(sets[:1], targets, 0.01)[0], atol=1e-10)


def test_the_steps_of_udr_do_not_grow_with_the_pairs_of_models(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = np.random.default_rng(2).normal(size=(100, 4))
    swept, ranked = 0, 0
    sweep, rank = module._Fits._sweep, scipy.stats.rankdata

    def counted_sweep(fits: module._Fits) -> object:
        nonlocal swept
        swept += 1
        return sweep(fits)

    def counted_rank(*arguments: object, **named: object) -> object:
        nonlocal ranked
        ranked += 1
        return rank(*arguments, **named)

    monkeypatch.setattr(module._Fits, "_sweep", counted_sweep)
    monkeypatch.setattr(scipy.stats, "rankdata", counted_rank)
    models = [truth + np.random.default_rng(k).normal(size=truth.shape) for k in range(24)]
    udr(models)
    udr(models, similarity="spearman")
    assert 0 < swept < 24
    assert ranked == 24
