"""Which jobs a condition chooses: those that SQLite's own WHERE would, and nothing is changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.report.databases import sweep, write
from vaebench.errors import UsageError
from vaebench.store import Reader, Store, chosen, revision


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CVAE and beta-VAE at two strengths and two seeds; one job is pending, one has failed."""
    fates = {("cvae", 4.0, 1): "pending", ("betavae_h", 4.0, 1): "failed"}
    return write(
        tmp_path_factory.mktemp("chosen") / "results.db",
        sweep(betas=(1, 4), seeds=2),
        fate=lambda spec: fates.get((spec.model, spec.strength, spec.seed), "complete"),
    )


@pytest.mark.parametrize(
    "condition",
    [
        "dataset = 'dsprites'",
        "model = 'cvae' AND seed < 1",
        "mig > 0.1 OR strength = 4",
        "kl IS NULL",
        "model LIKE 'beta%' -- a comment",
        "strength IN (4) AND wall_seconds > 0",
    ],
)
def test_it_is_sqlites_own_where(path: Path, condition: str) -> None:
    with sqlite3.connect(path) as connection:
        known = connection.execute("SELECT job_key FROM results").fetchall()
        found = connection.execute(f"SELECT job_key FROM results WHERE {condition}").fetchall()
    with Reader.open(path) as reader:
        asked = chosen(reader, condition)
    assert {key for key in asked if (key,) in known} == {key for (key,) in found}
    assert asked


def test_jobs_that_are_not_finished_are_asked_what_is_known_of_them(path: Path) -> None:
    with Reader.open(path) as reader:
        rows = {row.key: row for row in reader.jobs()}
        states = [rows[key].state for key in chosen(reader, "strength = 4 AND seed = 1")]
        assert sorted(states) == ["FAILED", "PENDING"]
        assert {rows[key].spec.model for key in chosen(reader, "state = 'FAILED'")} == {"betavae_h"}
        assert len(chosen(reader, "error LIKE '%DivergedError%'")) == 1
        assert chosen(reader, "seed > 8") == set()


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("datset = 'x'", "there is no column 'datset'. Did you mean 'dataset'?"),
        ("dataset = dsprites", "no column 'dsprites'.*single quotes, as in dataset = 'dsprites'"),
        ("seed <", "is no condition"),
        ("1); DROP TABLE jobs; --", "is no condition"),
        ("1); ATTACH 'x.db' AS x; SELECT (1", "is no condition"),
        ("seed = '", "is no condition"),
    ],
)
def test_what_is_no_condition_is_one_line(path: Path, condition: str, said: str) -> None:
    with Reader.open(path) as reader, pytest.raises(UsageError, match=said) as caught:
        chosen(reader, condition)
    assert "\n" not in str(caught.value)


def test_a_revision_changes_with_states_and_figures(tmp_path: Path) -> None:
    specs = sweep(["cvae"], (1,), 2)
    path = write(tmp_path / "results.db", specs, fate=lambda spec: "pending")
    with Reader.open(path) as reader:
        first = revision(reader)
        assert revision(reader) == first
        write(path, specs, fate=lambda spec: "complete" if spec.seed else "pending")
        second = revision(reader)
        assert second != first
        with Store(path) as store, store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE scores SET value = value + 1 WHERE name = 'kl'")
        assert revision(reader) != second
