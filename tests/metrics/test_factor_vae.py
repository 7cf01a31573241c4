"""The FactorVAE score: known codes, and a slow plain version on the same draws."""

from __future__ import annotations

import numpy as np
import pytest

from tests.metrics.representations import SIZES, SMALL, Recorder, constant, perfect, rotation
from vaebench.metrics import factor_vae_details


def test_against_a_plain_version():
    def represent(factors):
        turned = perfect(factors) @ rotation(3, seed=1) * [1, 30, 0.3]
        return np.column_stack([turned, perfect(factors)[:, :1]])

    recorder = Recorder(represent)
    sizes = {**SMALL, "num_variance": 1_000}
    result = factor_vae_details(recorder, SIZES, rng=np.random.default_rng(11), **sizes)
    asked = recorder.asked[0]
    assert len(asked) == 1_000 + 700 * 32
    spread_of = represent(asked[:1_000]).var(axis=0, ddof=1)
    votes = np.zeros((3, 4), dtype=int)
    chosen = []
    for i in range(700):
        group = asked[1_000 + 32 * i : 1_000 + 32 * (i + 1)]
        factor = int(np.flatnonzero(np.ptp(group, axis=0) == 0)[0])
        stillest = int(np.argmin(represent(group).var(axis=0, ddof=1) / spread_of))
        chosen.append((factor, stillest))
        if i < 400:
            votes[factor, stillest] += 1
    np.testing.assert_array_equal(result.votes, votes)
    owner = votes.argmax(axis=0)
    right = [owner[stillest] == factor for factor, stillest in chosen]
    assert result.train_accuracy == pytest.approx(np.mean(right[:400]))
    assert result.score == pytest.approx(np.mean(right[400:]))


def test_it_prunes_dimensions_that_hardly_move():
    """A dimension of deviation 0.04 that follows a factor is not asked; at 0.06 it is."""

    def represent(factors, size):
        first = perfect(factors)[:, 0]
        return np.column_stack([size * first / first.std(), perfect(factors)[:, 1:]])

    def run(size):
        rng = np.random.default_rng(12)
        return factor_vae_details(lambda f: represent(f, size), SIZES, rng=rng, **SMALL)

    assert run(0.04).active.tolist() == [False, True, True]
    assert run(0.06).active.tolist() == [True, True, True]
    assert run(0.06).score == 1.0
    assert run(0.04).score < 0.9


def test_a_constant_code_is_zero():
    rng = np.random.default_rng(13)
    result = factor_vae_details(constant, SIZES, rng=rng, **SMALL)
    assert result.score == result.train_accuracy == 0.0
    assert not result.active.any()
    unpruned = factor_vae_details(constant, SIZES, rng=rng, prune_below=0.0, **SMALL)
    assert unpruned.score == 0.0
