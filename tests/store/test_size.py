"""The store at size: the work of a claim and the number of statements do not grow with the jobs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from tests.store.sample_jobs import failure, make_specs, outcome
from vaebench.outcome import JobOutcome, Score
from vaebench.spec import JobSpec
from vaebench.store import Claim, Reader, Store, table_of
from vaebench.store.queue import AHEAD
from vaebench.store.schema import SCORES

JOBS = 40 * AHEAD


def end(store: Store, claim: Claim | None) -> JobSpec:
    assert claim is not None
    assert store.complete(claim, JobOutcome(claim.spec.key, "complete"))
    return claim.spec


@contextmanager
def instructions(store: Store) -> Iterator[list[int]]:
    """Counts the instructions of SQLite's machine that a block takes."""
    seen = [0]

    def step() -> int:
        seen[0] += 1
        return 0

    def watch(connection: sqlite3.Connection, *rest: Any) -> None:
        connection.set_progress_handler(step, 1)

    def leave(connection: sqlite3.Connection, *rest: Any) -> None:
        connection.set_progress_handler(None, 1)

    sa.event.listen(store.engine, "checkout", watch)
    sa.event.listen(store.engine, "checkin", leave)
    yield seen
    sa.event.remove(store.engine, "checkout", watch)
    sa.event.remove(store.engine, "checkin", leave)


@contextmanager
def rows_read(store: Store) -> Iterator[list[int]]:
    """Counts the rows of jobs and sweeps that PostgreSQL looks at in a block."""

    def count() -> int:
        with store.engine.begin() as connection:
            connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
        with store.engine.begin() as connection:
            return int(
                connection.exec_driver_sql(
                    "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM "
                    "pg_stat_user_tables WHERE relname IN ('jobs', 'sweep_jobs') "
                    "AND schemaname = current_schema()"
                ).scalar_one()
            )

    before = count()
    seen = [0]
    yield seen
    seen[0] = count() - before


@pytest.mark.parametrize("analysed", [False, True])
def test_a_claim_takes_no_more_work_in_a_large_sweep_or_when_it_fills(
    location: str, analysed: bool
) -> None:
    """Once its place in the sweep is found, a claim looks at jobs near it only."""
    work: dict[float, int] = {}
    with Store(location) as store:
        work_of = instructions if store.engine.dialect.name == "sqlite" else rows_read
        sweep = store.add_sweep(make_specs(JOBS), "a sweep").sweep_id
        for level in (0.0, 0.5, 0.95):
            done = int(level * JOBS)
            with store.engine.begin() as connection:
                connection.exec_driver_sql(
                    f"UPDATE jobs SET state = 'COMPLETE' WHERE seed < {done}"
                )
                if analysed:
                    connection.exec_driver_sql("ANALYZE")
            assert end(store, store.claim(sweep)).seed == done
            with work_of(store) as seen:
                claim = store.claim(sweep)
            assert end(store, claim).seed == done + 1
            work[level] = seen[0]
    assert min(work.values()) > 0
    assert max(work.values()) < 4 * AHEAD < JOBS / 8


def test_a_claim_looks_behind_those_of_others_and_nothing_is_left_out(location: str) -> None:
    """On a server; a file is claimed from in the sweep's order, whoever else is at work."""
    with Store(location) as store, Store(location) as other:
        sweep = store.add_sweep(make_specs(40), "a sweep").sweep_id

        def taken(by: Store) -> int:
            return end(by, by.claim(sweep)).seed

        assert taken(store) == 0
        assert [taken(other) for _ in range(8)] == [*range(1, 9)]
        assert taken(store) == 9
        server = store.engine.dialect.name == "postgresql"
        assert taken(store) == (16 if server else 10)
        rest = [taken(store) for _ in range(29)]
        assert {*rest} == {*range(10, 40)} - {16 if server else 10}
        assert store.claim(sweep) is None


