"""What the page says in words: numbers of the tables, claims no surer than the runs allow."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.report.databases import report, sweep, write
from vaebench.analysis import TABLES, Split
from vaebench.report.answers import answers, decides
from vaebench.report.figures import FigureData, View
from vaebench.report.phrases import Answer, whole


def frame(
    seeds: int, *, model: float, strength: float, seed: float, noise: float = 0.01
) -> pd.DataFrame:
    """Runs of three models at four strengths whose MIG has effects of known spread."""
    rng = np.random.default_rng(5)
    models = dict(zip(("betavae_h", "btcvae", "factorvae"), (-1.0, 0.0, 1.0), strict=True))
    strengths = dict(zip((1.0, 2.0, 4.0, 8.0), (-1.0, -0.3, 0.3, 1.0), strict=True))
    of_seed = rng.standard_normal(seeds)
    of_seed = (of_seed - of_seed.mean()) / of_seed.std()
    rows = [
        {
            "dataset": "dsprites",
            "setting": "s",
            "job_key": f"{name} {value} {place}",
            "model": name,
            "strength_name": "beta",
            "strength": value,
            "cell": f"{name} {value}",
            "seed": place,
            "fold": np.nan,
            "active_units": 5.0,
            "elbo": -100 - effect - value + rng.standard_normal(),
            "mig": 0.5 + model * effect + strength * by + seed * of_seed[place]
            + noise * rng.standard_normal(),
        }
        for name, effect in models.items()
        for value, by in strengths.items()
        for place in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def view(runs: pd.DataFrame) -> View:
    split = Split.of(runs)
    return FigureData(runs, {table.name: table(split) for table in TABLES}).views[0]


def said(runs: pd.DataFrame, figure: str) -> Answer:
    split = Split.of(runs)
    missing = {table.name: table.missing(split) for table in TABLES}
    return next(each for each in answers(view(runs), missing) if each.figure == figure)


@pytest.mark.parametrize("part", ["model", "strength", "seed"])
def test_the_part_that_decides_is_named_with_its_numbers(part: str) -> None:
    effects = {"model": 0.01, "strength": 0.01, "seed": 0.01, part: 0.2}
    runs = frame(8, **effects)
    answer = said(runs, "variance_components")
    assert answer.claim == f"The {part} decides most of MIG."
    table = next(table for table in TABLES if table.name == "variance_components")(runs)
    rows = table[(table["metric"] == "mig") & (table["collapsed"] == "with")]
    for name, row in rows.drop_duplicates("part").set_index("part").iterrows():
        low, high = 100 * row["part_low"], 100 * row["part_high"]
        expected = f"the {name} {100 * row['part_share']:.0f} % [{low:.0f}–{high:.0f}]"
        assert expected in answer.text


def test_few_seeds_make_no_claim_sure() -> None:
    answer = said(frame(3, model=0.01, strength=0.01, seed=0.2), "variance_components")
    assert "not surely" in answer.claim
    assert "not surely" in said(frame(3, model=0.2, strength=0.01, seed=0.01), "iqm").claim
    assert "not" not in said(frame(8, model=0.2, strength=0.01, seed=0.01), "iqm").claim


def test_one_seed_gives_what_is_missing_instead() -> None:
    runs = frame(2, model=0.1, strength=0.1, seed=0.1)
    runs = runs[runs["seed"] == 0]
    split = Split.of(runs)
    missing = {table.name: table.missing(split) for table in TABLES}
    answer = decides(view(runs), missing)
    assert answer is not None
    assert "cannot tell" in answer.claim
    assert "1 seed" in answer.text


def test_a_good_seed_against_good_hyperparameters() -> None:
    strong = said(frame(8, model=0.2, strength=0.1, seed=0.001), "seed_or_strength")
    assert strong.claim == "Good hyperparameters beat a good seed."
    weak = said(frame(8, model=0.001, strength=0.001, seed=0.001, noise=0.2), "seed_or_strength")
    assert "about as much" in weak.claim


def test_what_choosing_costs_is_the_table_s() -> None:
    runs = frame(6, model=0.1, strength=0.1, seed=0.05)
    answer = said(runs, "best_of")
    table = next(table for table in TABLES if table.name == "best_of")(runs)
    rows = table[
        (table["metric"] == "mig") & (table["trials"] == 10) & (table["collapsed"] == "with")
    ].set_index("chosen_by")["value"]
    numbers = [float(text) for text in re.findall(r"(?<![\d.])0\.\d{3}", answer.text)]
    assert numbers[:3] == pytest.approx([rows["metric"], rows["elbo"], rows["random"]], abs=6e-4)


def test_collapsed_runs_are_counted_with_what_they_score() -> None:
    runs = frame(4, model=0.1, strength=0.1, seed=0.1).assign(modularity=0.3, kl=1.0)
    fallen = (runs["model"] == "btcvae") & (runs["seed"] == 1)
    runs.loc[fallen, ["active_units", "modularity"]] = [0.0, 0.91]
    answer = said(runs, "collapse")
    assert answer.claim == "4 of 48 runs collapsed."
    assert "beta-TCVAE 4 of 16" in answer.text
    assert "Modularity 0.910 to 0.910" in answer.text


@pytest.mark.parametrize(("share", "said"), [(-0.031, "−3"), (-0.001, "0"), (1, "100")])
def test_whole_shares_have_a_proper_sign(share: float, said: str) -> None:
    assert whole(share) == said


def test_sentences_call_data_sets_as_the_literature_does(tmp_path: Path) -> None:
    path = write(tmp_path / "results.db", sweep(["vae", "betavae_h"], seeds=1))
    text = report(path, tmp_path / "out").index.read_text()
    assert "dSprites has 1 seed" in text
    assert "dsprites has" not in text
