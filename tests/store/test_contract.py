"""What a store promises, on SQLite and on PostgreSQL, shown with real processes."""

from __future__ import annotations

import json
import math
import os
import platform
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from tests.conftest import PATIENCE
from tests.store.sample_jobs import Start, failure, make_specs, outcome
from vaebench.errors import StoreError
from vaebench.outcome import JobOutcome, Progress, Score
from vaebench.spec import JobSpec
from vaebench.store import (
    MAX_LOSSES,
    Claim,
    DatabaseLockedError,
    Reader,
    Store,
    results_of,
    table_of,
)
from vaebench.store.database import translated
from vaebench.store.schema import SCORES, jobs

CLAIM_ALL = """
import sys
from vaebench.store import Store
store = Store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
while (claim := store.claim(int(sys.argv[2]))) is not None:
    print(claim.spec.key, flush=True)
    sys.stdin.readline()
"""

ADD = """
import json, sys
from vaebench.spec import JobSpec
from vaebench.store import Store
specs = [JobSpec.from_dict(values) for values in json.loads(sys.argv[2])]
print("ready", flush=True)
sys.stdin.readline()
added = Store(sys.argv[1]).add_sweep(specs, "a sweep")
print(added.new)
"""

CLAIM_ONE = """
import sys
from vaebench.store import Store
claim = Store(sys.argv[1]).claim(int(sys.argv[2]))
print(claim.spec.key, flush=True)
sys.stdin.readline()
"""


def claimed(store: Store, specs: list[JobSpec]) -> Claim:
    """Adds a sweep and claims its first job."""
    claim = store.claim(store.add_sweep(specs, "a sweep").sweep_id)
    assert claim is not None
    return claim


def set_columns(store: Store, key: str, **values: object) -> None:
    """Writes into a job's row past the store."""
    with store.engine.begin() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.job_key == key).values(**values))


