"""One bad row: it is named with the reason, and every command works for all the others."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import markupsafe
import pandas as pd
import pytest

from tests.cli.conftest import COMMAND, Say, finished, specs
from vaebench.executors import InlineExecutor
from vaebench.outcome import JobOutcome, Progress
from vaebench.runner import Notice, Runner
from vaebench.spec import JobSpec
from vaebench.store import Reader, Store, results_of

DAMAGES = {
    "spec='{'": ("UPDATE jobs SET spec = '{'", "its spec is damaged"),
    "spec is a list": ("UPDATE jobs SET spec = '[1]'", "Unknown job field 1"),
    "spec is no UTF-8": ("UPDATE jobs SET spec = CAST(x'7bff7d' AS TEXT)", "its spec is damaged"),
    "spec is a blob": ("UPDATE jobs SET spec = x'00ff'", "spec is b'\\x00\\xff', not text"),
    "deep spec": (f"UPDATE jobs SET spec = '{'[' * 99_999}'", "its spec is damaged"),
    "null in the spec": (
        "UPDATE jobs SET spec = replace(spec, '\"steps\":100', '\"steps\":null')",
        "--steps is None",
    ),
    "unknown model": (
        'UPDATE jobs SET spec = replace(spec, \'"model":"cvae"\', \'"model":"vae9"\')',
        "Unknown model 'vae9'",
    ),
    "unknown field": (
        'UPDATE jobs SET spec = replace(spec, \'"model"\', \'"odd":1,"model"\')',
        "Unknown job field 'odd'",
    ),
    "another job's spec": (
        "UPDATE jobs SET spec = replace(spec, '\"steps\":100', '\"steps\":9')",
        "its spec is that of another job",
    ),
    "infinite times": (
        "UPDATE jobs SET train_seconds = 9e999",
        "train_seconds is inf, not a finite number",
    ),
    "text in a time": ("UPDATE jobs SET eval_seconds = 'long'", "eval_seconds is 'long', not a"),
    "text in the seed": ("UPDATE jobs SET seed = 'zero'", "seed is 'zero', not a whole number"),
    "a fraction of a step": ("UPDATE jobs SET step = 1.5", "step is 1.5, not a whole number"),
    "unknown state": ("UPDATE jobs SET state = 'DONE'", "state is 'DONE', none of PENDING"),
}
"""Damages of a row of `jobs`, with what is said of them."""

FIGURES = {
    "text in a figure": ("UPDATE scores SET value = 'good'", "value is 'good', not a number"),
    "text in a curve": ("UPDATE curves SET loss = 'low'", "loss is 'low', not a number"),
    "text in a size": ("UPDATE scores SET points = 'all'", "points is 'all', not a whole number"),
    "text for a picture": ("UPDATE artifacts SET png = 'text'", "png is 'text', not bytes"),
    "a picture's detail": ("UPDATE artifacts SET detail = '['", "the detail of samples is damaged"),
}
"""Damages of a run's figures."""


