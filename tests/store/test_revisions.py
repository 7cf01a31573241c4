"""Databases of schema 1, as they are committed: read as they are, carried over when written to."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.store.sample_jobs import Start, make_specs, outcome
from vaebench.errors import StoreError
from vaebench.spec import EVALUATION, JobSpec
from vaebench.store import Reader, Store, results_of, table_of
from vaebench.store.schema import LATER, SPEC_COLUMNS

RESULTS = Path(__file__).resolve().parents[2] / "results"
OLD = ("fashion-betas", "unsupervised-v1")
"""Showcases of schema 1."""

SMALLEST = RESULTS / "fashion-betas" / "results.db"
FIELDS = ("weight_decay", "initialisation", "dci", "solver")


def version(path: Path) -> int:
    """Reads a file's schema past the store."""
    with sqlite3.connect(path) as connection:
        return int(connection.execute("SELECT version FROM vaebench_schema").fetchone()[0])


@pytest.mark.parametrize("study", OLD)
def test_a_committed_database_is_read_as_it_is_and_carried_over_without_a_change(
    study: str, tmp_path: Path
) -> None:
    path = tmp_path / "results.db"
    shutil.copy(RESULTS / study / "results.db", path)
    assert version(path) == 1
    before = path.read_bytes()
    with Reader.open(path) as reader:
        read = {name: table_of(reader, name) for name in ("results", "jobs", "scores", "curves")}
    assert path.read_bytes() == before
    with Store(path) as store:
        carried = {name: table_of(store, name) for name in read}
        rows = store.jobs()
        assert store.unreadable == {}
    assert version(path) == 2
    assert carried == read
    columns, found = carried["results"]
    assert len(found) == len(rows) > 0
    for row, values in zip(rows, found, strict=True):
        stored = dict(zip(columns, values, strict=True))
        assert {name: stored[name] for name in FIELDS} == {
            name: getattr(row.spec, name) for name in FIELDS
        }
        assert stored["training_key"] == row.spec.training_key


def test_the_view_has_every_field_of_the_spec(location: str) -> None:
    (spec,) = make_specs(1)
    with Store(location) as store:
        claim = store.claim(store.add_sweep([spec], "a sweep").sweep_id)
        assert claim is not None
        store.complete(claim, outcome(spec))
        with store.engine.connect() as connection:
            names = set(connection.execute(sa.text("SELECT * FROM results")).keys())
        (row,) = results_of(store)
    assert names >= {*SPEC_COLUMNS, *LATER, *JobSpec.__dataclass_fields__}
    for name in {*JobSpec.__dataclass_fields__} - {"parameters"}:
        assert row[name] == getattr(spec, name), name


def test_the_training_key_forgets_the_evaluation_and_nothing_else() -> None:
    spec = make_specs(1)[0].to_dict()
    base = JobSpec.from_dict(spec)
    other = {"eval_size": 77, "scores": "all", "dci": "reference", "solver": "lbfgs"}
    assert other.keys() == {*EVALUATION}
    again = JobSpec.from_dict(spec | other)
    assert again.key != base.key
    assert again.training_key == base.training_key
    assert base.sibling(9, None).training_key != base.training_key
    for name, value in {"steps": 7, "weight_decay": 0.5, "initialisation": "torch"}.items():
        assert JobSpec.from_dict(spec | {name: value}).training_key != base.training_key


def as_of_schema_1(store: Store) -> None:
    """Takes from a database what came with schema 2."""
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP VIEW results")
        connection.exec_driver_sql("DROP INDEX jobs_by_training_key")
        for name in LATER:
            connection.exec_driver_sql(f"ALTER TABLE jobs DROP COLUMN {name}")
        connection.exec_driver_sql("UPDATE vaebench_schema SET version = 1")


def test_jobs_of_every_state_are_carried_over_on_either_database(location: str) -> None:
    specs = make_specs(3)
    with Store(location) as store:
        sweep = store.add_sweep(specs, "a sweep").sweep_id
        claim = store.claim(sweep)
        assert claim is not None
        store.complete(claim, outcome(claim.spec))
        store.claim(sweep)
        before = {name: table_of(store, name) for name in ("results", "jobs", "scores")}
        as_of_schema_1(store)
    with Reader.open(location) as reader:
        assert {name: table_of(reader, name) for name in before} == before
        assert sorted(row.state for row in reader.jobs()) == ["COMPLETE", "PENDING", "RUNNING"]
    with Store(location) as store:
        assert {name: table_of(store, name) for name in before} == before
        assert store.add_sweep(make_specs(4), "a larger one").new == 1


def test_a_damaged_spec_stays_as_it_is_and_the_others_are_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    shutil.copy(SMALLEST, path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE jobs SET spec = '{' WHERE id = 1")
        connection.execute("UPDATE jobs SET spec = '[]' WHERE id = 2")
    with Store(path) as store:
        rows = store.jobs()
        assert len(store.unreadable) == 2
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT spec, training_key FROM jobs ORDER BY id").fetchall()
    assert found[:2] == [("{", None), ("[]", None)]
    assert [key for _, key in found[2:]] == [row.spec.training_key for row in rows]


def test_two_processes_that_open_it_at_once_carry_it_over_once(
    tmp_path: Path, start: Start
) -> None:
    path = tmp_path / "results.db"
    shutil.copy(SMALLEST, path)
    code = (
        "import sys\nfrom vaebench.store import Store\nprint('ready', flush=True)\n"
        "sys.stdin.readline()\nprint(len(Store(sys.argv[1]).jobs()))"
    )
    openers: list[subprocess.Popen[str]] = [start(code, path) for _ in range(2)]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    assert [opener.communicate("go\n")[0] for opener in openers] == ["24\n", "24\n"]
    assert version(path) == 2


def test_what_fails_on_the_way_leaves_schema_1(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    shutil.copy(SMALLEST, path)
    with sqlite3.connect(path) as connection:  # the last of the columns is there already
        connection.execute("ALTER TABLE jobs ADD COLUMN solver TEXT")
    with pytest.raises(StoreError, match="duplicate column name: solver"):
        Store(path)
    assert version(path) == 1
    with sqlite3.connect(path) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(jobs)")]
    assert "training_key" not in columns


@pytest.mark.parametrize(("stored", "words"), [(99, "schema 99"), (0, "damaged"), ("x", "damaged")])
def test_an_unknown_schema_is_refused_untouched(stored: object, words: str, tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    shutil.copy(SMALLEST, path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vaebench_schema SET version = ?", [stored])
    before = path.read_bytes()
    for opener in (Store, Reader.open):
        with pytest.raises(StoreError, match=words):
            opener(path)
    assert path.read_bytes() == before


def test_the_newer_ones_advice_is_right(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    shutil.copy(SMALLEST, path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vaebench_schema SET version = 3")
    with pytest.raises(StoreError) as caught:
        Reader.open(path)
    assert "schema 3, this vaebench knows those up to 2" in str(caught.value)
    assert "pip install -U vaebench" in str(caught.value)
    assert json.dumps(str(caught.value)).count("\\n") == 0
