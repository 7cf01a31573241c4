"""Facts about rank correlations: SciPy's on resampled runs, invariances, ties, what is missing."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.analysis.studies import effects, grid
from vaebench.analysis import Resampling, prepare, samples
from vaebench.analysis.tables import (
    downstream_correlation,
    downstream_curves,
    metric_correlation,
    total_correlation,
    unsupervised_correlation,
)

FEW = Resampling(40)


def study(seeds: int = 4, rng: int = 0) -> pd.DataFrame:
    """Two models of three strengths, with a metric that has ties and one that lacks a run."""
    frame = grid(("betavae_h", "factorvae"), (1.0, 2.0, 4.0), seeds)
    random = np.random.default_rng(rng)
    frame["mig"] = effects(frame, random, model=1.0, seed=0.5, both=0.5, residual=1.0)
    frame["sap"] = np.round(frame["mig"] + random.standard_normal(len(frame)))
    frame["elbo"] = -frame["mig"] + random.standard_normal(len(frame))
    frame["irs"] = random.standard_normal(len(frame))
    frame.loc[3, "irs"] = math.nan
    return frame


def repeated(frame: pd.DataFrame, weights: np.ndarray) -> pd.DataFrame:
    """Every run as often as its seed was drawn."""
    return frame.loc[frame.index.repeat(weights[frame["seed"]].astype(int))]


def row(table: pd.DataFrame, **values: object) -> pd.Series:
    kept = table[(table[list(values)] == pd.Series(values)).all(axis=1)]
    assert len(kept) == 1
    return kept.iloc[0]


def test_columns_are_those_that_the_report_promises() -> None:
    shared = ["spearman", "low", "high", "runs", "collapsed"]
    assert metric_correlation(study(), resampling=FEW).columns[:8].tolist() == [
        "dataset", "metric_a", "metric_b", *shared
    ]  # fmt: skip
    assert unsupervised_correlation(study(), resampling=FEW).columns[:8].tolist() == [
        "dataset", "unsupervised", "metric", *shared
    ]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), [("mig", "sap"), ("sap", "irs"), ("irs", "mig")])
def test_spearman_and_every_resample_are_scipys(a: str, b: str) -> None:
    frame = study()
    found = row(metric_correlation(frame, resampling=FEW), metric_a=a, metric_b=b, collapsed="with")
    known = frame.dropna(subset=[a, b])
    assert found["spearman"] == pytest.approx(stats.spearmanr(known[a], known[b]).statistic)
    assert found["runs"] == len(known)
    (sample,) = samples(prepare(frame), FEW)
    resampled = [repeated(known, drawn) for drawn in sample.weights]
    draws = [stats.spearmanr(each[a], each[b]).statistic for each in resampled]
    low, high = FEW.interval(draws, 4, found["spearman"])
    assert (found["low"], found["high"]) == pytest.approx((float(low), float(high)), abs=1e-5)


def test_ranks_within_cells_pool_the_covariances_of_each_cell() -> None:
    frame = study(5)
    found = unsupervised_correlation(frame, resampling=FEW)
    ranks = frame.groupby("cell")[["mig", "elbo"]].rank()
    centred = ranks - ranks.groupby(frame["cell"]).transform("mean")
    expected = np.corrcoef(centred["mig"], centred["elbo"])[0, 1]
    here = row(found, unsupervised="elbo", metric="mig", collapsed="with")
    assert here["within_spearman"] == pytest.approx(expected)
    assert here["within_low"] <= here["within_spearman"] <= here["within_high"]


def test_cells_that_differ_and_seeds_that_do_not_correlate_without_within() -> None:
    frame = grid(("betavae_h",), tuple(range(1, 41)), 4)
    rng = np.random.default_rng(0)
    frame["mig"] = frame["strength"] + 0.1 * rng.standard_normal(160)
    frame["elbo"] = frame["strength"] + 0.1 * rng.standard_normal(160)
    here = unsupervised_correlation(frame, resampling=FEW).iloc[0]
    assert here["spearman"] > 0.99
    assert abs(here["within_spearman"]) < 0.25


def test_monotone_transformations_and_the_order_of_runs_change_nothing() -> None:
    frame = study()
    other = frame.assign(mig=np.exp(frame["mig"]), sap=frame["sap"] ** 3)
    other = other.sample(frac=1.0, random_state=1)
    for table in (metric_correlation, unsupervised_correlation):
        pd.testing.assert_frame_equal(
            table(frame, resampling=FEW), table(other, resampling=FEW), check_exact=True
        )


def test_a_metric_agrees_with_itself_and_a_constant_one_with_none() -> None:
    table = metric_correlation(study().assign(modularity=0.5), resampling=FEW)
    own = row(table, metric_a="mig", metric_b="mig", collapsed="with")
    assert (own["spearman"], own["low"], own["high"]) == pytest.approx((1, 1, 1), abs=1e-6)
    constant = row(table, metric_a="mig", metric_b="modularity", collapsed="with")
    assert math.isnan(constant["spearman"])
    assert math.isnan(constant["low"])


def test_collapsed_runs_are_in_with_and_not_in_without() -> None:
    frame = study().assign(active_units=[0.0] * 4 + [3.0] * 20)
    table = metric_correlation(frame, resampling=FEW)
    counts = table[(table["metric_a"] == "mig") & (table["metric_b"] == "sap")]
    assert dict(zip(counts["collapsed"], counts["runs"], strict=True)) == {
        "with": 24, "without": 20
    }  # fmt: skip


def test_the_same_training_under_two_names_counts_once() -> None:
    frame = study().assign(reconstruction=np.arange(24.0))
    twin = frame[(frame["model"] == "betavae_h") & (frame["strength"] == 1)]
    twin = twin.assign(model="btcvae", cell="twin")
    table = metric_correlation(pd.concat([frame, twin]), resampling=FEW)
    pd.testing.assert_frame_equal(table, metric_correlation(frame, resampling=FEW))


def test_two_seeds_have_a_correlation_and_no_interval() -> None:
    table = metric_correlation(study(2), resampling=FEW)
    assert table["spearman"].notna().all()
    assert table["low"].isna().all()
    assert "intervals need 3" in metric_correlation.cautions(study(2))[0]
    assert metric_correlation.cautions(study(5)) == []


def test_intervals_hold_the_true_correlation() -> None:
    """Two metrics are normal and correlate by 0.6, of seeds as of the rest."""
    how = Resampling(200)

    def made(seeds: int, rng: int) -> pd.DataFrame:
        frame, random = grid(("vae",), (1.0, 2.0, 3.0), seeds), np.random.default_rng(rng)
        shift = random.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], seeds)[frame["seed"]]
        own = random.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], len(frame))
        return frame.assign(mig=(shift + own)[:, 0], sap=(shift + own)[:, 1])

    truth = 6 / math.pi * math.asin(0.6 / 2)
    held = []
    for rng in range(1, 201):
        found = metric_correlation(made(15, rng), resampling=how).loc[1]
        held.append(found["low"] <= truth <= found["high"])
    assert np.mean(held) == pytest.approx(0.95, abs=0.045)


def test_udr_of_few_runs_is_warned_of() -> None:
    frame = study().assign(udr=np.linspace(0, 1, 24))
    assert any("UDR" in said for said in unsupervised_correlation.cautions(frame))
    assert unsupervised_correlation.cautions(study(5).assign(udr=0.5)) == []


def tasked(seeds: int = 4) -> pd.DataFrame:
    """Runs whose accuracy is their rank by MIG, in thirds of eight: 0-7, 8-15, 16-23."""
    frame = grid(("betavae_h", "factorvae"), (1.0, 2.0, 4.0), seeds)
    place = np.random.default_rng(0).permutation(len(frame)).astype(float)
    return frame.assign(
        mig=np.exp(place),
        downstream_logistic_10=place,
        downstream_logistic_1000=2 * place,
        downstream_boosted_efficiency=-place,
        sampled_downstream_logistic_10=place,
    )


def test_downstream_scores_are_found_by_name_in_the_order_of_labels() -> None:
    table = downstream_correlation(tasked(), resampling=FEW)
    assert table["downstream"].unique().tolist() == [
        "downstream_logistic_10", "downstream_logistic_1000", "downstream_boosted_efficiency"
    ]  # fmt: skip
    assert table["spearman"].tolist()[:3] == pytest.approx([1, 1, -1])


def test_accuracies_of_thirds_are_means_of_the_runs_in_them() -> None:
    table = downstream_curves(tasked(), resampling=FEW)
    table = table[table["collapsed"] == "with"]
    few = table[table["labels"] == 10].set_index("third")
    assert few["mean"].to_dict() == pytest.approx({"lowest": 3.5, "middle": 11.5, "highest": 19.5})
    assert few["runs"].tolist() == [8, 8, 8]
    assert table[table["labels"] == 1000]["mean"].tolist() == pytest.approx([7, 23, 39])
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()


def test_runs_that_tie_are_in_one_third() -> None:
    frame = tasked().assign(mig=[0.0] * 12 + [1.0] * 12)
    table = downstream_curves(frame, resampling=FEW)
    few = table[(table["labels"] == 10) & (table["collapsed"] == "with")].set_index("third")
    assert few["runs"].tolist() == [12, 0, 12]
    assert math.isnan(few.loc["middle", "mean"])


def test_without_downstream_scores_it_says_so() -> None:
    assert downstream_curves.missing(study()) == [
        "dsprites has no downstream accuracies (--scores all)."
    ]
    assert len(downstream_correlation(study())) == 0


def test_total_correlation_is_the_mean_over_seeds_of_both_representations() -> None:
    frame = study(3)
    frame["gaussian_total_correlation"] = np.arange(18.0)
    frame["sampled_gaussian_total_correlation"] = 1.0
    table = total_correlation(frame)
    kept = table[(table["collapsed"] == "with") & (table["representation"] == "mean")]
    assert kept["mean"].tolist() == [1.0, 4.0, 7.0, 10.0, 13.0, 16.0]
    assert kept["strength"].tolist() == [1.0, 2.0, 4.0] * 2
    assert kept["low"].tolist()[0] == pytest.approx(0.0)
    assert kept["high"].tolist()[0] == pytest.approx(2.0)
    assert set(table["representation"]) == {"mean", "sampled"}
    one = frame[frame["strength"] == 1]
    assert total_correlation.missing(one) == ["dsprites has 1 strength, and it needs 2 or more."]