def damage(path: Path, statement: str, where: str, key: str) -> None:
    """Changes what is stored of one job, past vaebench."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"{statement} WHERE {where}", (key,))
    connection.close()


def looks(key: str, other: str) -> list[list[object]]:
    """Commands that look at a database, about two runs that can be read."""
    return [
        ["status"],
        ["runs"],
        ["runs", "--format", "json", "--sort", "-mig"],
        ["show", key],
        ["show", key, "--json"],
        ["diff", key, other],
        ["export"],
        ["retry", "--all"],
    ]


OF_A_RUN = "job_id = (SELECT id FROM jobs WHERE job_key = ?)"


@pytest.mark.parametrize("name", DAMAGES)
def test_a_bad_job_is_named_and_all_else_works(name: str, say: Say, database: Path) -> None:
    statement, reason = DAMAGES[name]
    bad, good, other = (spec.key for spec in specs()[:3])
    damage(database, statement, "job_key = ?", bad)
    for words in looks(good, other):
        said = say(*words, "--db", database)
        assert said.code == 0, (words, said.err)
        if words[0] in {"status", "runs"}:
            text = " ".join((said.out + said.err).split())
            assert bad in text, words
            assert reason in text, words
    said = say("show", bad, "--db", database)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"vaebench: Run {bad} cannot be read: ")
    assert reason in said.err
    assert said.err.count("\n") == 1
    assert say("runs", "--format", "json", "--db", database).out.count(good) >= 1
    records = json.loads(say("runs", "--format", "json", "--db", database).out)
    assert {record["job_key"] for record in records} == {spec.key for spec in specs()} - {bad}
    assert ", 1 unreadable" in say("status", "--db", database).out


@pytest.mark.parametrize("name", FIGURES)
def test_a_bad_figure_is_named_and_all_else_works(
    name: str, say: Say, database: Path, tmp_path: Path
) -> None:
    statement, reason = FIGURES[name]
    bad, good, other = (spec.key for spec in specs()[:3])
    damage(database, statement, OF_A_RUN, bad)
    for words in looks(good, other):
        said = say(*words, "--db", database)
        assert said.code == 0, (words, said.err)
    said = say("show", bad, "--db", database)
    assert said.code == 0
    assert f"Run {bad} is unreadable: {reason}" in " ".join(said.err.split())


def test_a_damaged_environment(say: Say, database: Path) -> None:
    damage(database, "UPDATE environments SET detail = '{'", "1 = 1 OR digest = ?", "")
    keys = [spec.key for spec in specs()[:2]]
    for words in looks(*keys):
        assert say(*words, "--db", database).code == 0, words
    said = say("diff", *keys, "--db", database)
    assert all(f"Run {key} is unreadable: its environment is damaged" in said.err for key in keys)


def test_every_damage_at_once_in_report_and_exports(say: Say, tmp_path: Path) -> None:
    path, out = tmp_path / "results.db", tmp_path / "report"
    base = specs()[0].to_dict()
    statements = [statement for statement, _ in (*DAMAGES.values(), *FIGURES.values())]
    jobs = [JobSpec.from_dict(base | {"seed": 10 * seed}) for seed in range(len(statements) + 2)]
    with Store(path) as store:
        sweep = store.add_sweep(jobs, COMMAND).sweep_id
        while claim := store.claim(sweep):
            store.complete(claim, finished(claim.spec, 0.1 + claim.spec.seed / 1000))
    for statement, job in zip(statements, jobs, strict=False):
        of_a_job = statement.startswith("UPDATE jobs")
        damage(path, statement, "job_key = ?" if of_a_job else OF_A_RUN, job.key)
    said = say("report", "--db", path, "--out", out)
    assert said.code == 0, said.err
    page = (out / "index.html").read_text()
    read = [reason for _, reason in DAMAGES.values()] + ["is 'good', not a", "is 'low', not a"]
    for reason, job in zip(read, jobs, strict=False):
        assert job.key in page
        assert str(markupsafe.escape(reason)) in page
    for table in ("results", "scores", "curves", "jobs"):
        for form in ("csv", "json", "parquet"):
            file = tmp_path / f"{table}.{form}"
            words = ("--table", table, "--format", form, "--out", file)
            assert say("export", *words, "--db", path).code == 0, words
            read = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[form]
            assert {job.key for job in jobs[-2:]} <= set(read(file)["job_key"].astype(str))


def test_many_bad_rows_are_counted(say: Say, tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    base = specs()[0].to_dict()
    with Store(path) as store:
        jobs = [JobSpec.from_dict(base | {"seed": seed}) for seed in range(30)]
        store.add_sweep(jobs, COMMAND)
    damage(path, "UPDATE jobs SET spec = '{'", "1 = 1 OR job_key = ?", "")
    said = say("runs", "--db", path)
    assert said.code == 0
    assert said.err.count("is unreadable") == 20
    assert "and 10 more." in said.err


class TestHealing:
    @pytest.fixture
    def claimable(self, tmp_path: Path) -> Callable[[str], Store]:
        """A store of one sweep whose first job is damaged."""

        def make(statement: str) -> Store:
            path = tmp_path / "results.db"
            with Store(path) as store:
                store.add_sweep(specs(), COMMAND)
            damage(path, statement, "job_key = ?", specs()[0].key)
            return Store(path)

        return make

    def test_a_claim_passes_over_what_it_cannot_read(
        self, claimable: Callable[[str], Store]
    ) -> None:
        with claimable("UPDATE jobs SET spec = '{'") as store:
            claims = [store.claim(1) for _ in range(6)]
            claimed = [claim.spec for claim in claims if claim is not None]
            assert claimed == specs()[1:]
            assert store.states()[specs()[0].key] == "FAILED"

    def test_the_sweeps_own_line_mends_the_spec(self, claimable: Callable[[str], Store]) -> None:
        with claimable("UPDATE jobs SET spec = '{', model = 'x', seed = 'y'") as store:
            assert len(store.jobs()) == 5
            sweep = store.add_sweep(specs(), COMMAND)
            assert (sweep.new, sweep.known) == (0, 6)
            store.unreadable.clear()
            assert [row.spec for row in store.jobs()] == specs()
            assert store.unreadable == {}
            claim = store.claim(sweep.sweep_id)
            assert claim is not None
            assert claim.spec == specs()[0]

    @pytest.mark.parametrize(
        "statement",
        [
            *(statement for statement, _ in DAMAGES.values()),
            "UPDATE jobs SET strength = 'x', beta = 'y', claim_pid = 'z', error = x'00'",
        ],
    )
    def test_retry_and_the_line_again_train_it_anew(
        self, statement: str, say: Say, database: Path
    ) -> None:
        bad = specs()[0]
        damage(database, statement, "job_key = ?", bad.key)
        said = say("retry", bad.key[:8], "--db", database)
        assert said.code == 0
        assert said.out.startswith(COMMAND)
        self._trained_anew(database)

    @pytest.mark.parametrize("name", FIGURES)
    def test_a_run_with_a_bad_figure_is_trained_anew(
        self, name: str, say: Say, database: Path
    ) -> None:
        damage(database, FIGURES[name][0], OF_A_RUN, specs()[0].key)
        assert say("retry", specs()[0].key, "--db", database).code == 0
        self._trained_anew(database)

    def test_a_damaged_environment_is_written_anew(self, say: Say, database: Path) -> None:
        damage(database, "UPDATE environments SET detail = '{'", "1 = 1 OR digest = ?", "")
        assert say("retry", specs()[0].key, "--db", database).code == 0
        self._trained_anew(database)

    def _trained_anew(self, database: Path) -> None:
        bad = specs()[0]
        with Store(database) as store:
            sweep = store.add_sweep(specs()[:1], COMMAND).sweep_id
            claim = store.claim(sweep)
            assert claim is not None
            assert claim.spec == bad
            assert claim.attempts == 0
            assert store.complete(claim, finished(bad, 0.1))
        with Reader.open(database) as reader:
            assert reader.check(bad.key) is None
            assert reader.find(bad.key).state == "COMPLETE"
            assert bad.key in {row["job_key"] for row in results_of(reader)}

    def test_a_sound_finished_run_is_not_retried(self, say: Say, database: Path) -> None:
        said = say("retry", specs()[0].key, "--db", database)
        assert said.code == 1
        assert "not FAILED" in said.err

    @pytest.mark.parametrize(
        "values", ["claim_pid = 'x'", "heartbeat_at = 9e999", "claim_started = NULL"]
    )
    def test_a_damaged_claim_is_put_back(self, values: str, database: Path) -> None:
        live = specs()[3].key
        damage(database, f"UPDATE jobs SET {values}", "job_key = ?", live)
        with Store(database) as store:
            store.requeue_abandoned()
            assert store.states()[live] == "PENDING"


def test_a_failed_job_of_a_damaged_row_ends_a_sweep_in_order(database: Path) -> None:
    """The runner of a sweep with a job that it cannot read does all the others."""
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE jobs SET state = 'PENDING', claim_token = NULL")
    connection.close()
    with Store(database) as store:
        sweep = store.add_sweep(specs(), COMMAND).sweep_id
        damage(database, "UPDATE jobs SET spec = '{'", "job_key = ?", specs()[0].key)
        done = InlineExecutor(
            lambda pack, *_: [finished(spec, 0.3) for spec in pack], None, on_event=lambda _: None
        )
        counts = Runner(store, sweep, done).run()
        assert counts == {"PENDING": 0, "RUNNING": 0, "COMPLETE": 5, "FAILED": 1}
        assert specs()[0].key in store.unreadable


def test_a_notice_of_a_job_whose_row_is_not_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    told: list[object] = []
    with Store(path) as store:
        sweep = store.add_sweep(specs()[:1], COMMAND).sweep_id
        damage(path, "UPDATE jobs SET step = 'x'", "job_key = ?", specs()[0].key)

        def work(pack: list[JobSpec], *_: object) -> list[JobOutcome]:
            runner.progressed(Progress(pack[0].key, "loading", 0, note="set aside"))
            return [finished(spec, 0.3) for spec in pack]

        runner = Runner(
            store, sweep, InlineExecutor(work, None, on_event=print), on_event=told.append
        )
        assert runner.run()["COMPLETE"] == 1
    assert Notice(specs()[0], "set aside") in told
