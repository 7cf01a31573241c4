"""The runner: claim → submit → record. The only writer of the store while a sweep runs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeVar

from vaebench.errors import LostWorkerError, StoreError
from vaebench.executors import Executor
from vaebench.forecast import Forecast, TimeLeft
from vaebench.outcome import JobOutcome, Progress, Status
from vaebench.spec import JobSpec
from vaebench.store import (
    STALE_SECONDS,
    Claim,
    Claimant,
    DatabaseAwayError,
    DatabaseLockedError,
    Store,
)

POLL_SECONDS = 0.2
HEARTBEAT_SECONDS = 2.0
REQUEUE_SECONDS = 10.0

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class JobEnded:
    """A job of this runner ended.

    Attributes:
        spec: The job.
        state: `complete`, `failed`, `lost`, `interrupted`, `blocked`, `memory` (there was not
            enough, and it is put back), or `late` where another process had taken the job over
            and nothing was written.
        outcome: What the worker handed back, if it did.
        error: One line on what went wrong.
    """

    spec: JobSpec
    state: Status | Literal["late"]
    outcome: JobOutcome | None = None
    error: str | None = None


@dataclass(frozen=True)
class Beat:
    """The state of the sweep, a few times a second.

    Attributes:
        counts: Jobs of the sweep by state.
        running: Signs of life of this runner's jobs.
        left: Wall time left; None while unknown.
        note: What holds the sweep up, if something does.
    """

    counts: dict[str, int]
    running: tuple[tuple[JobSpec, Progress | None], ...]
    left: TimeLeft | None
    note: str | None = None


@dataclass(frozen=True)
class Notice:
    """What a worker met and did, in a line for the user, such as a checkpoint set aside.

    Attributes:
        spec: The job.
        text: The line.
    """

    spec: JobSpec
    text: str


def rank(
    store: Store, sweep_id: int, patiently: Callable[[Callable[[], Any]], Any] = lambda act: act()
) -> None:
    """Scores the runs of each cell that has new ones by how far they agree with each other.

    Args:
        store: The database.
        sweep_id: The sweep.
        patiently: Does what it is handed, again while another program holds the database's lock.
    """
    cells = patiently(lambda: store.unranked(sweep_id))
    if not cells:
        return
    from vaebench.analysis.udr import udr_scores  # only where there is work for it

    for cell in cells:
        patiently(partial(store.rank, cell, udr_scores(store, cell)))


class Runner:
    """Runs the jobs of one sweep that are not done, beside any other process that does so too.

    Args:
        store: The database.
        sweep_id: The sweep.
        executor: Where jobs run.
        retries: How often a failed job is tried again.
        fail_fast: Stop at the first failure.
        trained: Keys of jobs whose models are there, and only to be evaluated.
        on_event: Called with `JobEnded`, `Notice` and `Beat`.
        stale_seconds: Age of a heartbeat at which a claim counts as abandoned.
        claimant: Who runs them, which the store is told; None where nobody needs to know.
        mixed: Work beside those that have other software, too.

    Attributes:
        blocked: Why the sweep cannot go on here, where that ended it: no output can be written,
            or somebody with other software is at work on it.
    """

    def __init__(
        self,
        store: Store,
        sweep_id: int,
        executor: Executor,
        *,
        retries: int = 0,
        fail_fast: bool = False,
        trained: Collection[str] = (),
        on_event: Callable[[JobEnded | Notice | Beat], Any] = lambda event: None,
        stale_seconds: float = STALE_SECONDS,
        claimant: Claimant | None = None,
        mixed: bool = False,
    ) -> None:
        self.store = store
        self.sweep_id = sweep_id
        self.executor = executor
        self.retries = retries
        self.fail_fast = fail_fast
        self.on_event = on_event
        self.stale_seconds = stale_seconds
        self.claimant = claimant
        self.mixed = mixed
        self.stopping = False
        self.blocked: str | None = None
        self._claims: dict[Future[list[JobOutcome]], Claim] = {}
        self._progress: dict[str, Progress] = {}
        self._notices: list[Progress] = []
        self._said: str | None = None
        self._progress_lock = threading.Lock()
        self._forecast = Forecast(trained)
        self._waiting: dict[JobSpec, int] = {}
        self._note: str | None = None
        self._counts = store.counts(sweep_id)
        self._specs: dict[str, JobSpec] = {}
        for row in store.jobs(sweep_id=sweep_id):
            self._specs[row.key] = row.spec
            if row.state == "COMPLETE" and row.train_seconds and row.eval_seconds:
                self._forecast.finished(row.spec, row.train_seconds, row.eval_seconds)

    def progressed(self, progress: Progress) -> None:
        """Takes a worker's sign of life; called from the executor's threads."""
        with self._progress_lock:
            self._progress[progress.key] = progress
            if progress.note:
                self._notices.append(progress)

    def stop(self) -> None:
        """Claims nothing more, has what runs checkpointed, and lets `run` return."""
        if not self.stopping:
            self.stopping = True
            self.executor.stop()

    def close(self, *, kill: bool) -> None:
        """Ends the executor and gives back what is still claimed.

        Args:
            kill: End the workers at once, without their outcomes.
        """
        self.executor.shutdown(kill=kill)
        with contextlib.suppress(StoreError):
            self.store.release(self._claims.values())

    def run(self) -> dict[str, int]:
        """Works until every job of the sweep has ended, here or in another process.

        Returns:
            The sweep's jobs by state.
        """
        if (claimant := self.claimant) is not None:
            self._patiently(lambda: self.store.introduce(claimant))
        self._requeue()
        self._patiently(lambda: self.store.requeue_failed(self.sweep_id, self.retries))
        beat = requeue = time.monotonic()
        self._beat()
        while True:
            self._fill()
            if not self._claims:
                if self.stopping or not self._others():
                    break
                time.sleep(POLL_SECONDS)
            else:
                done, _ = wait(self._claims, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    self._end(future)
            now = time.monotonic()
            if now - beat > HEARTBEAT_SECONDS:
                self._beat()
                beat = now
            if now - requeue > REQUEUE_SECONDS and not self.stopping:
                self._requeue()
                requeue = now
            self._tell()
        self._beat()
        self._tell()
        if self.blocked is None:
            rank(self.store, self.sweep_id, self._patiently)
        return self._counts

    def _requeue(self) -> None:
        held = list(self._claims.values())
        self._patiently(lambda: self.store.requeue_abandoned(self.stale_seconds, held))
        if self.claimant is None or self.mixed:
            return
        if others := self._patiently(lambda: self.store.of_other_software(self.sweep_id)):
            self.blocked = self.claimant.beside(others[0])
            self.stop()

    def _fill(self) -> None:
        while not self.stopping and len(self._claims) < self.executor.workers:
            claim = self._patiently(lambda: self.store.claim(self.sweep_id))
            if claim is None:
                return
            self._specs[claim.spec.key] = claim.spec  # of a row that was not read, too
            self._claims[self.executor.submit([claim.spec])] = claim

    def _others(self) -> bool:
        """Whether other processes still train jobs of this sweep, or have put some back."""
        counts = self._patiently(lambda: self.store.counts(self.sweep_id))
        if counts["RUNNING"]:
            self._note = f"waiting for {counts['RUNNING']} jobs that another process trains"
        return counts["RUNNING"] + counts["PENDING"] > 0

    def _end(self, future: Future[list[JobOutcome]]) -> None:
        claim = self._claims[future]
        outcome: JobOutcome | None = None
        try:
            outcome = future.result()[0]
        except LostWorkerError as error:
            text = str(error)
            held = self._patiently(lambda: self.store.lose(claim, text))
            state: Status | Literal["late"] = "lost"
            line = text
        else:
            if outcome.status == "memory":
                outcome = self._short_of_memory(claim, outcome)
            held, state, line = self._record(claim, outcome), outcome.status, outcome.error or ""
        del self._claims[future]
        self._progress.pop(claim.spec.key, None)
        self._forecast.gone(claim.spec)
        if state == "complete" and outcome is not None:
            self._forecast.finished(claim.spec, outcome.train_seconds, outcome.eval_seconds)
        self._pass_on()
        self.on_event(JobEnded(claim.spec, state if held else "late", outcome, line or None))
        if state == "blocked":
            self.blocked = line
        if state == "blocked" or (state == "failed" and self.fail_fast):
            self.stop()

    def _short_of_memory(self, claim: Claim, outcome: JobOutcome) -> JobOutcome:
        """Has a job that memory ran out for tried once more, even without `--retries`.

        The store remembers it as a failed attempt, so that it is once, and not once a command.
        """
        error, now = (outcome.error or "").rstrip("."), self.executor.workers
        if claim.attempts < self._memory_retries:
            once = "once" if self._memory_retries == 1 else f"{self._memory_retries} times at most"
            text = f"{error}. It is put back {once}; {now} at a time from now on."
            return replace(outcome, error=text, traceback=text)
        text = (
            f"{error}. It has failed before: sweep with fewer --workers, give the machine more "
            "memory, or name a smaller --batch-size, --network or --eval-size."
        )
        return replace(outcome, status="failed", error=text, traceback=text)

    @property
    def _memory_retries(self) -> int:
        return max(1, self.retries)

    def _record(self, claim: Claim, outcome: JobOutcome) -> bool:
        if outcome.status == "complete":
            return self._patiently(lambda: self.store.complete(claim, outcome))
        if outcome.status in {"interrupted", "blocked"}:
            self._patiently(lambda: self.store.release([claim]))
            return True
        again = self._memory_retries if outcome.status == "memory" else self.retries
        return self._patiently(lambda: self.store.fail(claim, outcome, retries=again))

    def _beat(self) -> None:
        with self._progress_lock:
            progress = dict(self._progress)
        claims = list(self._claims.values())
        self._patiently(lambda: self.store.heartbeat(claims, progress))
        pending = self._patiently(lambda: self.store.keys(self.sweep_id, "PENDING"))
        known = (self._specs[key] for key in pending if key in self._specs)
        self._waiting = self._forecast.counted(known)
        self._counts = self._patiently(lambda: self.store.counts(self.sweep_id))

    def _pass_on(self) -> None:
        """Tells what workers had to say since the last time."""
        with self._progress_lock:
            notices, self._notices = self._notices, []
        for said in notices:
            if said.note != self._said:  # which several workers say at once
                self.on_event(Notice(self._specs[said.key], said.note or ""))
            self._said = said.note

    def _tell(self) -> None:
        self._pass_on()
        with self._progress_lock:
            progress = dict(self._progress)
        running = []
        for claim in self._claims.values():
            seen = progress.get(claim.spec.key)
            running.append((claim.spec, seen))
            step, each, phase = 0, 0.0, "loading"
            if seen is not None:
                step, phase = seen.step, seen.phase
                each = seen.seconds / seen.steps_here if seen.steps_here else 0.0
            self._forecast.running(claim.spec, step, each, evaluating=phase == "evaluating")
        left = self._forecast.remaining(self._waiting, max(1, self.executor.workers))
        note = self._note or self.executor.held_up
        self.on_event(Beat(self._counts, tuple(running), left, note))
        self._note = None

    def _patiently(self, action: Callable[[], Answer]) -> Answer:
        """Reads or writes the store, however long its lock is held or its server is away."""
        while True:
            try:
                return action()
            except DatabaseLockedError as error:
                self._note = f"{error} Waiting; nothing is lost."
                self._tell()
                away = isinstance(error, DatabaseAwayError)
                if self.stopping and (away or not self._claims):
                    raise
                time.sleep(POLL_SECONDS if away else 0)
