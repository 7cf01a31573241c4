"""Facts about the frames: order, names, missing values and the runs chosen to be shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from tests.asked import jobs_of
from tests.store.sample_jobs import make_specs, outcome
from vaebench.analysis import (
    curves,
    jobs,
    long_scores,
    measure,
    representatives,
    runs,
)
from vaebench.outcome import CurvePoint, JobOutcome, Score
from vaebench.spec import JobSpec
from vaebench.store import Reader, Store, environments_of
from vaebench.store.schema import SCORES


def elbo_of(spec: JobSpec) -> float:
    """Seeds 0, 1, 2, 3 have ELBO -30, -10, -40, -20: the median of three is seed 0's."""
    return [-30.0, -10.0, -40.0, -20.0][spec.seed]


def fill(path: Path, spec: list[JobSpec], *, leave: int = 0) -> None:
    with Store(path) as store:
        sweep = store.add_sweep(spec, "vaebench sweep").sweep_id
        for _ in range(len(spec) - leave):
            claim = store.claim(sweep)
            assert claim is not None
            job = claim.spec
            scores = [Score("reconstruction", 10.0 * (job.seed + 1)), Score("mig", None)]
            if job.model != "ae":
                scores += [Score("elbo", elbo_of(job)), Score("kl_latent_00", 1.5)]
            curve = (CurvePoint(10, 5.0, 4.0, None if job.model == "ae" else 1.0),)
            outcome = JobOutcome(job.key, "complete", tuple(scores), curve, train_seconds=2.0)
            assert store.complete(claim, outcome)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "results.db"
    sweep = jobs_of("betavae_h", "ae", "cvae", seeds=(2, 0, 1), betas=(10.0, 0.5))
    fill(path, sweep)
    return path


def test_runs_are_in_reading_order_with_names(database: Path) -> None:
    with Reader.open(database) as reader:
        frame = runs(reader)
    assert list(dict.fromkeys(frame["cell_label"])) == [
        "Autoencoder",
        "CVAE, β = 0.5",
        "CVAE, β = 10",
        "beta-VAE, β = 0.5",
        "beta-VAE, β = 10",
    ]
    assert frame["seed"].tolist() == [0, 1, 2] * 5
    assert frame["job_key"].is_unique
    assert frame["model_title"].iloc[-1] == "beta-VAE (Higgins et al. 2017)"


def test_scores_are_numbers_and_missing_ones_are_nan(database: Path) -> None:
    with Reader.open(database) as reader:
        frame = runs(reader)
    assert {*SCORES, "wall_seconds"} <= set(frame.columns)
    assert all(frame[name].dtype == "float64" for name in SCORES)
    assert frame["mig"].isna().all()
    assert frame["elbo"].isna().tolist() == (frame["model"] == "ae").tolist()
    assert frame["wall_seconds"].tolist() == [2.0] * 15


def test_series_names_what_else_varies(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    grid = {"betavae_b": {"c_max": (5.0, 25.0), "gamma": (100.0, 1000.0)}}
    fill(path, jobs_of("annealedvae", "vae", seeds=(0,), grid=grid))
    with Reader.open(path) as reader:
        frame = runs(reader)
    assert list(dict.fromkeys(frame["series"])) == [
        "VAE", "AnnealedVAE, γ = 100", "AnnealedVAE, γ = 1000"
    ]  # fmt: skip
    assert frame["cell_label"].iloc[1] == "AnnealedVAE, γ = 100, C_max = 5"


def test_jobs_hold_those_that_are_not_done(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    fill(path, jobs_of("vae", seeds=(0, 1, 2)), leave=2)
    with Reader.open(path) as reader:
        assert jobs(reader)["state"].tolist() == ["COMPLETE", "PENDING", "PENDING"]
        assert len(runs(reader)) == 1


def test_an_empty_database_gives_empty_frames_with_columns(tmp_path: Path) -> None:
    with Store(tmp_path / "results.db") as store:
        assert len(jobs(store)) == 0
        frame = runs(store)
        assert len(frame) == 0
        assert {"cell_label", "series", "elbo", "wall_seconds"} <= set(frame.columns)
        assert len(representatives(frame)) == 0
        assert curves(store, []).columns.tolist() == [
            "job_key",
            "step",
            "loss",
            "reconstruction",
            "kl",
        ]
        assert len(long_scores(store, [])) == 0


def test_the_run_with_the_median_elbo_stands_for_its_cell(database: Path) -> None:
    with Reader.open(database) as reader:
        chosen = representatives(runs(reader)).set_index("cell_label")
    assert chosen.loc["CVAE, β = 10", "seed"] == 0
    assert chosen.loc["CVAE, β = 10", "chosen_by"] == "elbo"
    assert chosen.loc["Autoencoder", "seed"] == 1
    assert chosen.loc["Autoencoder", "chosen_by"] == "reconstruction"


def test_of_an_even_number_the_lower_middle_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    fill(path, jobs_of("vae", seeds=(0, 1, 2, 3)))
    with Reader.open(path) as reader:
        assert representatives(runs(reader))["elbo"].tolist() == [-30.0]


def test_curves_and_long_scores_are_of_the_runs_asked_for(database: Path) -> None:
    with Reader.open(database) as reader:
        frame = runs(reader)
        keys = frame["job_key"].tolist()
        found = curves(reader, keys)
        assert found["job_key"].tolist() == keys
        assert found["kl"].isna().sum() == 3
        scores = long_scores(reader, keys[-1:])
    assert scores["name"].tolist() == ["elbo", "kl_latent_00", "mig", "reconstruction"]
    assert math.isnan(scores["value"][2])


def test_values_are_printed_without_nan_or_minus_zero() -> None:
    mig = measure("mig")
    assert [mig.text(v) for v in (0.12345, None, math.nan, math.inf, -0.0001)] == [
        "0.123", "–", "–", "–", "0.000"
    ]  # fmt: skip
    assert measure("kl").label == "KL (nats per image)"


@pytest.mark.parametrize("read", [curves, long_scores])
def test_many_runs_are_read_by_few_statements(
    read: Callable[[Reader, list[str]], pd.DataFrame], tmp_path: Path
) -> None:
    specs = make_specs(40)
    with Store(tmp_path / "results.db") as store:
        sweep = store.add_sweep(specs, "a sweep").sweep_id
        while claim := store.claim(sweep):
            store.complete(claim, outcome(claim.spec))
        keys = [spec.key for spec in reversed(specs)]
        one_by_one = pd.concat([read(store, [key]) for key in keys], ignore_index=True)
        statements: list[str] = []
        sa.event.listen(store.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
        frame = read(store, keys)
        assert sum(text.startswith("SELECT") for text in statements) == 1
        assert len(environments_of(store, keys)) == 1
        assert sum(text.startswith("SELECT") for text in statements) == 3
    pd.testing.assert_frame_equal(frame, one_by_one)
    assert list(dict.fromkeys(frame["job_key"])) == keys
