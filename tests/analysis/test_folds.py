"""Facts about the choice of a strength by cross-validation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.analysis.studies import grid
from vaebench.analysis.tables import cross_validation, variance_components, variance_explained


def folded(folds: int = 5) -> pd.DataFrame:
    """Two models of three strengths in one cross-validation; strength 2 is the best."""
    base = grid(("cvae", "betavae_h"), (1.0, 2.0, 4.0), 1)
    frame = pd.concat([base.assign(fold=float(f), folds=folds) for f in range(folds)])
    frame = frame.reset_index(drop=True)
    rng = np.random.default_rng(0)
    own = frame["strength"].map({1.0: -10.0, 2.0: -8.0, 4.0: -12.0})
    shared = rng.standard_normal(folds)[frame["fold"].astype(int)]
    frame["elbo"] = own + shared + 0.1 * rng.standard_normal(len(frame))
    frame["reconstruction"] = -frame["elbo"]
    frame["kl"] = 1.0
    return frame


def test_the_best_mean_is_chosen_by_the_direction_of_each_metric() -> None:
    table = cross_validation(folded())
    assert table.columns[:9].tolist() == [
        "dataset", "model", "strength", "metric", "mean", "low", "high", "chosen", "collapsed"
    ]  # fmt: skip
    assert set(table["metric"]) == {"elbo", "reconstruction"}
    chosen = table[table["chosen"]]
    assert set(chosen["strength"]) == {2.0}
    assert len(chosen) == 2 * 2 * 2
    assert (table["folds"] == 5).all()


def test_differences_are_fold_by_fold_with_the_correction() -> None:
    frame = folded()
    table = cross_validation(frame)
    here = table[
        (table["model"] == "cvae") & (table["metric"] == "elbo") & (table["collapsed"] == "with")
    ].set_index("strength")
    wide = frame[frame["model"] == "cvae"].pivot(index="fold", columns="strength", values="elbo")
    apart = wide[4.0] - wide[2.0]
    half = stats.t.ppf(0.975, 4) * apart.std() * math.sqrt(1 / 5 + 1 / 4)
    assert here.loc[4.0, "difference"] == pytest.approx(apart.mean())
    assert here.loc[4.0, "difference_low"] == pytest.approx(apart.mean() - half)
    assert here.loc[4.0, "difference_high"] < 0
    assert here.loc[2.0, "difference"] == 0.0
    whole = here.loc[4.0, "high"] - here.loc[4.0, "low"]
    expected = 2 * stats.t.ppf(0.975, 4) * wide[4.0].std() * math.sqrt(1 / 5 + 1 / 4)
    assert whole == pytest.approx(expected)


def test_without_folds_there_is_no_choice_and_folds_are_no_seeds() -> None:
    seeds = grid(("cvae",), (1.0, 2.0), 5).assign(elbo=np.arange(10.0))
    assert cross_validation.missing(seeds) == ["dsprites has 0 folds, and it needs 2 or more."]
    assert len(cross_validation(seeds)) == 0
    assert variance_components.missing(folded()) == [
        "dsprites has 1 seed (folds share training data and are none), and it needs 2 or more."
    ]
    assert "has folds" in variance_explained.cautions(folded())[0]