@pytest.mark.parametrize(
    "put_back",
    [
        lambda store, claim: store.release([claim]),
        lambda store, claim: store.lose(claim, "It is gone."),
        lambda store, claim: store.fail(claim, failure(claim.spec), retries=1),
        lambda store, claim: (
            store.fail(claim, failure(claim.spec), retries=0) and store.retry([claim.spec.key])
        ),
    ],
    ids=["released", "lost", "failed", "retried"],
)
def test_a_job_that_is_put_back_has_its_turn_before_later_ones(
    location: str, put_back: Callable[[Store, Claim], Any]
) -> None:
    with Store(location) as store:
        sweep = store.add_sweep(make_specs(4), "a sweep").sweep_id
        first, second = store.claim(sweep), store.claim(sweep)
        assert first is not None
        put_back(store, first)
        end(store, second)
        assert [end(store, store.claim(sweep)).seed for _ in range(3)] == [0, 2, 3]
        assert store.claim(sweep) is None


def test_a_job_that_another_process_puts_back_is_claimed_once_the_others_are(
    location: str,
) -> None:
    specs = make_specs(3)
    with Store(location) as store, Store(location) as other:
        sweep = store.add_sweep(specs, "a sweep").sweep_id
        theirs = other.claim(sweep)
        assert theirs is not None
        assert end(store, store.claim(sweep)).seed == 1
        other.release([theirs])
        assert [end(store, store.claim(sweep)).seed for _ in range(2)] == [2, 0]
        assert store.claim(sweep) is None


def test_a_database_from_before_an_index_gets_it_when_opened_for_writing(location: str) -> None:
    def indexes(store: Reader) -> set[str | None]:
        return {index["name"] for index in sa.inspect(store.engine).get_indexes("sweep_jobs")}

    with Store(location) as store:
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DROP INDEX sweep_jobs_by_job")
        assert "sweep_jobs_by_job" not in indexes(store)
    with Reader.open(location) as reader:
        assert "sweep_jobs_by_job" not in indexes(reader)
    with Store(location) as store:
        assert "sweep_jobs_by_job" in indexes(store)


def test_of_jobs_that_differ_in_the_seed_alone_one_spec_is_read_at_length(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = make_specs(30) + make_specs(20, "ae")
    with Store(location) as store:
        store.add_sweep(specs, "a sweep")
        checked = 0
        full = JobSpec.__post_init__

        def counted(spec: JobSpec) -> None:
            nonlocal checked
            checked += 1
            full(spec)

        monkeypatch.setattr(JobSpec, "__post_init__", counted)
        rows = store.jobs()
        assert checked == 2
    assert [row.spec for row in rows] == specs
    assert [row.key for row in rows] == [spec.key for spec in specs]


def test_the_results_are_the_scores_in_columns(location: str) -> None:
    specs = make_specs(5)
    with Store(location) as store:
        sweep = store.add_sweep(specs, "a sweep").sweep_id
        for _ in specs[:4]:
            claim = store.claim(sweep)
            assert claim is not None
            found = [Score("mig", claim.spec.seed / 8), Score("kl", None), Score("kl_0", 3.0)]
            store.complete(claim, outcome(claim.spec, scores=tuple(found)))
        columns, rows = table_of(store, "results")
        expected: dict[str, dict[str, float | None]] = {}
        names, scored = table_of(store, "scores")
        for row in scored:
            values = dict(zip(names, row, strict=True))
            expected.setdefault(values["job_key"], {})[values["name"]] = values["value"]
        for row in rows:
            values = dict(zip(columns, row, strict=True))
            for name in SCORES:
                assert values[name] == expected[values["job_key"]].get(name)
        assert [row[0] for row in rows] == [spec.key for spec in specs[:4]]
        some = [specs[3].key, specs[1].key, specs[4].key]
        assert table_of(store, "results", some) == (columns, [rows[1], rows[3]])
        assert table_of(store, "results", []) == (columns, [])
        with store.engine.connect() as connection:
            shown = connection.exec_driver_sql("SELECT * FROM results ORDER BY seed").all()
        assert [tuple(row) for row in shown] == rows
