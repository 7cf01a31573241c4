"""The relay with real processes: evaluation beside the next training, the same figures."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import PATIENCE
from tests.training.conftest import make_spec
from vaebench.context import WorkerContext
from vaebench.errors import LostWorkerError
from vaebench.executors import InlineExecutor, ProcessExecutor, RelayExecutor
from vaebench.outcome import JobOutcome, Progress, differences
from vaebench.spec import JobSpec
from vaebench.worker import run_pack, train_pack

JOB = make_spec("vae", network="mlp", steps=5, eval_size=20)
NEXT = replace(JOB, seed=1, steps=20)


class Relay:
    """One process that trains and one that evaluates, and the signs of life of both."""

    def __init__(self, out: Path) -> None:
        self.signs: list[tuple[float, Progress]] = []
        self.evaluates = threading.Event()
        context = WorkerContext(out=out)
        self.training = ProcessExecutor(train_pack, [context], on_event=self.seen)
        self.evaluation = ProcessExecutor(run_pack, [context], on_event=self.seen)
        self.executor = RelayExecutor(self.training, self.evaluation)

    def seen(self, sign: Progress) -> None:
        self.signs.append((time.monotonic(), sign))
        if sign.phase == "evaluating":
            self.evaluates.set()

    def times(self, spec: JobSpec, phase: str) -> list[float]:
        return [when for when, sign in self.signs if (sign.key, sign.phase) == (spec.key, phase)]


@contextmanager
def relay(out: Path) -> Iterator[Relay]:
    made = Relay(out)
    try:
        yield made
    finally:
        made.executor.shutdown()


def alone(spec: JobSpec, out: Path) -> JobOutcome:
    inline = InlineExecutor(run_pack, WorkerContext(out=out), on_event=lambda sign: None)
    return inline.submit([spec]).result()[0]


def test_a_job_is_evaluated_while_the_next_one_trains(tmp_path: Path) -> None:
    with relay(tmp_path / "relay") as made:
        first, second = (made.executor.submit([spec]) for spec in (JOB, NEXT))
        found = [first.result()[0], second.result()[0]]
        pids = {*made.training.pids(), *made.evaluation.pids()}
    assert len(pids) == 2
    assert max(made.times(JOB, "evaluating")) > min(made.times(NEXT, "training"))
    for spec, outcome in zip((JOB, NEXT), found, strict=True):
        before = alone(spec, tmp_path / "alone")
        assert (outcome.status, len(outcome.scores)) == ("complete", len(before.scores))
        assert differences(before, outcome) == []
        assert outcome.environment["code"] == before.environment["code"]
        assert outcome.train_seconds > 0


def test_a_lost_evaluation_begins_again_and_trains_nothing(tmp_path: Path) -> None:
    with relay(tmp_path) as made:
        answer = made.executor.submit([JOB])
        assert made.evaluates.wait(PATIENCE)
        (pid,) = made.evaluation.pids()
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(LostWorkerError, match="SIGKILL"):
            answer.result()
        made.signs.clear()
        outcome = made.executor.submit([JOB]).result()[0]
        assert made.times(JOB, "training") == []
    assert differences(alone(JOB, tmp_path / "alone"), outcome) == []


def test_a_stop_while_evaluating_hands_the_job_back(tmp_path: Path) -> None:
    with relay(tmp_path) as made:
        answer = made.executor.submit([JOB])
        assert made.evaluates.wait(PATIENCE)
        made.executor.stop()
        assert answer.result()[0].status == "interrupted"


def test_where_memory_has_no_room_for_both_the_first_evaluates(tmp_path: Path) -> None:
    tried: list[str] = []

    def no_room(pack: Sequence[JobSpec], *_: object) -> list[JobOutcome]:
        tried.append(pack[0].key)
        return [JobOutcome(pack[0].key, "memory", error="CUDA out of memory.")]

    context = WorkerContext(out=tmp_path)
    executor = RelayExecutor(
        InlineExecutor(train_pack, context, on_event=lambda sign: None),
        InlineExecutor(no_room, context, on_event=lambda sign: None),
    )
    for spec in (JOB, replace(JOB, seed=1)):
        assert executor.submit([spec]).result()[0].status == "complete"
    assert tried == [JOB.key]
    assert executor.workers == 1


def test_what_fails_in_training_is_not_evaluated(tmp_path: Path) -> None:
    diverging = replace(JOB, learning_rate=1e30)
    with relay(tmp_path) as made:
        outcome = made.executor.submit([diverging]).result()[0]
        assert outcome.status == "failed"
        assert made.evaluation.pids() == []
