"""BetaVAE and FactorVAE scores: known codes, and slow plain versions on the same draws."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from tests.metrics.representations import rotation, spread
from vaebench.metrics import (
    beta_vae_details,
    beta_vae_score,
    factor_vae_details,
    factor_vae_score,
)
from vaebench.metrics.beta_vae import draw_pairs
from vaebench.metrics.factor_vae import draw_groups
from vaebench.metrics.sampling import draw_fixed

SIZES = (3, 6, 8)
BLUR = np.random.default_rng(99).normal(size=(3, 3))
SMALL = {"num_train": 400, "num_eval": 300, "batch_size": 32}
HARD = {**SMALL, "batch_size": 8}


def perfect(factors):
    return spread(factors, SIZES)


def constant(factors):
    return np.full((len(factors), 4), 0.1)


class Recorder:
    """An encoder that remembers what it was asked for."""

    def __init__(self, represent):
        self.represent = represent
        self.asked = []

    def __call__(self, factors):
        self.asked.append(factors.copy())
        return self.represent(factors)


@pytest.mark.parametrize("score", [beta_vae_score, factor_vae_score])
class TestBoth:
    def test_a_perfect_code_has_one(self, score):
        assert score(perfect, SIZES, rng=np.random.default_rng(0), **SMALL) == 1.0

    def test_noise_is_chance(self, score):
        noise = np.random.default_rng(1)

        def represent(factors):
            return noise.normal(size=(len(factors), 4))

        found = score(represent, SIZES, rng=np.random.default_rng(2), **SMALL)
        assert abs(found - 1 / 3) < 4 * np.sqrt(2 / 9 / 300)

    def test_dead_dimensions_change_nothing(self, score):
        def plain(factors):
            return perfect(factors) @ BLUR

        def padded(factors):
            return np.column_stack([plain(factors), np.full(len(factors), 0.1)])

        found = [score(f, SIZES, rng=np.random.default_rng(3), **HARD) for f in (padded, plain)]
        assert found[0] == found[1] < 1

    def test_one_call_for_everything(self, score):
        recorder = Recorder(perfect)
        score(recorder, SIZES, rng=np.random.default_rng(4), **SMALL)
        assert len(recorder.asked) == 1
        asked = recorder.asked[0]
        assert asked.dtype == np.int64
        assert (asked.min(axis=0) == 0).all()
        assert (asked.max(axis=0) == np.array(SIZES) - 1).all()

    def test_the_generator_decides(self, score):
        def blurred(factors):
            return perfect(factors) @ BLUR

        def run(seed):
            return score(blurred, SIZES, rng=np.random.default_rng(seed), **HARD)

        assert run(5) == run(5)
        assert len({run(seed) for seed in range(6)}) > 1

    def test_factors_of_one_value_are_never_chosen(self, score):
        def represent(factors):
            assert (factors[:, 0] == 0).all()
            return spread(factors[:, 1:], SIZES)

        found = score(represent, (1, *SIZES), rng=np.random.default_rng(6), **SMALL)
        assert found == 1.0

    def test_single_precision(self, score):
        def single(factors):
            return perfect(factors).astype(np.float32)

        assert score(single, SIZES, rng=np.random.default_rng(7), **SMALL) == 1.0


def test_draws():
    rng = np.random.default_rng(8)
    sizes = np.array([4, 1, 9])
    fixed = draw_fixed(sizes, 500, rng)
    assert set(fixed.tolist()) == {0, 2}
    pairs = draw_pairs(sizes, fixed, 16, rng).reshape(2, 500, 16, 3)
    groups = draw_groups(sizes, fixed, 16, rng).reshape(500, 16, 3)
    for point, factor in enumerate(fixed):
        assert (pairs[0, point, :, factor] == pairs[1, point, :, factor]).all()
        assert len(set(groups[point, :, factor].tolist())) == 1
    other = np.where(fixed == 0, 2, 0)
    rows = np.arange(500)
    # The factor that is not shared agrees by chance only, and pairs share many values.
    agreeing = (pairs[0, rows, :, other] == pairs[1, rows, :, other]).mean()
    assert 0.1 < agreeing < 0.25
    assert len(np.unique(pairs[0, fixed == 0, 0, 0])) == 4
    assert np.ptp(groups[rows, :, other], axis=1).min() > 0


def test_beta_vae_against_a_plain_version():
    def represent(factors):
        return np.tanh(3 * perfect(factors) @ rotation(3, seed=2)) * [1, 0.3, 2]

    recorder = Recorder(represent)
    rng = np.random.default_rng(9)
    result = beta_vae_details(recorder, SIZES, rng=rng, **SMALL)
    asked = recorder.asked[0].reshape(2, 700, 32, 3)
    codes = represent(asked.reshape(-1, 3)).reshape(2, 700, 32, 3)
    points = np.array([np.abs(codes[0, i] - codes[1, i]).mean(axis=0) for i in range(700)])
    shared = np.array([np.argmax((asked[0, i] == asked[1, i]).mean(axis=0)) for i in range(700)])
    model = OneVsRestClassifier(LogisticRegression(solver="liblinear", random_state=0))
    model.fit(points[:400], shared[:400])
    assert result.score == model.score(points[400:], shared[400:])
    assert result.train_accuracy == model.score(points[:400], shared[:400])
    assert result.hits.mean() == result.score


def test_beta_vae_of_a_constant_code_is_the_largest_share():
    recorder = Recorder(constant)
    result = beta_vae_details(recorder, (2, 2), rng=np.random.default_rng(10), **SMALL)
    assert 0.35 < result.score < 0.65
    assert result.train_accuracy >= 0.5


def test_factor_vae_against_a_plain_version():
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


def test_factor_vae_prunes_dimensions_that_hardly_move():
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


def test_factor_vae_of_a_constant_code_is_zero():
    rng = np.random.default_rng(13)
    result = factor_vae_details(constant, SIZES, rng=rng, **SMALL)
    assert result.score == result.train_accuracy == 0.0
    assert not result.active.any()
    unpruned = factor_vae_details(constant, SIZES, rng=rng, prune_below=0.0, **SMALL)
    assert unpruned.score == 0.0


def test_half_precision_codes_do_not_overflow():
    def represent(factors):
        return (60_000 * (2 * factors - 1)).astype(np.float16)

    rng = np.random.default_rng(0)
    assert beta_vae_score(represent, (2, 2), rng=rng, num_train=100, num_eval=50) == 1.0
    rng = np.random.default_rng(0)
    assert factor_vae_score(represent, (2, 2), rng=rng, num_train=100, num_eval=50) == 1.0
