"""The BetaVAE score: known codes, and a slow plain version on the same draws."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from tests.metrics.representations import SIZES, SMALL, Recorder, constant, perfect, rotation
from vaebench.metrics import beta_vae_details


def test_against_a_plain_version():
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


def test_a_constant_code_is_the_largest_share():
    recorder = Recorder(constant)
    result = beta_vae_details(recorder, (2, 2), rng=np.random.default_rng(10), **SMALL)
    assert 0.35 < result.score < 0.65
    assert result.train_accuracy >= 0.5
