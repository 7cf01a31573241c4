"""The store under any interleaving: two writers, crashes, late answers; compared with a model."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.store.sample_jobs import failure, make_specs, outcome
from vaebench.outcome import Progress, Score
from vaebench.store import MAX_LOSSES, Claim, Store, results_of
from vaebench.store.schema import holders

SPECS = make_specs(5)
KEYS = [spec.key for spec in SPECS]
WRITERS = st.integers(0, 1)
RETRIES = st.integers(0, 2)


@dataclass
class Job:
    """What the model knows of a job."""

    state: str = "PENDING"
    token: str | None = None
    holder: int = -1
    attempts: int = 0
    losses: int = 0
    mig: float | None = None


class Interleavings(RuleBasedStateMachine):
    """Rules are what two processes may do with one database, in any order."""

    location: str

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, Job] = {}
        self.sweeps: list[tuple[int, list[str]]] = []
        self.claims: list[Claim] = []
        self.alive = itertools.count()
        self.figures = itertools.count(1)
        self.writers: list[Store] = []
        self.holders: list[int] = []

    @initialize()
    def open(self) -> None:
        with Store(self.location) as store, store.engine.begin() as connection:
            for table in ("sweep_jobs", "scores", "curves", "artifacts", "representations"):
                connection.execute(sa.text(f"DELETE FROM {table}"))
            for table in ("jobs", "sweeps", "holders"):
                connection.execute(sa.text(f"DELETE FROM {table}"))
        self.writers = [Store(self.location) for _ in range(2)]
        self.holders = [next(self.alive) for _ in range(2)]

    def teardown(self) -> None:
        for store in self.writers:
            store.close()

    @rule(who=WRITERS, chosen=st.sets(st.sampled_from(range(5)), min_size=1))
    def add(self, who: int, chosen: set[int]) -> None:
        specs = [SPECS[place] for place in sorted(chosen)]
        added = self.writers[who].add_sweep(specs, "a sweep")
        new = [spec.key for spec in specs if spec.key not in self.jobs]
        assert (added.new, added.known) == (len(new), len(specs) - len(new))
        self.jobs |= {key: Job() for key in new}
        self.sweeps.append((added.sweep_id, [spec.key for spec in specs]))

    @rule(who=WRITERS, data=st.data())
    def claim(self, who: int, data: st.DataObject) -> None:
        if not self.sweeps:
            return
        sweep, keys = data.draw(st.sampled_from(self.sweeps))
        pending = [key for key in keys if self.jobs[key].state == "PENDING"]
        claim = self.writers[who].claim(sweep)
        assert (claim is not None) == bool(pending)
        if claim is not None:
            assert claim.spec.key in pending
            job = self.jobs[claim.spec.key]
            assert claim.attempts == job.attempts
            job.state, job.token, job.holder = "RUNNING", claim.token, self.holders[who]
            self.claims.append(claim)

    def current(self, claim: Claim) -> Job | None:
        """The claim's job, if the claim is still held."""
        job = self.jobs[claim.spec.key]
        return job if job.state == "RUNNING" and job.token == claim.token else None

    def any_claim(self, data: st.DataObject) -> Claim | None:
        return data.draw(st.sampled_from(self.claims)) if self.claims else None

    @rule(who=WRITERS, data=st.data())
    def beat(self, who: int, data: st.DataObject) -> None:
        if (claim := self.any_claim(data)) is not None:
            sign = Progress(claim.spec.key, "training", 3)
            self.writers[who].heartbeat([claim], {claim.spec.key: sign})

    @rule(who=WRITERS, data=st.data())
    def complete(self, who: int, data: st.DataObject) -> None:
        if (claim := self.any_claim(data)) is None:
            return
        job, mig = self.current(claim), float(next(self.figures))
        found = outcome(claim.spec, scores=(Score("mig", mig),))
        assert self.writers[who].complete(claim, found) == (job is not None)
        if job is not None:
            job.state, job.token, job.mig = "COMPLETE", None, mig

    @rule(who=WRITERS, data=st.data(), retries=RETRIES)
    def fail(self, who: int, data: st.DataObject, retries: int) -> None:
        if (claim := self.any_claim(data)) is None:
            return
        job = self.current(claim)
        done = self.writers[who].fail(claim, failure(claim.spec), retries=retries)
        assert done == (job is not None)
        if job is not None:
            job.state = "PENDING" if job.attempts < retries else "FAILED"
            job.token, job.attempts = None, job.attempts + 1

    @rule(who=WRITERS, data=st.data())
    def lose(self, who: int, data: st.DataObject) -> None:
        if (claim := self.any_claim(data)) is None:
            return
        job = self.current(claim)
        assert self.writers[who].lose(claim, "It died.") == (job is not None)
        if job is not None:
            job.losses += 1
            job.state = "FAILED" if job.losses >= MAX_LOSSES else "PENDING"
            job.token = None

    @rule(who=WRITERS, data=st.data())
    def release(self, who: int, data: st.DataObject) -> None:
        if (claim := self.any_claim(data)) is not None:
            self.writers[who].release([claim])
            if (job := self.current(claim)) is not None:
                job.state, job.token = "PENDING", None

    @rule(who=WRITERS)
    def crash(self, who: int) -> None:
        """The process is gone with its claims; another takes its place."""
        tokens = [claim.token for claim in self.claims if self._of(claim) == self.holders[who]]
        with self.writers[who].engine.begin() as connection:
            for token in tokens:
                mine = holders.c.id == token[:16]
                connection.execute(sa.update(holders).where(mine).values(started=1, pid=2**22 + 7))
        self.writers[who].close()
        self.writers[who] = Store(self.location)
        self.holders[who] = next(self.alive)

    def _of(self, claim: Claim) -> int | None:
        job = self.current(claim)
        return None if job is None else job.holder

    @rule(who=WRITERS)
    def requeue_abandoned(self, who: int) -> None:
        gone = [
            job
            for job in self.jobs.values()
            if job.state == "RUNNING" and job.holder not in self.holders
        ]
        assert self.writers[who].requeue_abandoned() == len(gone)
        for job in gone:
            job.state, job.token = "PENDING", None

    @rule(who=WRITERS, data=st.data(), retries=RETRIES)
    def requeue_failed(self, who: int, data: st.DataObject, retries: int) -> None:
        if not self.sweeps:
            return
        sweep, keys = data.draw(st.sampled_from(self.sweeps))
        able = [
            self.jobs[key]
            for key in keys
            if self.jobs[key].state == "FAILED"
            and self.jobs[key].attempts <= retries
            and self.jobs[key].losses < MAX_LOSSES
        ]
        assert self.writers[who].requeue_failed(sweep, retries) == len(able)
        for job in able:
            job.state = "PENDING"

    @rule(who=WRITERS, key=st.sampled_from(KEYS))
    def retry(self, who: int, key: str) -> None:
        job = self.jobs.get(key)
        failed = job is not None and job.state == "FAILED"
        assert self.writers[who].retry([key]) == int(failed)
        if job is not None and failed:
            job.state, job.attempts, job.losses = "PENDING", 0, 0

    @invariant()
    def the_database_is_the_model(self) -> None:
        if not self.writers:
            return
        for store in self.writers:
            assert store.states() == {key: job.state for key, job in self.jobs.items()}
        rows = {row["job_key"]: row["mig"] for row in results_of(self.writers[0])}
        done = {key: job.mig for key, job in self.jobs.items() if job.state == "COMPLETE"}
        assert rows == done


@contextlib.contextmanager
def on(location: str) -> Iterator[type[Interleavings]]:
    """Binds the machine to a database."""
    yield type("Bound", (Interleavings,), {"location": location})


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="claims are known by /proc")
def test_any_interleaving(location: str) -> None:
    large = os.environ.get("HYPOTHESIS_PROFILE") == "large"
    chosen = settings(
        max_examples=1000 if large else 20,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=not large,
    )
    if "://" not in location and Path("/dev/shm").is_dir():
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, on(f"{folder}/r.db") as machine:
            run_state_machine_as_test(machine, settings=chosen)
        return
    with on(location) as machine:
        run_state_machine_as_test(machine, settings=chosen)
