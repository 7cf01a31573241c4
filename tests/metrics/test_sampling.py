"""What the BetaVAE and FactorVAE scores share: how they draw, and what both do on known codes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.metrics.representations import SIZES, SMALL, Recorder, perfect, spread
from vaebench.metrics import beta_vae_score, factor_vae_score
from vaebench.metrics.beta_vae import draw_pairs
from vaebench.metrics.factor_vae import draw_groups
from vaebench.metrics.sampling import draw_fixed

BLUR = np.random.default_rng(99).normal(size=(3, 3))
HARD = {**SMALL, "batch_size": 8}


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


def test_half_precision_codes_do_not_overflow():
    def represent(factors):
        return (60_000 * (2 * factors - 1)).astype(np.float16)

    rng = np.random.default_rng(0)
    assert beta_vae_score(represent, (2, 2), rng=rng, num_train=100, num_eval=50) == 1.0
    rng = np.random.default_rng(0)
    assert factor_vae_score(represent, (2, 2), rng=rng, num_train=100, num_eval=50) == 1.0
