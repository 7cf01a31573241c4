"""The whole suite: the same figures as the single metrics, always finite or with a reason."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from tests.metrics.representations import drawn, kinds
from vaebench import metrics
from vaebench.metrics import boosting, points
from vaebench.metrics.boosting import boosted_trees

SIZES = (2, 3, 5)
QUICK = {"downstream_sizes": (10, 100), "resamples": 20}


def parts(name, rows=450, seed=0):
    rng = np.random.default_rng(seed)
    factors = drawn(SIZES, rows, rng)
    codes = kinds(factors, SIZES, rng)[name]
    return codes[:300], factors[:300], codes[300:], factors[300:]


def test_the_figures_are_those_of_the_single_metrics():
    data = parts("noisy")
    train, truth, *_ = data
    scores = metrics.score_representation(*data, **QUICK)
    free, tree = metrics.unsupervised(train), metrics.dci(*data)
    boosted = metrics.downstream(*data, predictor="boosted", sizes=(10, 100))
    logistic = metrics.downstream(*data, sizes=(10, 100))
    expected = {
        "mig": metrics.mig(train, truth),
        "modularity": metrics.modularity(train, truth),
        "explicitness": metrics.explicitness(*data),
        "sap": metrics.sap(*data),
        "irs": metrics.irs(train, truth),
        "active_units": metrics.active_units(train),
        "dci_disentanglement": tree.disentanglement,
        "dci_completeness": tree.completeness,
        "dci_informativeness": tree.informativeness_test,
        "dci_informativeness_train": tree.informativeness_train,
        "gaussian_total_correlation": free.gaussian_total_correlation,
        "gaussian_wasserstein": free.gaussian_wasserstein,
        "gaussian_wasserstein_normalised": free.gaussian_wasserstein_normalised,
        "mutual_information": free.mutual_information,
        "downstream_logistic_10": logistic.test_accuracy[10],
        "downstream_logistic_100": logistic.test_accuracy[100],
        "downstream_logistic_efficiency": None,
        "downstream_boosted_10": boosted.test_accuracy[10],
        "downstream_boosted_100": boosted.test_accuracy[100],
        "downstream_boosted_efficiency": None,
    }
    assert {name: score.value for name, score in scores.items()} == expected


@pytest.mark.parametrize("name", ["dead", "doubled", "noise", "outliers"])
def test_finite_or_with_a_reason(name):
    for score in metrics.score_representation(*parts(name), **QUICK).values():
        assert (score.value is None) == (score.note is not None)
        if score.value is not None:
            assert math.isfinite(score.value)
        if score.low is not None:
            assert score.low <= score.value <= score.high


def test_a_collapsed_representation():
    _, truth, _, wanted = parts("noisy")
    dead = np.full((300, 4), 0.1)
    scores = metrics.score_representation(dead, truth, dead[:150], wanted, **QUICK)
    for name in ("mig", "modularity", "sap", "irs", "dci_disentanglement", "dci_completeness"):
        assert scores[name].value == 0.0, name
    assert scores["explicitness"].value == 0.5
    assert scores["gaussian_total_correlation"].value == 0.0
    assert scores["gaussian_wasserstein_normalised"].value is None
    assert scores["gaussian_wasserstein_normalised"].note == "every dimension is constant"


def test_a_dependent_dimension():
    train, truth, test, wanted = parts("noisy")
    train, test = (np.column_stack([codes, codes[:, 0]]) for codes in (train, test))
    scores = metrics.score_representation(train, truth, test, wanted, **QUICK)
    assert scores["gaussian_total_correlation"].value is None
    assert "singular" in scores["gaussian_total_correlation"].note
    assert scores["gaussian_total_correlation"].low is None


def test_labels_alone():
    train, truth, test, wanted = parts("noisy")
    scores = metrics.score_representation(train, truth[:, 2:], test, wanted[:, 2:], **QUICK)
    assert scores["modularity"].value is None
    assert scores["dci_disentanglement"].value is None
    assert scores["mig"].value > 0


def test_the_seed_decides_intervals_and_ties_and_nothing_else():
    data = parts("noisy")
    runs = [metrics.score_representation(*data, **QUICK, seed=seed) for seed in (0, 0, 1)]
    assert runs[0] == runs[1]
    assert runs[0]["mig"].low != runs[2]["mig"].low
    free = [name for name in runs[0] if not name.startswith(("dci", "downstream_boosted"))]
    assert {n: runs[0][n].value for n in free} == {n: runs[2][n].value for n in free}
    bare = metrics.score_representation(*data, downstream_sizes=(), resamples=0)
    assert all(score.low is None for score in bare.values())
    assert not any(name.startswith("downstream") for name in bare)


def test_one_kind_of_trees_and_one_seed_for_all_of_them(monkeypatch):
    calls = []

    def recorded(train, *rest, **options):
        calls.append((len(train), options["method"], options["seed"]))
        return boosted_trees(train, *rest, **options)

    for module in (boosting, points):
        monkeypatch.setattr(module, "boosted_trees", recorded)
    metrics.score_representation(*parts("noisy"), **QUICK, dci_method="reference", seed=5)
    assert set(calls) == {(size, "reference", 5) for size in (10, 100, 300)}


def test_a_value_that_test_points_lack_leaves_explicitness_alone_out():
    train, truth, test, wanted = parts("noisy")
    wanted = np.column_stack([wanted[:, 0], np.full(150, 9), wanted[:, 2]])
    scores = metrics.score_representation(train, truth, test, wanted, **QUICK)
    assert scores["explicitness"].value is None
    assert "Factor 1 of factors_test" in scores["explicitness"].note
    others = {name: score for name, score in scores.items() if "efficiency" not in name}
    assert [name for name, score in others.items() if score.value is None] == ["explicitness"]


def test_fewer_points_than_bins():
    train, truth, test, wanted = (part[:15] for part in parts("noisy"))
    scores = metrics.score_representation(
        train, truth, test, wanted, downstream_sizes=(10,), resamples=20
    )
    for name in ("mig", "modularity", "irs", "mutual_information"):
        assert scores[name].value is None
        assert scores[name].note.startswith("15 points for 20 bins; ")
    assert scores["sap"].value is not None
    assert scores["active_units"].value == 3


def test_the_global_generator_is_left_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    data = parts("noisy")
    metrics.score_representation(*data, **QUICK)
    metrics.beta_vae_score(
        lambda f: f / 1.0, SIZES, rng=np.random.default_rng(0), num_train=50, num_eval=20
    )
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_the_records_are_read_without_numpy():
    heavy = ("numpy", "scipy", "sklearn", "lightgbm", "pandas", "torch", "threadpoolctl")
    code = f"import sys, vaebench.measures; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
