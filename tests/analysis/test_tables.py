"""Facts that hold for every table: columns, versions, repeatability, and frames with too little."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd
import pytest

from tests.analysis.studies import effects, grid
from vaebench.analysis import TABLES, Resampling, Split, Statistic, measure
from vaebench.metrics.downstream import TASKS

FEW = Resampling(20)
NAMES = (
    *("mig", "sap", "beta_vae_score", "dci_disentanglement", "reconstruction", "kl", "elbo", "udr"),
    *("gaussian_total_correlation", "sampled_gaussian_total_correlation"),
    *("downstream_logistic_10", "downstream_logistic_100", "downstream_logistic_efficiency"),
)
EVERY = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def study(
    models: tuple[str, ...] = ("betavae_h", "factorvae"), seeds: int = 3, dataset: str = "dsprites"
) -> pd.DataFrame:
    """Every metric of every run, some of them collapsed."""
    frame = grid(models, (1.0, 2.0, 4.0), seeds, dataset)
    rng = np.random.default_rng(0)
    figures = {name: effects(frame, rng, seed=0.5, residual=0.5) for name in NAMES}
    figures["active_units"] = np.r_[0.0, 0.0, rng.integers(1, 10, len(frame) - 2)]
    return pd.concat([frame, pd.DataFrame(figures)], axis=1)


SHORT = {
    "no run": study().iloc[:0],
    "one run": study().iloc[:1],
    "one run of a VAE": study(("vae",), 1).iloc[:1],
    "one model": study(("vae",)),
    "one seed": study(seeds=1),
    "two seeds": study(seeds=2),
    "nothing known": study().assign(**dict.fromkeys(NAMES, math.nan), active_units=math.nan),
    "all the same": study().assign(**dict.fromkeys(NAMES, 0.5)),
    "all collapsed": study().assign(active_units=0.0),
    "an old database": study().drop(columns=list(NAMES)),
    "no strength": study().assign(strength=math.nan),
    "one fold": study().assign(fold=0.0, folds=3.0),
}


def two_settings() -> pd.DataFrame:
    both = [study().assign(setting="aaaa"), study(seeds=4).assign(setting="bbbb")]
    frame = pd.concat(both, ignore_index=True)
    return frame.assign(cell=frame["cell"] + frame["setting"])


@cache
def split(name: str) -> Split:
    """A frame by its name, made ready once for all tables."""
    if name in SHORT:
        return Split.of(SHORT[name], FEW)
    one = study()
    frames = {
        "one": lambda: one,
        "shuffled": lambda: one.sample(frac=1.0, random_state=3),
        "two data sets": lambda: pd.concat([one, study(dataset="cars3d")], ignore_index=True),
        "two settings": two_settings,
        "a short setting": lambda: pd.concat(
            [two_settings(), study(seeds=1).iloc[:1].assign(setting="cccc", cell="c")]
        ),
    }
    return Split.of(frames[name](), FEW)


def test_names_are_unique_and_each_table_says_what_it_is() -> None:
    names = [table.name for table in TABLES]
    assert len(set(names)) == len(names)
    assert all(table.title and table.__doc__ for table in TABLES)
    assert {
        "metric_correlation", "unsupervised_correlation", "downstream_correlation",
        "total_correlation", "variance_components", "variance_explained",
    } <= set(names)  # fmt: skip


@EVERY
def test_columns_come_first_then_the_version(table: Statistic) -> None:
    found = table(split("two data sets"))
    first = [*table.columns, *(["collapsed"] if table.versions else [])]
    assert found.columns[: len(first)].tolist() == first
    if table.versions and len(found):
        assert set(found["collapsed"]) == {"with", "without"}


@EVERY
def test_intervals_hold_their_figure_and_repeat(table: Statistic) -> None:
    found = table(split("one"))
    again = table(split("shuffled"))
    pd.testing.assert_frame_equal(found, again)
    figure = next((n for n in ("spearman", "share", "mean", "probability") if n in found), None)
    if figure and "low" in found.columns:
        known = found.dropna(subset=["low", "high"])
        assert (known["low"] <= known[figure] + 1e-12).all()
        assert (known[figure] <= known["high"] + 1e-12).all()


@EVERY
@pytest.mark.parametrize("short", SHORT)
def test_too_little_gives_columns_or_a_reason_and_no_nonsense(table: Statistic, short: str) -> None:
    runs = split(short)
    found = table(runs)
    assert found.columns[: len(table.columns)].tolist() == list(table.columns)
    assert len(found) or table.missing(runs) or runs.runs["mig"].nunique() == 1
    assert all(said.endswith(".") for said in [*table.missing(runs), *table.cautions(runs)])
    numbers = found.select_dtypes("float")
    assert not np.isinf(numbers.to_numpy()).any()


@EVERY
def test_two_settings_of_a_data_set_are_told_apart(table: Statistic) -> None:
    found = table(split("two settings"))
    if len(found) and "setting" in found.columns:
        assert {"aaaa", "bbbb"} <= set(found["setting"])
    missing = table.missing(split("a short setting"))
    assert len(set(missing)) == len(missing)


def test_names_of_figures_are_read() -> None:
    task = TASKS["downstream_boosted_1000"]
    assert (task.predictor, task.labels) == ("boosted", 1000)
    assert "downstream_logistic_efficiency" in TASKS
    assert "sampled_downstream_logistic_10" not in TASKS
    assert measure("downstream_boosted_1000").title == "Boosted trees, 1,000 labels"
    assert measure("sampled_mig").title == "MIG, sampled"
    assert measure("sampled_mig").high == 1.0
    assert measure("gaussian_total_correlation").better is None
