"""Facts about runs made ready: order, collapsed and identical runs, what is missing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.analysis.studies import grid
from tests.asked import jobs_of
from vaebench.analysis import Resampling, Sample, Split, prepare, samples, wide_runs
from vaebench.analysis.sample import score_columns, versions
from vaebench.analysis.tables import Needs, Rows, table
from vaebench.errors import UsageError
from vaebench.outcome import JobOutcome, Score
from vaebench.store import Reader, Store


def trained(seeds: int = 3) -> pd.DataFrame:
    """Runs of beta-VAE and beta-TCVAE, which are the same trainings at beta 1."""
    frame = grid(("btcvae", "betavae_h"), (1.0, 4.0), seeds)
    rng = np.random.default_rng(0)
    for name in ("reconstruction", "elbo", "mig"):
        frame[name] = rng.random(len(frame))
    for name in ("reconstruction", "elbo", "mig"):
        first = frame.loc[(frame["model"] == "btcvae") & (frame["strength"] == 1), name]
        same = (frame["model"] == "betavae_h") & (frame["strength"] == 1)
        frame.loc[same, name] = first.to_numpy()
    return frame


def test_the_same_training_under_two_names_is_flagged_once() -> None:
    ready = prepare(trained().assign(udr=np.arange(12.0)))
    flagged = ready[ready["duplicate"]]
    assert flagged["model"].tolist() == ["btcvae"] * 3
    assert flagged["strength"].tolist() == [1.0] * 3
    (sample,) = samples(ready)
    assert len(sample.pooled.runs) == 9
    assert sample.pooled.pooled is sample.pooled


def test_one_figure_that_differs_makes_two_runs() -> None:
    frame = trained()
    frame.loc[0, "mig"] += 1e-9
    assert prepare(frame)["duplicate"].sum() == 2


def test_equal_figures_of_a_cell_or_without_an_elbo_are_chance() -> None:
    frame = trained().drop(columns="elbo")
    assert not prepare(frame)["duplicate"].any()
    same = trained().query("model == 'btcvae'").assign(reconstruction=1.0, elbo=2.0, mig=0.0)
    assert not prepare(same[same["strength"] == 1])["duplicate"].any()


def test_runs_without_an_active_unit_collapsed() -> None:
    ready = prepare(trained().assign(active_units=[0, 1, math.nan] * 4))
    assert ready["collapsed"].sum() == 4
    found = dict(versions(Split.of(ready)))
    assert (len(found["with"].runs), len(found["without"].runs)) == (12, 8)
    healthy = Split.of(trained())
    assert all(part is healthy for _, part in versions(healthy))
    assert Split.of(healthy) is healthy
    assert Split.of(healthy, Resampling(7)).samples[0].resampling.count == 7


def test_order_of_rows_does_not_matter() -> None:
    frame = trained()
    shuffled = frame.sample(frac=1.0, random_state=1)
    columns = [c for c in frame.columns if c != "job_key"]
    pd.testing.assert_frame_equal(prepare(frame)[columns], prepare(shuffled)[columns])


def test_a_frame_without_seeds_is_refused() -> None:
    with pytest.raises(UsageError, match="no column cell, seed"):
        prepare(trained().drop(columns=["seed", "cell"]))


def test_grid_is_cells_by_seeds_and_folds_are_meaned() -> None:
    frame = pd.concat([grid(("vae",), (1.0, 2.0), 2).assign(fold=f) for f in (0.0, 1.0)])
    frame["mig"] = [0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, math.nan]
    (sample,) = samples(prepare(frame))
    assert sample.grid("mig").tolist() == [[5.0, 6.0], [7.0, 3.0]]
    assert sample.seeds.tolist() == [0, 1]


def test_weights_are_shared_by_a_sample_and_its_pooled_one() -> None:
    (sample,) = samples(prepare(trained()), Resampling(20))
    assert np.array_equal(sample.weights, sample.pooled.weights)


@table("dataset runs", title="", needs=Needs(runs=3, seeds=2, metrics=(("mig", "sap"),)))
def counted(samples: list[Sample]) -> Rows:
    return [{"dataset": s.dataset, "runs": len(s.runs), "more": 1} for s in samples]


def test_a_table_has_its_columns_first_with_and_without_collapsed_runs() -> None:
    frame = trained().assign(active_units=[0] + [1] * 11)
    found = counted(frame)
    assert counted.name == "counted"
    assert found.columns.tolist() == ["dataset", "runs", "collapsed", "more"]
    assert found["collapsed"].tolist() == ["with", "without"]
    assert found["runs"].tolist() == [12, 11]


def test_a_table_without_runs_has_columns_and_a_reason() -> None:
    short = trained(seeds=1)
    assert counted(short).columns.tolist() == ["dataset", "runs", "collapsed"]
    assert len(counted(short)) == 0
    assert counted.missing(short) == ["dsprites has 1 seed, and it needs 2 or more."]
    assert counted.missing(trained().assign(mig=math.nan)) == [
        "dsprites has none of MIG, SAP, and it needs 1 or more."
    ]
    assert counted.missing(trained().iloc[:0]) == ["There is no finished run."]
    assert counted.missing(trained()) == []
    folded = trained(seeds=1).assign(fold=range(4))
    assert "folds share training data" in counted.missing(folded)[0]


def test_a_data_set_that_has_too_little_is_left_out_and_named() -> None:
    other = trained(seeds=1).assign(dataset="cars3d")
    both = pd.concat([trained(), other])
    assert counted(both)["dataset"].tolist() == ["dsprites", "dsprites"]
    assert counted.missing(both) == ["cars3d has 1 seed, and it needs 2 or more."]


def test_wide_runs_hold_every_stored_figure(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    sweep = jobs_of("vae", seeds=(0, 1))
    with Store(path) as store:
        number = store.add_sweep(sweep, "vaebench sweep").sweep_id
        for _ in range(2):
            claim = store.claim(number)
            assert claim is not None
            names = ["mig", "sampled_mig", "downstream_logistic_10", "kl_latent_00"]
            scores = tuple(Score(name, place + claim.spec.seed) for place, name in enumerate(names))
            scores += (Score("sampled_sap", None if claim.spec.seed else math.inf),)
            scores += (Score("irs", 0.5), Score("sap", 0.5, low=0.4, high=0.4 + 0.196))
            assert store.complete(claim, JobOutcome(claim.spec.key, "complete", scores))
    with Reader.open(path) as reader:
        frame = wide_runs(reader)
    assert frame["mig"].tolist() == [0.0, 1.0]
    assert frame["sampled_mig"].tolist() == [1.0, 2.0]
    assert frame["downstream_logistic_10"].tolist() == [2.0, 3.0]
    assert frame.get("sampled_sap", pd.Series([math.nan])).isna().all()
    assert "kl_latent_00" not in frame.columns
    assert frame["sap_error"].tolist() == pytest.approx([0.05, 0.05], rel=1e-4)
    assert "irs_error" not in frame.columns
    assert "sap_error" not in score_columns(frame)
