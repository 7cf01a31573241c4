"""Runs trained again by several processes, under locks and after kills: no training."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import specs
from vaebench.context import WorkerContext
from vaebench.fingerprint import code_digest
from vaebench.outcome import JobOutcome
from vaebench.store import Store, renew, stored_outcome
from vaebench.sweeping import again
from vaebench.sweeping.engines import PROCESSES
from vaebench.sweeping.telling import Silence

JOBS = specs()[:2]


def outcome(key: str, seconds: float) -> JobOutcome:
    environment = {"code": code_digest()}
    return JobOutcome(
        key, "complete", environment=environment, train_seconds=seconds, eval_seconds=1.0
    )


@pytest.fixture
def beside(database: Path) -> WorkerContext:
    """The folder of what is trained again: two runs are finished, with a model of each."""
    folder = database.parent / "again" / code_digest()
    context = WorkerContext(out=folder)
    with Store(folder / "results.db") as store:
        sweep = store.add_sweep(JOBS, "again").sweep_id
        while claim := store.claim(sweep):
            assert store.complete(claim, outcome(claim.spec.key, 2.5))
            for file in (context.model(claim.spec.key), context.checkpoint(claim.spec.key)):
                file.parent.mkdir(exist_ok=True)
                file.write_text("new")
    return context


def test_what_is_done_is_handed_over_once_and_only_ones_own_folder_goes(
    database: Path, beside: WorkerContext
) -> None:
    other = database.parent / "again" / "0123456789abcdef"
    other.mkdir()
    context, seen = WorkerContext(out=database.parent), []

    def take(found: JobOutcome, model: Path) -> None:
        seen.append(found.key)
        assert model.read_text() == "new"
        if len(seen) == 1:  # another process is quicker with the other one
            beside.model(JOBS[1].key).unlink()

    again.train_again(JOBS, context, take, Silence(), workers=1)
    assert seen == [JOBS[0].key]
    assert other.is_dir()
    assert not beside.out.exists()


def test_the_folder_stays_while_another_process_works_in_it(
    database: Path, beside: WorkerContext
) -> None:
    mark = beside.out / "at-work" / f"{os.uname().nodename}-{os.getppid()}"
    mark.parent.mkdir()
    mark.touch()
    ours = WorkerContext(out=database.parent)
    again.train_again(JOBS, ours, lambda *_: None, Silence(), workers=1)
    assert mark.exists()
    assert not any(beside.checkpoint(job.key).exists() for job in JOBS)
    mark.unlink()
    mark.with_name(f"{os.uname().nodename}-{2**22 + 1}").touch()  # of a process that is gone
    with Store(beside.out / "results.db") as store:
        assert len(store.states()) == 2
    again.train_again([], ours, lambda *_: None, Silence(), workers=1)
    assert not beside.out.exists()


def test_under_a_lock_the_old_model_stays_and_later_the_new_one_comes(
    database: Path, beside: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = WorkerContext(out=database.parent)
    kept = context.model(JOBS[0].key)
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("old")
    monkeypatch.setattr("vaebench.store.database.BUSY_SECONDS", 0.1)
    said: list[str] = []
    with sqlite3.connect(database, isolation_level=None) as holder, Store(database) as store:
        holder.execute("BEGIN IMMEDIATE")

        class Listening(Silence):
            def say(self, line: str) -> None:
                if "locked" in line:
                    said.append(line)
                    assert kept.read_text() == "old"
                    holder.execute("ROLLBACK")

        again.renew_runs(store, JOBS, context, Listening(), engine=PROCESSES, workers=1, retries=0)
        assert stored_outcome(store, JOBS[0].key).train_seconds == 2.5
    holder.close()
    assert "Waiting; nothing is lost" in said[0]
    assert kept.read_text() == "new"


def test_a_model_whose_figures_were_renewed_before_a_kill_is_picked_up(
    database: Path, beside: WorkerContext
) -> None:
    context = WorkerContext(out=database.parent)
    with Store(database) as store:
        assert renew(store, outcome(JOBS[0].key, 2.5))
        again.pick_up(store, context)
    assert context.model(JOBS[0].key).read_text() == "new"
    assert not context.model(JOBS[1].key).exists()  # its figures are still the old ones
    assert beside.model(JOBS[1].key).exists()
