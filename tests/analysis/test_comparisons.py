"""Facts about the tables that compare models, cells and choices, on studies with known effects."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.analysis.studies import covered, effects, grid
from vaebench.analysis import Resampling, prepare
from vaebench.analysis.tables import (
    TABLES,
    best_of,
    collapse,
    evaluation_noise,
    improvement,
    iqm,
    profiles,
    ranking,
    seed_or_strength,
    seeds_needed,
    seeds_power,
    selection,
    transfer,
)

FEW = Resampling(count=200)
MINE = (iqm, improvement, profiles, selection, transfer, seed_or_strength, seeds_needed,
        seeds_power, ranking, best_of, collapse, evaluation_noise)  # fmt: skip
PAIR = ("betavae_h", "factorvae")


def study(seeds: int = 6, datasets: tuple[str, ...] = ("dsprites", "cars3d")) -> pd.DataFrame:
    """Three models by three strengths with effects of all kinds, two metrics, a collapsed run."""
    rng = np.random.default_rng(7)
    frame = pd.concat(
        [grid(("betavae_h", "factorvae", "btcvae"), (1.0, 4.0, 16.0), seeds, d) for d in datasets],
        ignore_index=True,
    )
    for name in ("mig", "sap", "elbo", "udr", "reconstruction"):
        frame[name] = effects(frame, rng, model=0.5, strength=0.3, seed=0.1, residual=0.5)
    frame["mig_error"] = 0.1
    frame["active_units"] = 5.0
    frame.loc[[0, 11], "active_units"] = 0.0
    return frame


def test_columns_are_those_that_are_promised() -> None:
    frame = study()
    for table in MINE:
        assert table in TABLES
        found = table(frame, resampling=FEW)
        assert len(found), table.name
        assert tuple(found.columns[: len(table.columns)]) == table.columns
        if table is not collapse:
            assert found.columns[len(table.columns)] == "collapsed"
            assert set(found["collapsed"]) == {"with", "without"}
        assert not found[list(table.columns)].isna().any(axis=None), table.name


def test_the_order_of_rows_and_the_names_of_cells_mean_nothing() -> None:
    frame = study()
    mixed = frame.sample(frac=1, random_state=3, ignore_index=True)
    names = {cell: f"x{place:03d}" for place, cell in enumerate(sorted(mixed["cell"].unique()))}
    mixed["cell"] = mixed["cell"].map(names)
    for table in MINE:
        pd.testing.assert_frame_equal(table(frame, resampling=FEW), table(mixed, resampling=FEW))


def test_a_frame_of_one_run_has_no_statistics_and_says_so() -> None:
    one = study().iloc[[3]]
    for table in MINE:
        if table is not collapse:
            assert table(one).empty
            assert table.missing(one), table.name


@pytest.mark.parametrize("table", MINE)
def test_nan_everywhere_is_said_and_not_drawn(table: object) -> None:
    frame = study()
    frame[["mig", "sap", "elbo", "udr", "mig_error", "active_units"]] = math.nan
    assert table(frame).empty  # type: ignore[operator]
    assert table.missing(frame)  # type: ignore[attr-defined]


def test_iqm_is_the_trimmed_mean_of_a_models_runs_and_all_pools_data_sets() -> None:
    frame = study()
    found = iqm(frame, resampling=FEW).set_index(["collapsed", "dataset", "model", "metric"])
    for label, runs in (("with", frame), ("without", frame[frame["active_units"] > 0])):
        for (dataset, model), group in runs.groupby(["dataset", "model"]):
            row = found.loc[label, dataset, model, "sap"]
            assert row["iqm"] == pytest.approx(stats.trim_mean(group["sap"], 0.25))
            assert row["runs"] == len(group)
            assert row["low"] <= row["iqm"] <= row["high"]
        for model, group in runs.groupby("model"):
            row = found.loc[label, "all", model, "mig"]
            assert row["iqm"] == pytest.approx(stats.trim_mean(group["mig"], 0.25))
    assert "all" not in set(iqm(frame[frame["dataset"] == "cars3d"])["dataset"])


def test_iqm_intervals_cover_although_seeds_are_crossed_with_strengths() -> None:
    # Without a strength's effect the IQM of a model's normal runs estimates their mean, 0.
    rng = np.random.default_rng(11)
    frame = grid(("betavae_h",), (1.0, 4.0), 12)

    def interval(_: int) -> tuple[float, float]:
        runs = frame.assign(mig=effects(frame, rng, seed=1.0, residual=0.25))
        row = iqm(runs, resampling=FEW).iloc[0]
        return row["low"], row["high"]

    assert covered(120, 0.0, interval) == pytest.approx(0.95, abs=0.05)


def test_improvement_is_the_mann_whitney_statistic_over_pairs() -> None:
    frame = study()
    found = improvement(frame, resampling=FEW)
    found = found[found["collapsed"] == "with"]
    runs = frame[frame["dataset"] == "cars3d"]
    for row in found[(found["dataset"] == "cars3d") & (found["metric"] == "mig")].itertuples():
        a, b = (runs.loc[runs["model"] == m, "mig"] for m in (row.model_a, row.model_b))
        expected = stats.mannwhitneyu(a, b).statistic / len(a) / len(b)
        assert row.probability == pytest.approx(expected)
        assert row.low <= row.probability <= row.high


def test_improvement_intervals_cover_the_probability() -> None:
    rng = np.random.default_rng(12)
    frame = grid(PAIR, (1.0, 4.0), 15)
    means = {"betavae_h": 1.0, "factorvae": 0.0}
    truth = stats.norm.cdf(1 / math.sqrt(2 * 1.5))

    def interval(_: int) -> tuple[float, float]:
        runs = frame.assign(mig=effects(frame, rng, model=means, both=0.5, residual=1.0))
        row = improvement(runs, resampling=FEW).iloc[0]
        return row["low"], row["high"]

    assert covered(120, truth, interval) == pytest.approx(0.95, abs=0.05)


def test_profiles_fall_from_all_runs_to_none_and_are_the_share_above() -> None:
    frame = study()
    found = profiles(frame, resampling=FEW)
    found = found[(found["collapsed"] == "with") & (found["metric"] == "mig")]
    for (dataset, model), part in found.groupby(["dataset", "model"]):
        values = frame.loc[(frame["dataset"] == dataset) & (frame["model"] == model), "mig"]
        expected = [(values > tau).mean() for tau in part["threshold"]]
        assert part["share"].tolist() == pytest.approx(expected)
        assert part["share"].is_monotonic_decreasing
        assert part["share"].iloc[-1] == 0


def test_selection_matches_cells_of_data_sets_by_model_and_hyperparameters() -> None:
    frame = grid(PAIR, (1.0, 2.0, 4.0), 4)
    rng = np.random.default_rng(5)
    frame["mig"] = frame["model"].map({PAIR[0]: 0.0, PAIR[1]: 10.0}) + frame["strength"]
    frame["sap"] = -frame["mig"]
    other = frame.assign(dataset="cars3d")
    names = frame["cell"].unique()
    other["cell"] = other["cell"].map(dict(zip(names, rng.permutation(names), strict=True)))
    found = selection(pd.concat([frame, other]), resampling=FEW).iloc[:4]
    # The best of six cells ties with itself alone; by the other metric it is the worst.
    assert found["probability"].tolist() == pytest.approx([11 / 12, 11 / 12, 1 / 12, 1 / 12])
    assert found["same_metric"].tolist() == [True, True, False, False]
    assert found["same_dataset"].tolist() == [True, False, True, False]
    alone = selection(frame, resampling=FEW)
    assert alone.iloc[:2]["same_dataset"].tolist() == [True, True]
    assert len(alone) == 4


def test_selection_chooses_among_the_cells_that_both_data_sets_have() -> None:
    frame = grid(PAIR, (1.0, 2.0, 4.0), 3)
    frame["mig"] = frame["strength"]
    other = grid(PAIR, (2.0, 4.0, 8.0), 3, "cars3d")
    other["mig"] = other["strength"]
    found = selection(pd.concat([frame, other]), resampling=FEW).iloc[:2]
    # On one data set two of six are best and tie; across, two of four.
    assert found["probability"].tolist() == pytest.approx([1 - 2 / 6 / 2, 1 - 2 / 4 / 2])


def test_selection_of_what_transfers_in_part_recovers_the_order() -> None:
    rng = np.random.default_rng(17)
    frames = []
    shared = {f"{m} {s:g}": rng.normal() for m in PAIR for s in (1, 2, 4, 8)}
    for dataset in ("dsprites", "cars3d", "smallnorb"):
        frame = grid(PAIR, (1.0, 2.0, 4.0, 8.0), 8, dataset)
        common = frame["cell"].str.removeprefix(f"{dataset} ").map(shared)
        for name in ("mig", "sap"):
            own = effects(frame, rng, strength=1.0, residual=1.0)
            frame[name] = common + own
        frames.append(frame)
    found = selection(pd.concat(frames), resampling=FEW)
    found = found[found["collapsed"] == "with"].set_index(["same_metric", "same_dataset"])
    probability = found["probability"]
    assert probability[True, True] > probability[True, False] > 0.5
    assert probability[True, True] > probability[False, True] > 0.5
    assert (found["low"] < probability).all()
    assert (probability < found["high"]).all()


def test_transfer_is_scipys_rank_correlation_of_medians() -> None:
    frame = study()
    found = transfer(frame)
    found = found[found["collapsed"] == "with"]
    medians = frame.groupby(["dataset", "model", "strength"])[["mig", "sap"]].median()
    across = found[found["dataset_a"] != found["dataset_b"]]
    assert len(across) == 4
    expected = stats.spearmanr(medians.loc["dsprites", "mig"], medians.loc["cars3d", "mig"])
    row = across[(across["metric"] == "mig") & (across["dataset_a"] == "cars3d")].iloc[0]
    assert row["spearman"] == pytest.approx(expected.statistic)
    assert row["metric_b"] == "mig"
    inside = found[found["dataset_a"] == found["dataset_b"]]
    expected = stats.spearmanr(medians.loc["cars3d", "mig"], medians.loc["cars3d", "sap"])
    row = inside[(inside["metric"] == "mig") & (inside["dataset_a"] == "cars3d")].iloc[0]
    assert row["spearman"] == pytest.approx(expected.statistic)
    assert row["metric_b"] == "sap"


@pytest.mark.parametrize(("seeds", "both"), [(6, 0.0), (6, 0.8), (24, 0.8)])
def test_seed_or_strength_covers_the_probability_of_an_upset(seeds: int, both: float) -> None:
    # Cells at 0, 1 and 2, runs of variance 1: upsets have normal tails beyond 1, 1 and 2.
    rng = np.random.default_rng(13)
    frame = grid(("betavae_h",), (1.0, 2.0, 4.0), seeds)
    means = {f"dsprites betavae_h {s:g}": float(place) for place, s in enumerate((1, 2, 4))}
    truth = float(np.mean(stats.norm.sf(np.array([1, 1, 2]) / math.sqrt(2))))
    seen = []

    def interval(_: int) -> tuple[float, float]:
        noise = effects(frame, rng, strength=means, both=both, residual=1 - both)
        row = seed_or_strength(frame.assign(mig=noise)).iloc[0]
        seen.append(row["probability"])
        return row["low"], row["high"]

    assert covered(120, truth, interval) == pytest.approx(0.95, abs=0.05)
    assert np.mean(seen) == pytest.approx(truth, abs=0.03)


def test_transfer_of_one_metric_on_one_data_set_says_what_is_missing() -> None:
    frame = study(datasets=("dsprites",)).drop(columns=["sap"])
    assert transfer(frame).empty
    assert transfer.missing(frame) == [
        "There is one data set with one metric, and it needs two of either."
    ]
    assert transfer.missing(study()) == []


def test_seed_or_strength_of_three_seeds_has_no_interval_and_warns() -> None:
    frame = study(seeds=3)
    assert seed_or_strength(frame)[["low", "high"]].isna().all(axis=None)
    for said in seed_or_strength.cautions(frame):
        assert "too near ½; an interval needs 4 or more" in said
    assert seed_or_strength.cautions(study(seeds=8)) == []


def test_seeds_needed_pairs_by_seed_and_knows_a_tests_power() -> None:
    rng = np.random.default_rng(14)
    frame = grid(PAIR, (1.0, 4.0), 400)
    # Of each strength's difference the residual is 2, of their mean 1, so Cohen's d is 0.5.
    frame["mig"] = effects(frame, rng, model={PAIR[0]: 0.5, PAIR[1]: 0.0}, seed=100.0, residual=1.0)
    row = seeds_needed(frame).iloc[0]
    assert row[["model_a", "model_b"]].tolist() == list(PAIR)
    assert row["difference"] == pytest.approx(0.5, abs=0.15)
    assert row["seeds"] == pytest.approx(34, abs=16)
    power = seeds_power(frame, resampling=FEW)
    at = power[power["collapsed"] == "with"].set_index("seeds")["power"]
    assert at[30] == pytest.approx(0.8, abs=0.2)
    assert at[100] > at[30] > at[5]


def test_a_missing_strength_is_no_difference_between_models() -> None:
    frame = grid(PAIR, (1.0, 16.0), 5)
    frame["mig"] = frame["strength"] + frame["seed"] / 100
    frame = frame.drop(index=[0, 7])
    assert seeds_needed(frame)["difference"].abs().max() < 0.02


def test_ranking_is_sure_where_seeds_agree_and_even_where_models_do() -> None:
    rng = np.random.default_rng(15)
    frame = grid(("betavae_h", "factorvae", "btcvae"), (1.0, 4.0), 6)
    level = frame["model"].map({"betavae_h": 0.0, "factorvae": 1.0, "btcvae": 2.0})
    frame["mig"] = level + rng.uniform(size=len(frame)) / 4
    frame["sap"] = frame["seed"]
    frame["irs"] = -level
    found = ranking(frame, resampling=FEW)
    found = found[found["collapsed"] == "with"].set_index(["metric", "model", "rank"]).sort_index()
    assert found.loc[("mig", "btcvae", 1), "probability"] == 1
    assert found.loc[("mig", "betavae_h", 3), "probability"] == 1
    assert found.loc["sap", "probability"].to_numpy() == pytest.approx(np.full(9, 1 / 3))
    # Of three metrics two are opposite and one ties all: the sums of ranks are alike.
    assert found["kendall_w"].unique().tolist() == [0]


def test_best_of_costs_nothing_when_the_elbo_tells_all_and_all_when_it_tells_nothing() -> None:
    rng = np.random.default_rng(16)
    frame = grid(PAIR, (1.0, 4.0), 5)
    frame["mig"] = rng.uniform(size=len(frame))
    frame["elbo"], frame["udr"] = -100 + frame["mig"], -frame["mig"]
    found = best_of(frame)
    found = found[found["collapsed"] == "with"].set_index(["chosen_by", "trials"])["value"]
    assert found["metric"].tolist() == pytest.approx(found["elbo"].tolist())
    assert found["metric", 20] == frame["mig"].max()
    assert found["udr", 20] == frame["mig"].min()
    assert found["random"].tolist() == pytest.approx([frame["mig"].mean()] * len(found["random"]))
    assert found["metric"].is_monotonic_increasing


def test_collapse_has_wilsons_interval() -> None:
    frame = grid(("betavae_h",), (1.0, 4.0), 10).assign(active_units=4.0)
    frame.loc[:3, "active_units"] = 0.0
    first, second = collapse(frame).to_dict("records")
    assert (first["runs"], first["collapsed"]) == (10, 4)
    z = stats.norm.ppf(0.975)
    centre, half = 0.4 + z**2 / 20, z * math.sqrt(0.4 * 0.6 / 10 + z**2 / 400)
    assert first["low"] == pytest.approx((centre - half) / (1 + z**2 / 10))
    assert first["high"] == pytest.approx((centre + half) / (1 + z**2 / 10))
    assert (second["collapsed"], second["low"]) == (0, 0)
    assert "collapsed" in prepare(frame)


def test_evaluation_noise_recovers_the_share_it_was_made_with() -> None:
    rng = np.random.default_rng(18)
    frame = grid(PAIR, (1.0, 4.0, 16.0), 200)
    truth = effects(frame, rng, model=9.0, strength=4.0, residual=0.75)
    errors = rng.uniform(0.4, 0.6, len(frame))
    frame["mig"] = truth + errors * rng.standard_normal(len(frame))
    frame["mig_error"] = errors
    row = evaluation_noise(frame).iloc[0]
    noise = np.mean(errors**2)
    assert row["share"] == pytest.approx(noise / (0.75 + noise), abs=0.03)