class TestSweeps:
    def test_a_sweep_again_adds_nothing_and_a_larger_one_what_is_missing(
        self, location: str
    ) -> None:
        with Store(location) as store:
            first = store.add_sweep(make_specs(3), "first")
            again = store.add_sweep(make_specs(3), "again")
            larger = store.add_sweep(make_specs(5), "larger")
            assert (first.new, first.known) == (3, 0)
            assert (again.new, again.known) == (0, 3)
            assert (larger.new, larger.known) == (2, 3)
            assert store.counts()["PENDING"] == 5
            assert store.counts(first.sweep_id)["PENDING"] == 3
            assert [sweep.command for sweep in store.sweeps()] == ["first", "again", "larger"]
            last = make_specs(5)[4]
            assert [sweep.command for sweep in store.sweeps(last.key)] == ["larger"]

    def test_adding_leaves_finished_and_failed_jobs_as_they_are(self, location: str) -> None:
        specs = make_specs(2)
        with Store(location) as store:
            claim = claimed(store, specs)
            store.complete(claim, outcome(claim.spec))
            other = store.claim(1)
            assert other is not None
            store.fail(other, failure(other.spec), retries=0)
            store.add_sweep(specs, "again")
            assert store.states() == {claim.spec.key: "COMPLETE", other.spec.key: "FAILED"}

    def test_the_same_job_twice_in_a_sweep_is_one_job(self, location: str) -> None:
        spec = make_specs(1)[0]
        with Store(location) as store:
            assert store.add_sweep([spec, spec], "twice").new == 1
            assert store.claim(1) is not None
            assert store.claim(1) is None

    def test_a_job_comes_back_as_it_went_in(self, location: str) -> None:
        spec = JobSpec(model="cvae", parameters={"beta": 0.1}, seed=2**63 - 1, learning_rate=3e-4)
        with Store(location) as store:
            claim = claimed(store, [spec])
            assert claim.spec == spec
            assert store.jobs()[0].spec == spec
            assert store.find(spec.key[:9].upper()).key == spec.key

    def test_processes_that_add_at_once_add_each_job_once(
        self, location: str, start: Start
    ) -> None:
        text = json.dumps([spec.to_dict() for spec in make_specs(20)])
        processes = [start(ADD, location, text) for _ in range(4)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        new = [int(process.communicate("\n", timeout=PATIENCE)[0]) for process in processes]
        assert sum(new) == 20
        with Store(location) as store:
            assert len(store.jobs()) == 20
            assert len(store.sweeps()) == 4


class TestClaims:
    def test_eight_processes_are_given_each_job_exactly_once(
        self, location: str, start: Start
    ) -> None:
        specs = make_specs(48)
        with Store(location) as store:
            sweep = store.add_sweep(specs, "a sweep").sweep_id
        processes = [start(CLAIM_ALL, location, sweep) for _ in range(8)]

        def line(process: subprocess.Popen[str]) -> str:
            assert process.stdout is not None
            return process.stdout.readline().strip()

        assert [line(process) for process in processes] == ["ready"] * 8
        for process in processes:  # each claims a job, all at once, and waits
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        seen = [[line(process)] for process in processes]
        for process, keys in zip(processes, seen, strict=True):  # and then the others
            keys += process.communicate(timeout=PATIENCE)[0].split()
        assert [process.returncode for process in processes] == [0] * 8
        assert Counter(key for keys in seen for key in keys) == Counter(s.key for s in specs)
        with Store(location) as store:
            assert store.counts()["RUNNING"] == 48

    def test_claims_follow_the_order_of_the_sweep(self, location: str) -> None:
        specs = make_specs(4)[::-1]
        with Store(location) as store:
            store.add_sweep(make_specs(2), "earlier")
            sweep = store.add_sweep(specs, "a sweep").sweep_id
            order = [store.claim(sweep) for _ in range(4)]
            assert [claim and claim.spec for claim in order] == specs
            assert store.claim(sweep) is None

    def test_a_job_of_two_sweeps_is_claimed_once(self, location: str) -> None:
        with Store(location) as store:
            one = store.add_sweep(make_specs(1), "one").sweep_id
            two = store.add_sweep(make_specs(1), "two").sweep_id
            assert store.claim(one) is not None
            assert store.claim(two) is None

    def test_a_claim_is_seen_with_its_progress(self, location: str) -> None:
        with Store(location) as store:
            claim = claimed(store, make_specs(1))
            assert store.jobs()[0].phase == "loading"
            seen = Progress(claim.spec.key, "training", 8, seconds=2.0, steps_here=4)
            store.heartbeat([claim], {claim.spec.key: seen})
            row = store.jobs(states=["RUNNING"])[0]
            assert (row.phase, row.step, row.step_seconds) == ("training", 8, 0.5)
            assert row.host == platform.node()
            assert row.heartbeat_at == pytest.approx(time.time(), abs=5)
            assert not row.abandoned

    def test_a_claim_that_was_lost_writes_nothing(self, location: str) -> None:
        with Store(location) as store:
            late = claimed(store, make_specs(1))
            store.release([late])
            holder = store.claim(1)
            assert holder is not None
            set_columns(store, late.spec.key, heartbeat_at=123.0)
            progress = Progress(late.spec.key, "training", 9)
            store.heartbeat([late], {late.spec.key: progress})
            store.release([late])
            assert not store.complete(late, outcome(late.spec))
            assert not store.fail(late, failure(late.spec), retries=0)
            assert not store.lose(late, "It died.")
            row = store.jobs()[0]
            assert (row.state, row.step) == ("RUNNING", 0)
            assert row.heartbeat_at == pytest.approx(123.0, abs=60)
            assert (row.error, row.attempts) == (None, 0)
            assert store.scores(row.key) == []
            assert store.complete(holder, outcome(holder.spec))

    def test_a_finished_job_is_not_written_twice(self, location: str) -> None:
        with Store(location) as store:
            claim = claimed(store, make_specs(1))
            assert store.complete(claim, outcome(claim.spec))
            other = outcome(claim.spec, scores=(Score("mig", 0.9),))
            assert not store.complete(claim, other)
            assert not store.fail(claim, failure(claim.spec), retries=0)
            assert results_of(store)[0]["mig"] == 0.25


class TestFailures:
    def test_a_job_is_tried_again_as_often_as_asked_then_fails(self, location: str) -> None:
        with Store(location) as store:
            claim = claimed(store, make_specs(1))
            for attempt in range(2):
                assert claim.attempts == attempt
                assert store.fail(claim, failure(claim.spec), retries=2)
                assert store.states()[claim.spec.key] == "PENDING"
                anew = store.claim(1)
                assert anew is not None
                assert anew.token != claim.token
                claim = anew
            assert store.fail(claim, failure(claim.spec), retries=2)
            row = store.jobs()[0]
            assert (row.state, row.attempts) == ("FAILED", 3)
            assert (row.error, row.traceback) == ("It broke.", "Traceback: it broke.")
            assert store.claim(1) is None

    def test_a_job_of_an_unknown_state_is_nobody_s(self, location: str) -> None:
        specs = make_specs(3)
        with Store(location) as store:
            sweep = store.add_sweep(specs, "a sweep").sweep_id
            set_columns(store, specs[0].key, state="WEIRD")
            claims = [store.claim(sweep) for _ in range(3)]
            assert [claim and claim.spec for claim in claims] == [specs[1], specs[2], None]
            assert store.states()[specs[0].key] == "WEIRD"

    def test_a_job_of_damaged_attempts_is_set_aside(self, tmp_path: Path) -> None:
        specs = make_specs(2)
        with Store(tmp_path / "results.db") as store:
            sweep = store.add_sweep(specs, "a sweep").sweep_id
            with store.engine.begin() as connection:
                connection.exec_driver_sql("UPDATE jobs SET attempts = 'x' WHERE id = 1")
            claim = store.claim(sweep)
            assert claim is not None
            assert claim.spec == specs[1]
            assert store.states()[specs[0].key] == "FAILED"
            assert store.requeue_failed(sweep, 5) == 0

    def test_retry_gives_failed_jobs_alone_all_their_attempts_again(self, location: str) -> None:
        with Store(location) as store:
            claim = claimed(store, make_specs(2))
            store.fail(claim, failure(claim.spec), retries=0)
            assert store.retry([spec.key for spec in make_specs(2)]) == 1
            anew = store.claim(1)
            assert anew is not None
            assert (anew.spec, anew.attempts) == (claim.spec, 0)
            assert store.jobs()[0].error is None

    def test_a_job_that_kills_its_worker_fails_in_the_end(self, location: str) -> None:
        with Store(location) as store:
            store.add_sweep(make_specs(1), "a sweep")
            for loss in range(1, MAX_LOSSES + 1):
                claim = store.claim(1)
                assert claim is not None
                assert store.lose(claim, "The worker was killed.")
                state = "FAILED" if loss == MAX_LOSSES else "PENDING"
                assert store.states()[claim.spec.key] == state
            assert store.jobs()[0].error == "The worker was killed."
            assert store.claim(1) is None

    def test_a_released_job_is_pending_and_has_not_failed(self, location: str) -> None:
        with Store(location) as store:
            claim = claimed(store, make_specs(1))
            store.release([claim])
            assert store.states()[claim.spec.key] == "PENDING"
            anew = store.claim(1)
            assert anew is not None
            assert anew.attempts == 0

    def test_a_command_that_is_no_unicode_can_be_kept(self, location: str) -> None:
        with Store(location) as store:
            store.add_sweep(make_specs(1), "vaebench sweep --out r\udcff\0")
            assert store.sweeps()[0].command == "vaebench sweep --out r?"

    def test_any_text_of_an_error_can_be_kept(self, location: str) -> None:
        text = "zero \x00, half a pair \udce4, ü and 漢"
        with Store(location) as store:
            claim = claimed(store, make_specs(1))
            broken = JobOutcome(claim.spec.key, "failed", error=text, traceback=text)
            assert store.fail(claim, broken, retries=0)
            assert store.jobs()[0].error == "zero , half a pair ?, ü and 漢"


class TestAbandonedClaims:
    def test_the_claim_of_a_killed_process_is_put_back_at_once(
        self, location: str, start: Start
    ) -> None:
        with Store(location) as store:
            sweep = store.add_sweep(make_specs(2), "a sweep").sweep_id
            killed, living = start(CLAIM_ONE, location, sweep), start(CLAIM_ONE, location, sweep)
            assert killed.stdout is not None
            assert living.stdout is not None
            gone, kept = killed.stdout.readline().strip(), living.stdout.readline().strip()
            assert store.requeue_abandoned() == 0
            os.kill(killed.pid, signal.SIGKILL)
            # Not waited for: a zombie, as a killed child of a living parent is one.
            deadline = time.monotonic() + PATIENCE
            while not (put_back := store.requeue_abandoned()) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert put_back == 1
            assert store.states() == {gone: "PENDING", kept: "RUNNING"}
            assert store.requeue_abandoned() == 0
            anew = store.claim(sweep)
            assert anew is not None
            assert anew.spec.key == gone


class TestFigures:
    def test_every_figure_comes_back(self, location: str) -> None:
        with Store(location) as store:
            claim = claimed(store, make_specs(2))
            done = outcome(claim.spec)
            store.complete(claim, done)
            key = claim.spec.key
            with Reader.open(location) as reader:
                assert sorted(reader.scores(key), key=lambda s: s.name) == sorted(
                    done.scores, key=lambda s: s.name
                )
                assert tuple(reader.curve(key)) == done.curves
                assert tuple(reader.artifacts(key)) == done.artifacts
                assert reader.environment(key) == done.environment
                row = reader.find(key)
                assert (row.state, row.train_seconds, row.eval_seconds) == ("COMPLETE", 10.0, 2.5)
                other = make_specs(2)[1].key
                assert reader.scores(other) == []
                assert reader.environment(other) == {}

    def test_equal_environments_are_one_row(self, location: str) -> None:
        with Store(location) as store:
            store.add_sweep(make_specs(3), "a sweep")
            for _ in range(3):
                claim = store.claim(1)
                assert claim is not None
                store.complete(claim, outcome(claim.spec))
            with store.engine.connect() as connection:
                count = connection.exec_driver_sql("SELECT COUNT(*) FROM environments").scalar()
            assert count == 1

    def test_the_view_has_one_wide_row_for_each_finished_run(self, location: str) -> None:
        with Store(location) as store:
            store.add_sweep([*make_specs(2), *make_specs(2, "cvae")], "a sweep")
            for ending in ("complete", "complete", "fail"):
                claim = store.claim(1)
                assert claim is not None
                if ending == "complete":
                    store.complete(claim, outcome(claim.spec))
                else:
                    store.fail(claim, failure(claim.spec), retries=0)
        url = location if "://" in location else f"sqlite:///{location}"
        frame = pd.read_sql("select * from results", url)
        assert len(frame) == 2
        assert set(SCORES) < set(frame.columns)
        assert list(frame["seed"]) == [0, 1]
        assert list(frame["mig"]) == [0.25, 0.25]
        assert frame["mig_label"].isna().all()
        assert list(frame["wall_seconds"]) == [12.5, 12.5]
        assert list(frame["beta"]) == [1.0, 1.0]
        assert list(frame["device"]) == ["cpu", "cpu"]

    @pytest.mark.parametrize("name", ["results", "scores", "curves", "jobs"])
    def test_tables_come_whole_with_their_types(self, location: str, name: str) -> None:
        with Store(location) as store:
            columns, rows = table_of(store, name)
            assert rows == []
            claim = claimed(store, make_specs(1))
            store.complete(claim, outcome(claim.spec))
            assert table_of(store, name)[0] == columns
            lines = [dict(zip(columns, row, strict=True)) for row in table_of(store, name)[1]]
            assert len(lines) == {"results": 1, "scores": 4, "curves": 2, "jobs": 1}[name]
            for line in lines:
                assert line["job_key"] == claim.spec.key
                for column, kind in columns.items():
                    value = line[column]
                    assert value is None or isinstance(value, kind), (column, kind, value)

    def test_a_view_of_an_older_vaebench_is_renewed(self, location: str) -> None:
        with Store(location) as store, store.engine.begin() as connection:
            connection.exec_driver_sql("DROP VIEW results")
            connection.exec_driver_sql("CREATE VIEW results AS SELECT job_key FROM jobs")
        with Store(location) as store, store.engine.connect() as connection:
            result = connection.exec_driver_sql("SELECT * FROM results")
            assert "mig" in result.keys()  # noqa: SIM118

    def test_infinite_scores_do_not_break_the_store(self, location: str) -> None:
        with Store(location) as store:
            claim = claimed(store, make_specs(1))
            store.complete(claim, outcome(claim.spec, scores=(Score("kl", math.inf),)))
            assert store.scores(claim.spec.key)[0].value == math.inf


def test_find_wants_one_job(location: str) -> None:
    with Store(location) as store:
        specs = make_specs(40)
        store.add_sweep(specs, "a sweep")
        assert store.find(specs[7].key).spec == specs[7]
        for wrong in ("", "zz", "0" * 16, "%", "_"):
            with pytest.raises(StoreError, match="has a key that begins with"):
                store.find(wrong)
        first = Counter(spec.key[0] for spec in specs).most_common(1)[0][0]
        with pytest.raises(StoreError, match="matches more than one run"):
            store.find(first)


def test_a_run_is_found_without_reading_all_keys(tmp_path: Path) -> None:
    asked: list[tuple[str, object]] = []
    with Store(tmp_path / "results.db") as store:
        spec = make_specs(1)[0]
        store.add_sweep([spec], "a sweep")
        sa.event.listen(
            store.engine, "before_cursor_execute", lambda *words: asked.append(words[2:4])
        )
        assert store.key(spec.key) == store.key(spec.key[:5]) == spec.key
        with store.engine.connect() as connection:
            for statement, values in [each for each in asked if "SELECT" in each[0]]:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
                assert "SEARCH jobs USING COVERING INDEX" in plan[0].detail


def test_transactions_that_wait_for_each_other_can_be_tried_again(postgres: str) -> None:
    engine = sa.create_engine(postgres)
    keys = [0x1001, 0x1002]
    both = threading.Barrier(2)
    said: list[StoreError] = []

    def lock(order: list[int]) -> None:
        try:
            with translated(postgres), engine.begin() as connection:
                for number, key in enumerate(order):
                    if number:
                        both.wait(timeout=PATIENCE)
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
        except StoreError as error:
            said.append(error)

    threads = [threading.Thread(target=lock, args=(order,)) for order in (keys, keys[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    assert [type(error) for error in said] == [DatabaseLockedError]


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    url = f"postgresql+psycopg://me:secret@/none?host={tmp_path}"
    with pytest.raises(StoreError) as caught:
        Reader.open(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
