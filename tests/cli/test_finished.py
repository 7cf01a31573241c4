"""Commands on finished sweeps: what they do does not grow with the runs where it need not."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import vaebench.store
from tests.cli.conftest import Say, finished
from vaebench.spec import JobSpec
from vaebench.store import Reader, Store
from vaebench.study import PLAIN
from vaebench.sweeping.planning import plan

SWEEP = "sweep --models vae,ae --steps 100 --precision fp32 --device cpu --seeds"


def train(path: Path, seeds: int) -> list[JobSpec]:
    """Makes the database of the finished sweep."""
    chosen = {"steps": 100, "batch_size": 64}
    request = PLAIN.over(models=("vae", "ae"), seeds=tuple(range(seeds)), setting=chosen)
    jobs = plan(request, None, "fp32")
    with Store(path) as store:
        sweep = store.add_sweep(jobs, "the sweep").sweep_id
        while claim := store.claim(sweep):
            store.complete(claim, finished(claim.spec, 0.25))
    return jobs


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Counts statements, rows that came back, hash computations and jobs checked at length."""
    seen = dict.fromkeys(("statements", "hashes", "specs"), 0)
    sha256, check = hashlib.sha256, JobSpec.__post_init__

    def statement(*arguments: Any) -> None:
        seen["statements"] += 1

    def hashed(*arguments: Any) -> Any:
        seen["hashes"] += 1
        return sha256(*arguments)

    def checked(spec: JobSpec) -> None:
        seen["specs"] += 1
        check(spec)

    sa.event.listen(sa.Engine, "before_cursor_execute", statement)
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "sha256", hashed)
        patch.setattr(JobSpec, "__post_init__", checked)
        yield seen
    sa.event.remove(sa.Engine, "before_cursor_execute", statement)


@pytest.mark.parametrize("words", ["", "--dry-run"])
def test_a_finished_sweep_typed_again_takes_work_in_proportion_to_its_jobs(
    words: str, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = {}
    for seeds in (10, 40):
        path = tmp_path / f"{seeds}.db"
        jobs = train(path, seeds)
        with counted(monkeypatch) as seen:
            said = say(*SWEEP.split(), seeds, "--db", path, "--out", tmp_path, *words.split())
        assert said.code == 0, said.err
        assert f"{len(jobs)} " in said.out + said.err
        work[seeds] = seen
    few, many = work[10], work[40]
    assert many["statements"] == few["statements"]
    assert many["specs"] == few["specs"]
    each = (many["hashes"] - few["hashes"]) / (2 * (40 - 10))
    assert each <= 4


@pytest.mark.parametrize("command", ["status", "runs --limit 2", "runs --limit 2 --sort -mig"])
def test_looking_at_a_database_takes_the_same_statements_however_many_runs_it_has(
    command: str, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = {}
    for seeds in (10, 40):
        path = tmp_path / f"{seeds}.db"
        train(path, seeds)
        with counted(monkeypatch) as seen:
            assert say(*command.split(), "--db", path).code == 0
        work[seeds] = seen
    assert work[40]["statements"] == work[10]["statements"]
    assert work[40]["specs"] == work[10]["specs"]


def test_a_few_runs_are_listed_from_their_own_figures_alone(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path / "results.db", 5)
    rows = []
    table = vaebench.store.table_of

    def counted_table(reader: Reader, *arguments: Any) -> Any:
        columns, found = table(reader, *arguments)
        rows.append(len(found))
        return columns, found

    whole = json.loads(say("runs", "--format", "json", "--db", tmp_path / "results.db").out)
    monkeypatch.setattr(vaebench.store, "table_of", counted_table)
    for words in ("--limit 3", "--seed 2", "--model ae --limit 2"):
        said = say("runs", "--format", "json", *words.split(), "--db", tmp_path / "results.db")
        few = json.loads(said.out)
        assert few == [record for record in whole if record in few]
        assert rows.pop() == len(few) <= 3


def test_retrying_all_takes_the_same_statements_however_many_have_failed(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = {}
    for seeds in (3, 30):
        path = tmp_path / f"{seeds}.db"
        jobs = train(path, seeds)
        with Store(path) as store:
            with store.engine.begin() as connection:
                connection.exec_driver_sql("UPDATE jobs SET state = 'FAILED', attempts = 3")
            store.add_sweep(jobs[:2], "vaebench sweep of two")
        with counted(monkeypatch) as seen:
            said = say("retry", "--all", "--db", path)
        assert said.err.startswith(f"{2 * seeds} jobs are pending again.")
        assert len(said.out.splitlines()) == 2
        work[seeds] = seen["statements"]
        with Store(path) as store:
            assert store.counts()["PENDING"] == 2 * seeds
    assert work[30] == work[3]


@pytest.mark.parametrize(
    "words", [f"{SWEEP} 2", f"{SWEEP} 2 --dry-run", "status", "runs", "export"]
)
def test_what_trains_nothing_does_not_import_torch(words: str, tmp_path: Path) -> None:
    train(tmp_path / "results.db", 2)
    code = (
        "import sys\n"
        "from vaebench.cli.app import run\n"
        "assert run(sys.argv[1:]) == 0\n"
        "heavy = {'torch', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code, *words.split(), "--db", "results.db"]
    environment = {name: value for name, value in os.environ.items() if name != "VAEBENCH_DB"}
    root = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_finished_sweep_typed_again_needs_no_data(say: Say, tmp_path: Path) -> None:
    """Nothing is trained, so nothing has to be downloaded first."""
    request = PLAIN.over(models=("vae",), seeds=(0,), datasets=("cars3d",), setting={"steps": 100})
    path = tmp_path / "results.db"
    with Store(path) as store:
        sweep = store.add_sweep(plan(request, None, "fp32"), "the sweep").sweep_id
        claim = store.claim(sweep)
        assert claim is not None
        store.complete(claim, finished(claim.spec, 0.25))
    line = f"{SWEEP} 1 --models vae --dataset cars3d --db {path}".split()
    place = ("--out", tmp_path, "--data-dir", tmp_path / "nothing")
    assert say(*line, *place).code == 0
    assert say(*line, *place, "--seeds", "2").code != 0
