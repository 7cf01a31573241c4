"""Wrong arrays are refused in one line that names them, by every metric that takes them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from tests.metrics.representations import drawn, spread
from vaebench import metrics
from vaebench.errors import DataError, UsageError
from vaebench.metrics.inputs import varying_dimensions

SIZES = (3, 4)
PAIRS = (metrics.mig, metrics.modularity, metrics.irs)
SPLITS = (metrics.explicitness, metrics.dci, metrics.sap, metrics.downstream)


@pytest.fixture
def data():
    factors = drawn(SIZES, 60, np.random.default_rng(0))
    return spread(factors, SIZES), factors


def refused(call, *words):
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert re.search(word, message), message


def put(array, where, value):
    changed = np.array(array, dtype=float)
    changed[where] = value
    return changed


@pytest.mark.parametrize("metric", PAIRS)
class TestPairs:
    def test_length(self, metric, data):
        codes, factors = data
        refused(lambda: metric(codes[:-1], factors), "59", "60", "same examples")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_not_finite(self, metric, data, value):
        codes, factors = data
        refused(lambda: metric(put(codes, (7, 1), value), factors), "codes", "row 7", "dimension 1")

    def test_not_whole(self, metric, data):
        codes, factors = data
        refused(lambda: metric(codes, put(factors, (5, 1), 0.5)), "Factor 1", "0.5", "row 5")

    def test_nan_factor(self, metric, data):
        codes, factors = data
        refused(lambda: metric(codes, put(factors, (5, 0), np.nan)), "Factor 0", "nan", "whole")

    def test_one_value(self, metric, data):
        codes, factors = data
        constant = np.column_stack([factors, np.full(60, 9)])
        refused(lambda: metric(codes, constant), "Factor 2", "one value, 9", "60 points")

    def test_fewer_points_than_bins(self, metric, data):
        codes, factors = data
        refused(lambda: metric(codes[:12], factors[:12]), "12 points", "20 bins")

    @pytest.mark.parametrize("bins", [0, 1, -3])
    def test_too_few_bins(self, metric, data, bins):
        codes, factors = data
        refused(lambda: metric(codes, factors, bins=bins), f"bins is {bins}", "at least 2")

    def test_labels_need_a_column(self, metric, data):
        codes, factors = data
        refused(lambda: metric(codes, factors[:, 0]), r"\(60,\)", r"labels\[:, None\]")

    def test_codes_need_two_axes(self, metric, data):
        codes, factors = data
        refused(lambda: metric(codes[:, 0], factors), "codes", r"\(60,\)", r"\[N, D\]")

    def test_text(self, metric, data):
        codes, factors = data
        refused(lambda: metric(codes.astype(str), factors), "codes", "dtype")
        refused(lambda: metric(codes, factors.astype(str)), "factors", "dtype")

    def test_too_large(self, metric, data):
        codes, factors = data
        refused(lambda: metric(put(codes, (0, 0), 1e31), factors), r"1e\+31", r"1e\+30")

    def test_whole_floats_and_other_labels_are_taken(self, metric, data):
        codes, factors = data
        expected = metric(codes, factors)
        assert metric(codes, factors.astype(float)) == expected
        assert metric(codes, factors * 7 - 100) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", SPLITS)
class TestSplits:
    def test_length(self, metric, data):
        codes, factors = data
        refused(lambda: metric(codes, factors[:-1], codes, factors), "codes_train", "factors_train")
        refused(lambda: metric(codes, factors, codes, factors[:-1]), "codes_test", "factors_test")

    def test_width(self, metric, data):
        codes, factors = data
        refused(lambda: metric(codes, factors, codes[:, :1], factors), "2 dimensions", "1;")
        refused(lambda: metric(codes, factors, codes, factors[:, :1]), "2 factors", "1;")

    def test_not_finite(self, metric, data):
        codes, factors = data
        bad = put(codes, (3, 0), np.nan)
        refused(lambda: metric(bad, factors, codes, factors), "codes_train", "row 3")
        refused(lambda: metric(codes, factors, bad, factors), "codes_test", "row 3")

    def test_one_value(self, metric, data):
        codes, factors = data
        constant = np.column_stack([factors[:, 0], np.ones(60, dtype=int)])
        refused(lambda: metric(codes, constant, codes, factors), "Factor 1 of factors_train")


@pytest.mark.parametrize("score", [metrics.beta_vae_score, metrics.factor_vae_score])
class TestSamplers:
    def given(self, score, factor_sizes=(3, 4), represent=None, **changed):
        sizes = {"num_train": 20, "num_eval": 10, "batch_size": 4, **changed}
        return score(
            represent or (lambda factors: factors / 1.0),
            factor_sizes,
            rng=np.random.default_rng(0),
            **sizes,
        )

    @pytest.mark.parametrize("sizes", [[], [3, 0], [1, 1], [2.5, 3]])
    def test_factor_sizes(self, score, sizes):
        refused(lambda: self.given(score, sizes), "factor_sizes", re.escape(str(sizes)))

    def test_sample_sizes(self, score):
        refused(lambda: self.given(score, num_train=0), "num_train is 0")
        refused(lambda: self.given(score, num_eval=-1), "num_eval is -1")
        refused(lambda: self.given(score, batch_size=1.5), "batch_size is 1.5")

    def test_what_represent_returns(self, score):
        refused(lambda: self.given(score, represent=lambda f: f[:5] / 1.0), "5 codes")
        refused(lambda: self.given(score, represent=lambda f: f * np.nan), "represent", "NaN")
        refused(lambda: self.given(score, represent=lambda f: f[:, 0]), "represent", "shape")


def test_unknown_choices(data):
    codes, factors = data
    for call in (
        lambda: metrics.explicitness(codes, factors, codes, factors, solver="liblinaer"),
        lambda: metrics.dci(codes, factors, codes, factors, method="histogramm"),
        lambda: metrics.downstream(codes, factors, codes, factors, predictor="logistics"),
        lambda: metrics.udr([codes, codes], similarity="laso"),
    ):
        with pytest.raises(UsageError, match="Did you mean"):
            call()


def test_varying_dimensions_sees_through_rounding():
    constant = np.full((1000, 1), 0.1)
    assert constant.var() > 0  # which is why a variance cannot tell
    jitter = np.where(np.arange(1000) % 2, 0.1, np.nextafter(0.1, 1))[:, None]
    single = np.where(np.arange(1000) % 2, np.float32(0.1), np.nextafter(np.float32(0.1), 1))
    small, lost = (np.arange(1000)[:, None] * scale for scale in (1e-70, 1e-170))
    assert lost.std() == 0  # its square is no number of a float64
    columns = np.column_stack([constant, jitter, single.astype(float), small, lost])
    assert varying_dimensions(columns).tolist() == [False, False, True, True, False]


def test_scores_do_not_depend_on_a_scale_that_float32_can_hold(data):
    codes = np.column_stack([data[0], data[0][:, 0] + data[0][:, 1]])
    codes = codes + 0.1 * np.random.default_rng(1).normal(size=codes.shape)
    plain, small = metrics.unsupervised(codes), metrics.unsupervised(codes * 2.0**-130)
    for name in ("gaussian_total_correlation", "gaussian_wasserstein_normalised"):
        assert getattr(small, name) == pytest.approx(getattr(plain, name), rel=1e-9)


def test_numbers_that_hide_in_a_frame(data):
    codes, factors = data
    frame = pd.DataFrame(factors).astype("Int64")
    mixed = pd.DataFrame({"a": factors[:, 0], "b": factors[:, 1] > 1})
    assert metrics.mig(pd.DataFrame(codes).astype("Float64"), frame) == metrics.mig(codes, factors)
    expected = metrics.mig(codes, np.column_stack([factors[:, 0], factors[:, 1] > 1]))
    assert metrics.mig(codes, mixed) == expected
    refused(lambda: metrics.mig(codes, frame.where(factors > 0)), "factors")
    refused(lambda: metrics.mig(codes, [["heart", "red"]] * 60), "factors", "whole numbers")


def test_what_is_no_array(data):
    codes, factors = data
    ragged = [[1, 2], [3]] * 30
    refused(lambda: metrics.mig(ragged, factors), "codes cannot be read")
    refused(lambda: metrics.mig(codes, ragged), "factors cannot be read")
    refused(lambda: metrics.dci(codes, factors, codes, ragged), "factors_test cannot be read")
    refused(lambda: metrics.udr([codes, codes], kl=[["a", "b"]] * 2), r"kl\[0\]", "2 finite")
    refused(lambda: metrics.udr(None), "codes is None")


def test_factors_that_a_float_cannot_tell_apart(data):
    codes, factors = data
    for large in (factors * 1e20, factors * -(2**60), factors.astype(np.uint64) + np.uint64(2**63)):
        refused(lambda large=large: metrics.irs(codes, large), "Factor 0", "2\\^53")
    expected = metrics.irs(codes, factors)
    for narrow in (np.int8, np.uint8, np.float16):
        assert metrics.irs(codes, factors.astype(narrow)) == expected
    assert metrics.irs(codes, factors * 2**50) == pytest.approx(expected, abs=1e-12)


def test_wrong_settings(data):
    codes, factors = data
    split = codes, factors, codes, factors
    refused(lambda: metrics.mig(codes, factors, bins=2.5), "bins is 2.5", "whole number")
    refused(lambda: metrics.mig(codes, factors, bins="20"), "bins is '20'")
    refused(lambda: metrics.dci(*split, seed=-1), "seed is -1")
    refused(lambda: metrics.score_representation(*split, seed=1.5), "seed is 1.5")
    refused(lambda: metrics.downstream(*split, sizes=100), "sizes is 100", "a list")
    refused(lambda: metrics.udr([codes, codes], penalty=-1), "penalty is -1")
    with pytest.raises(UsageError, match="Unknown solver None"):
        metrics.explicitness(*split, solver=None)
    for score in (metrics.beta_vae_score, metrics.factor_vae_score):
        refused(
            lambda score=score: score(lambda f: f / 1.0, SIZES, rng=0), "rng is 0", "default_rng"
        )
