"""Codes in the store, and scores of a run among the others of its cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from tests.store.sample_jobs import make_specs, outcome
from vaebench.analysis import udr_scores
from vaebench.metrics import udr
from vaebench.outcome import Representation, Score
from vaebench.spec import JobSpec
from vaebench.store import Reader, Store, results_of


def codes_of(spec: JobSpec) -> np.ndarray:
    """Latents that seeds 0 and 1 agree on up to order and sign; seed 2 has them mixed."""
    truth = np.random.default_rng(0).uniform(-1, 1, (200, 3)).astype(np.float32)
    noise = 0.01 * np.random.default_rng(spec.seed).normal(size=(200, 3))
    how = [np.eye(3), -np.eye(3)[[1, 2, 0]], np.linalg.qr(np.ones((3, 3)) + np.eye(3))[0]]
    return (truth @ how[spec.seed % 3] + noise).astype("<f4")


def run_all(store: Store, specs: list[JobSpec], **values: object) -> int:
    """Adds a sweep and ends its jobs with their codes."""
    sweep = store.add_sweep(specs, "a sweep").sweep_id
    while claim := store.claim(sweep):
        codes = codes_of(claim.spec)
        kl = [Score(f"kl_latent_{i:02d}", 1.0) for i in range(3)]
        stored = {"representation": Representation(200, 3, codes.tobytes()), "scores": tuple(kl)}
        assert store.complete(claim, outcome(claim.spec, **{**stored, **values}))
    return sweep


def rank(store: Store, sweep: int) -> list[str]:
    cells = store.unranked(sweep)
    for cell in cells:
        assert store.rank(cell, udr_scores(store, cell))
    return cells


def test_runs_that_agree_rank_above_one_that_does_not(location: str) -> None:
    specs = make_specs(3)
    with Store(location) as store:
        sweep = run_all(store, specs)
        assert rank(store, sweep) == [specs[0].cell]
        expected = udr([codes_of(spec) for spec in specs], [[1.0] * 3] * 3).scores
        rows = {row["job_key"]: row["udr"] for row in results_of(store)}
        assert [rows[spec.key] for spec in specs] == expected.tolist()
        assert min(rows[specs[0].key], rows[specs[1].key]) > rows[specs[2].key] + 0.2
        found = {score.name: score for score in store.scores(specs[0].key)}
        assert found["udr"].points == 3
        assert found["kl_latent_00"].value == 1.0


def test_a_cell_is_ranked_once_and_again_when_it_has_another_run(location: str) -> None:
    with Store(location) as store:
        sweep = run_all(store, make_specs(2))
        before = rank(store, sweep)
        assert len(before) == 1
        assert store.unranked(sweep) == []
        larger = run_all(store, make_specs(3))
        assert rank(store, larger) == before
        points = {s.points for spec in make_specs(3) for s in store.scores(spec.key)} - {None}
        assert points == {3}
        assert store.unranked(larger) == []


def test_scores_of_other_runs_than_the_cell_has_by_now_are_refused(location: str) -> None:
    specs = make_specs(3)
    with Store(location) as store:
        sweep = run_all(store, specs[:2])
        found = udr_scores(store, specs[0].cell)
        run_all(store, specs)
        assert not store.rank(specs[0].cell, found)
        assert store.unranked(sweep) == [specs[0].cell]
        assert all(s.name != "udr" for spec in specs for s in store.scores(spec.key))


def test_cells_of_one_run_or_without_codes_have_no_rank(location: str) -> None:
    with Store(location) as store:
        assert store.unranked(run_all(store, make_specs(1))) == []
        other = run_all(store, make_specs(3, "ae"), representation=None)
        assert store.unranked(other) == []
        assert store.representations(make_specs(3, "ae")[0].cell) == {}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE representations SET latents = 'x' WHERE job_id = 2",
        "UPDATE representations SET codes = x'00' WHERE job_id = 2",
        "UPDATE scores SET value = 'x' WHERE job_id = 2 AND name = 'kl_latent_01'",
        "UPDATE scores SET name = 'kl_latent_x' WHERE job_id = 2 AND name = 'kl_latent_01'",
        "UPDATE scores SET name = 'kl_latent_²' WHERE job_id = 2 AND name = 'kl_latent_01'",
    ],
)
def test_a_damaged_run_takes_the_rank_from_none_but_itself(tmp_path: Path, damage: str) -> None:
    specs = make_specs(3)
    with Store(tmp_path / "results.db") as store:
        sweep = run_all(store, specs)
        with store.engine.begin() as connection:
            connection.exec_driver_sql(damage)
        assert rank(store, sweep) == [specs[0].cell]
        sound = [specs[0], specs[2]]
        expected = udr([codes_of(spec) for spec in sound], [[1.0] * 3] * 2).scores
        found = {spec.key: store.scores(spec.key) for spec in specs}
        ranks = {key: s.value for key, of in found.items() for s in of if s.name == "udr"}
        assert ranks == dict(zip([spec.key for spec in sound], expected, strict=True))
    with Store(tmp_path / "results.db") as store:
        assert store.unranked(sweep) == []


def test_codes_that_cannot_be_compared_are_null_with_the_reason(location: str) -> None:
    broken = Representation(2, 3, np.full((2, 3), np.nan, "<f4").tobytes())
    specs = make_specs(2)
    with Store(location) as store:
        sweep = run_all(store, specs, representation=broken)
        rank(store, sweep)
        score = next(s for s in store.scores(specs[0].key) if s.name == "udr")
        assert score.value is None
        assert "codes[0]" in (score.note or "")
        assert store.unranked(sweep) == []


def test_codes_come_back_as_they_were_and_go_with_a_run_done_anew(location: str) -> None:
    spec = make_specs(1)[0]
    with Store(location) as store:
        run_all(store, [spec])
        stored = store.representations(spec.cell)[spec.key]
        codes = np.frombuffer(stored.codes, "<f4").reshape(stored.points, stored.latents)
        np.testing.assert_array_equal(codes, codes_of(spec))


def test_a_database_from_before_codes_were_kept_is_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    specs = make_specs(2)
    with Store(path) as store:
        run_all(store, specs)
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE representations")
            connection.exec_driver_sql("DROP VIEW results")
            connection.exec_driver_sql("CREATE VIEW results AS SELECT job_key FROM jobs")
    with Reader.open(path) as reader:
        assert reader.representations(specs[0].cell) == {}
        assert [row["udr"] for row in results_of(reader)] == [None, None]
    with Store(path) as store:
        sweep = run_all(store, make_specs(4))
        rank(store, sweep)
        assert len(store.representations(specs[0].cell)) == 2
    frame = pd.read_sql("select * from results", f"sqlite:///{path}")
    assert frame["udr"].notna().tolist() == [False, False, True, True]
    with pytest.raises(sa.exc.IntegrityError), Store(path) as store, store.engine.begin() as link:
        link.exec_driver_sql("INSERT INTO representations VALUES (3, 1, 1, x'00')")
