"""Facts about variance components: ANOVA, statsmodels, known effects, coverage, R²."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from tests.analysis.studies import MODELS, STRENGTHS, effects, grid
from vaebench.analysis import Resampling, r_squared
from vaebench.analysis.moments import COMPONENTS, Design, moments, shares
from vaebench.analysis.reml import reml
from vaebench.analysis.tables import variance_components, variance_explained

TRUTH = {"model": 0.3, "strength": 0.2, "seed": 0.1, "both": 0.15, "residual": 0.25}
CELLS = np.repeat(np.arange(6), 6)


def made(seeds: int, rng: int, **sizes: float) -> np.ndarray:
    """A balanced study of six models, six strengths, as cells by seeds."""
    frame = grid(MODELS, STRENGTHS, seeds)
    values = effects(frame, np.random.default_rng(rng), **(TRUTH | sizes))
    return values.reshape(36, seeds)


def anova(values: np.ndarray) -> list[float]:
    """Components of a balanced design [I, J, K] from its mean squares."""
    i, j, k = values.shape
    mean, model, cell = values.mean(), values.mean((1, 2)), values.mean(2)
    seed, both = values.mean((0, 1)), values.mean(1)
    rest = values - cell[:, :, None] - both[:, None] + model[:, None, None]
    interaction = both - model[:, None] - seed + mean
    of_model = j * k * ((model - mean) ** 2).sum() / (i - 1)
    of_strength = k * ((cell - model[:, None]) ** 2).sum() / (i * (j - 1))
    of_seed = i * j * ((seed - mean) ** 2).sum() / (k - 1)
    of_both = j * (interaction**2).sum() / ((i - 1) * (k - 1))
    of_rest = (rest**2).sum() / (i * (j - 1) * (k - 1))
    return [
        (of_model - of_strength - of_both + of_rest) / (j * k),
        (of_strength - of_rest) / k,
        (of_seed - of_both) / (i * j),
        (of_both - of_rest) / j,
        of_rest,
    ]


def ones(seeds: int) -> np.ndarray:
    return np.ones((1, seeds))


@pytest.mark.parametrize("seeds", [2, 3, 7])
def test_moments_of_a_balanced_design_are_the_mean_squares(seeds: int) -> None:
    values = made(seeds, seeds)
    found = moments(values, CELLS, ones(seeds))[0]
    assert found == pytest.approx(anova(values.reshape(6, 6, seeds)), abs=1e-12)


def test_reml_of_a_balanced_design_is_the_mean_squares_where_none_is_negative() -> None:
    values = made(8, 1)
    expected = anova(values.reshape(6, 6, 8))
    assert min(expected) > 0
    assert reml(values, CELLS) == pytest.approx(expected, rel=1e-5)


def restricted(values: np.ndarray, components: np.ndarray) -> float:
    """Twice the negative restricted log-likelihood of all six models, from the whole covariance."""
    cell, seed = np.nonzero(np.isfinite(values))
    y, model = values[cell, seed], CELLS[cell]
    same = {
        "model": model[:, None] == model,
        "strength": cell[:, None] == cell,
        "seed": seed[:, None] == seed,
    }
    same["model:seed"] = same["model"] & same["seed"]
    same["residual"] = np.eye(len(y), dtype=bool)
    covariance = sum(c * same[n] for n, c in zip(COMPONENTS, components, strict=True))
    inverse = np.linalg.inv(covariance)
    one = np.ones(len(y))
    information = one @ inverse @ one
    left = y - one @ inverse @ y / information
    return np.linalg.slogdet(covariance)[1] + np.log(information) + left @ inverse @ left


@pytest.mark.parametrize("gone", [0.0, 0.15])
def test_reml_is_never_negative_and_no_components_fit_better(gone: float) -> None:
    rng = np.random.default_rng(12)
    values = made(5, 12, seed=0.0, both=0.0)
    values[rng.random(values.shape) < gone] = math.nan
    assert moments(values, CELLS, ones(5))[0].min() < 0
    found = reml(values, CELLS)
    assert (found >= 0).all()
    best = restricted(values, found)
    assert best < restricted(values, np.maximum(moments(values, CELLS, ones(5))[0], 0))
    for _ in range(200):
        other = np.maximum(found + 0.02 * rng.standard_normal(5) * rng.random(5), 0)
        assert best <= restricted(values, other) + 1e-5


def test_reml_stands_a_metric_without_residual() -> None:
    dead = np.full((6, 6, 5), 4.0)
    dead[1, :, 0] = 0.0  # one seed of one model, whatever the strength
    found = reml(dead.reshape(36, 5), CELLS)
    both = COMPONENTS.index("model:seed")
    assert shares(found[None])[0, both] == pytest.approx(1, abs=1e-6)
    assert found[both] == pytest.approx(anova(dead)[both])


def test_reml_with_runs_missing_is_statsmodels() -> None:
    frame = grid(("vae", "betavae_h", "factorvae"), (1.0, 2.0, 3.0), 5)
    frame["y"] = effects(frame, np.random.default_rng(4), **TRUTH)
    kept = frame.drop(index=[0, 7, 8, 20, 33])
    kept = kept.assign(pair=kept["model"] + kept["seed"].astype(str), one=1)
    formulas = {name: f"0 + C({name})" for name in ("model", "cell", "seed", "pair")}
    fit = sm.MixedLM.from_formula("y ~ 1", groups="one", vc_formula=formulas, data=kept)
    theirs = fit.fit(reml=True, method=["lbfgs"])
    by_name = dict(zip(fit.exog_vc.names, theirs.vcomp, strict=True))
    cells = frame["cell"].unique()
    values = np.full((9, 5), math.nan)
    for each in kept.itertuples():
        values[list(cells).index(each.cell), each.seed] = each.y
    ours = reml(values, np.repeat(np.arange(3), 3))
    expected = [by_name[name] for name in ("model", "cell", "seed", "pair")] + [theirs.scale]
    assert ours == pytest.approx(expected, rel=2e-3, abs=2e-4)


def test_moments_are_unbiased_with_runs_missing() -> None:
    rng = np.random.default_rng(5)
    gone = rng.random((36, 6)) < 0.2
    shapes = ((6, 1), (36, 1), (1, 6), (6, 6), (36, 6))
    places = (CELLS, np.arange(36), np.zeros(36, dtype=int), CELLS, np.arange(36))
    found = []
    for _ in range(3000):
        values = np.zeros((36, 6))
        for size, shape, place in zip(TRUTH.values(), shapes, places, strict=True):
            values += math.sqrt(size) * rng.standard_normal(shape)[place]
        values[gone] = math.nan
        found.append(moments(values, CELLS, ones(6))[0])
    error = np.std(found, axis=0) / math.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - list(TRUTH.values())) < 4 * error).all()


def test_resampled_moments_are_not_biased() -> None:
    """A seed drawn twice is not compared with itself: no (K - 1) / K, as in plain resampling."""
    values = made(4, 6)
    weights = Resampling(40_000).weights("x", 4)
    found = moments(values, CELLS, weights)
    # Weighted means of pairs: unbiased as ratios, so exactly only where weights are few.
    pairs = (weights.sum(axis=1) ** 2 - (weights**2).sum(axis=1))[:, None]
    kept = np.isfinite(found[:, 0])
    seed = (found * pairs)[kept].sum(axis=0) / pairs[kept].sum()
    assert seed[2:4] == pytest.approx(moments(values, CELLS, ones(4))[0, 2:4], abs=0.01)


def test_what_cannot_be_told_apart_is_left_out() -> None:
    known = np.ones((6, 4), dtype=bool)
    assert Design(np.zeros(6, dtype=int), known).present() == ("strength", "seed", "residual")
    assert Design(np.arange(6), known).present() == ("model", "seed", "residual")
    assert Design(np.array([0, 0, 0, 1, 1, 1]), known).present() == COMPONENTS


@pytest.mark.parametrize("models", [np.zeros(36, dtype=int), np.arange(36)])
def test_reml_and_moments_agree_without_models_or_without_strengths(models: np.ndarray) -> None:
    values = made(9, 7)
    ours, theirs = reml(values, models), moments(values, models, ones(9))[0]
    assert (np.isnan(ours) == np.isnan(theirs)).all()
    kept = np.isfinite(ours)
    assert ours[kept] == pytest.approx(theirs[kept], rel=1e-5)


def test_known_components_are_recovered() -> None:
    found = np.mean([shares(reml(made(40, 50 + i), CELLS)[None])[0] for i in range(12)], axis=0)
    # Six models tell their variance to within its half; what seeds decide is known well.
    assert found[2:].sum() == pytest.approx(0.5, abs=0.12)
    ratio = found[2:] / found[2:].sum()
    assert ratio == pytest.approx([0.2, 0.3, 0.5], abs=0.04)


def covered(seeds: int, studies: int) -> np.ndarray:
    """The share of intervals that hold the truth, by component; models and strengths stay."""
    frame = grid(MODELS, STRENGTHS, seeds)
    rng = np.random.default_rng(8)
    fixed = {"model": dict(zip(MODELS, 0.5 * rng.standard_normal(6), strict=True))}
    cells = frame["cell"].unique()
    fixed["strength"] = dict(zip(cells, 0.4 * rng.standard_normal(36), strict=True))
    means = effects(frame, rng, **fixed).reshape(36, seeds)
    sizes = {"seed": 0.1, "both": 0.15, "residual": 0.35}
    truth = moments(means, CELLS, ones(seeds))[0]
    truth[2:] = list(sizes.values())
    truth /= truth.sum()
    how, held = Resampling(400), []
    for _ in range(studies):
        frame["mig"] = effects(frame, rng, **fixed, **sizes)
        table = variance_components(frame, resampling=how)
        table = table[table["collapsed"] == "with"].set_index("component").loc[list(COMPONENTS)]
        held.append((table["low"] <= truth) & (truth <= table["high"]))
    return np.mean(held, axis=0)


ROOM = {"model": 0.04, "strength": 0.04, "seed": 0.09, "model:seed": 0.04, "residual": 0.04}
"""How far from 95 % coverage may be: of a variance between few seeds, farther."""


def test_intervals_hold_the_true_shares() -> None:
    held = covered(10, 60)
    for share, room in zip(held, ROOM.values(), strict=True):
        assert share == pytest.approx(0.95, abs=room + 0.06)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [5, 10, 30])
def test_intervals_hold_the_true_shares_in_many_studies(seeds: int) -> None:
    held = covered(seeds, 400)
    for share, room in zip(held, ROOM.values(), strict=True):
        assert share == pytest.approx(0.95, abs=room + 0.02)


def test_the_table_says_how_it_was_estimated_and_sums_to_one() -> None:
    for seeds, method in ((3, "expected mean squares cut at 0"), (5, "REML")):
        frame = grid(seeds=seeds)
        frame["mig"] = effects(frame, np.random.default_rng(9), **TRUTH)
        table = variance_components(frame, resampling=Resampling(50))
        assert table.columns[:8].tolist() == [
            "dataset", "metric", "component", "share", "low", "high", "method", "collapsed"
        ]  # fmt: skip
        here = table[table["collapsed"] == "with"]
        assert here["component"].tolist() == list(COMPONENTS)
        assert set(here["method"]) == {method}
        assert here["share"].sum() == pytest.approx(1.0)
        assert (here["low"] <= here["share"]).all()
        assert (here["share"] <= here["high"]).all()
        parts = here.drop_duplicates("part").set_index("part")["part_share"]
        assert parts.sum() == pytest.approx(1.0)
        assert parts["seed"] == pytest.approx(here["share"].iloc[2:].sum())


def test_order_of_runs_does_not_matter() -> None:
    frame = grid(seeds=5)
    frame["mig"] = effects(frame, np.random.default_rng(10), **TRUTH)
    frame["active_units"] = [0.0] * 7 + [4.0] * 173
    how = Resampling(50)
    shuffled = frame.sample(frac=1.0, random_state=2)
    ours, theirs = (variance_components(each, resampling=how) for each in (frame, shuffled))
    pd.testing.assert_frame_equal(ours, theirs)


def test_constant_metrics_and_udr_have_no_share() -> None:
    frame = grid(seeds=3).assign(mig=0.1 + 0.2, udr=0.0)
    frame["sap"] = np.random.default_rng(0).random(len(frame))
    frame["udr"] = frame["sap"]
    table = variance_components(frame, resampling=Resampling(10))
    assert set(table["metric"]) == {"sap"}
    assert set(variance_explained(frame)["metric"]) == {"sap", "all"}


def test_one_seed_is_missing() -> None:
    frame = grid(seeds=1).assign(mig=np.arange(36.0))
    assert variance_components.missing(frame) == ["dsprites has 1 seed, and it needs 2 or more."]
    assert len(variance_components(frame)) == 0


def test_explained_variance_is_that_of_least_squares_and_averages() -> None:
    frame = pd.concat([grid(seeds=3), grid(seeds=4, dataset="cars3d")], ignore_index=True)
    rng = np.random.default_rng(11)
    for name in ("mig", "sap", "irs"):
        frame[name] = effects(frame, rng, **TRUTH)
    table = variance_explained(frame)
    table = table[table["collapsed"] == "with"]
    here = table[(table["dataset"] == "cars3d") & (table["metric"] == "mig")].iloc[0]
    runs = frame[frame["dataset"] == "cars3d"]
    for level in ("model", "cell"):
        design = pd.get_dummies(runs[level], drop_first=True).astype(float)
        fit = sm.OLS(runs["mig"], sm.add_constant(design)).fit()
        assert here[f"{level}_r2"] == pytest.approx(fit.rsquared)
        assert here[f"{level}_adjusted"] == pytest.approx(fit.rsquared_adj)
    every = table[table["dataset"] == "all"].iloc[0]
    studied = table[table["metric"].isin(["mig", "sap"])]
    assert every["cell_r2"] == pytest.approx(studied["cell_r2"].mean())
    assert every["runs"] == 2 * (108 + 144)


def test_a_single_run_per_cell_has_no_r2_of_the_cell() -> None:
    frame = grid(seeds=1).assign(mig=np.random.default_rng(0).random(36))
    here = variance_explained(frame).iloc[0]
    assert math.isnan(here["cell_r2"])
    expected = r_squared(frame["mig"].tolist(), frame["model"].tolist())
    assert expected is not None
    assert here["model_r2"] == pytest.approx(expected.value)
