"""The process executor with real processes: answers, deaths, stops, and orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psutil
import pytest

from vaebench.errors import LostWorkerError
from vaebench.executors import Executor, InlineExecutor, ProcessExecutor
from vaebench.outcome import JobOutcome, Progress
from vaebench.spec import JobSpec


def job(seed: int) -> JobSpec:
    return JobSpec(model="vae", parameters={}, seed=seed)


def task(
    pack: Sequence[JobSpec],
    context: str,
    on_event: Callable[[Progress], Any],
    should_stop: Callable[[], bool],
) -> list[JobOutcome]:
    """Seed 13 dies, seed 99 waits to be stopped; others tell of the process they ran in."""
    outcomes = []
    for spec in pack:
        on_event(Progress(spec.key, "training", spec.seed))
        if spec.seed == 13:
            os.kill(os.getpid(), signal.SIGKILL)
        if spec.seed == 14:
            os._exit(3)
        while spec.seed == 99 and not should_stop():
            time.sleep(0.01)
        said = {
            "context": context,
            "pid": os.getpid(),
            "threads": os.environ.get("OMP_NUM_THREADS"),
            "malloc": os.environ.get("MALLOC_MMAP_MAX_"),
        }
        status = "interrupted" if should_stop() else "complete"
        outcomes.append(JobOutcome(spec.key, status, environment=said))
    return outcomes


@pytest.fixture
def seen() -> list[Progress]:
    return []


@pytest.fixture
def executor(seen: list[Progress]) -> Iterator[ProcessExecutor[str]]:
    made = ProcessExecutor(task, "here", workers=2, on_event=seen.append)
    yield made
    made.shutdown(kill=True)
    assert made.pids() == []


def test_answers_events_and_environment(
    executor: ProcessExecutor[str], seen: list[Progress]
) -> None:
    before = os.environ.get("MALLOC_MMAP_MAX_")
    answers = [executor.submit([job(seed), job(seed + 100)]) for seed in range(4)]
    outcomes = [outcome for answer in answers for outcome in answer.result(timeout=60)]
    assert [o.key for o in outcomes] == [job(s).key for k in range(4) for s in (k, k + 100)]
    assert {o.environment["context"] for o in outcomes} == {"here"}
    assert {(o.environment["threads"], o.environment["malloc"]) for o in outcomes} == {("1", "0")}
    pids = {o.environment["pid"] for o in outcomes}
    assert os.getpid() not in pids
    assert len(pids) <= 2
    assert {event.key for event in seen} == {o.key for o in outcomes}
    assert os.environ.get("MALLOC_MMAP_MAX_") == before


@pytest.mark.parametrize(("seed", "word"), [(13, "SIGKILL"), (14, "exit code 3")])
def test_a_death_is_told_and_the_worker_replaced(
    executor: ProcessExecutor[str], seed: int, word: str
) -> None:
    with pytest.raises(LostWorkerError, match=word):
        executor.submit([job(seed)]).result(timeout=60)
    assert executor.submit([job(1)]).result(timeout=60)[0].status == "complete"


def test_stop_interrupts_what_runs_and_what_comes(executor: ProcessExecutor[str]) -> None:
    waiting = [executor.submit([job(99)]) for _ in range(3)]
    while len(executor.pids()) < 2:
        time.sleep(0.01)
    time.sleep(0.2)
    assert not any(answer.done() for answer in waiting)
    executor.stop()
    assert {answer.result(timeout=60)[0].status for answer in waiting} == {"interrupted"}


def test_workers_end_when_their_parent_is_killed() -> None:
    """The parent dies without a word: both the idle and the busy worker end by themselves."""
    code = (
        "import sys, time\n"
        "from tests.executors.test_processes import job, task\n"
        "from vaebench.executors import ProcessExecutor\n"
        "if __name__ == '__main__':\n"
        "    e = ProcessExecutor(task, '', workers=2, on_event=lambda p: None)\n"
        "    e.submit([job(99)]); e.submit([job(1)]).result()\n"
        "    print(*e.pids(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []


def test_inline_runs_here_and_is_an_executor() -> None:
    made: Executor = InlineExecutor(task, "x", on_event=lambda progress: None)
    outcome = made.submit([job(1)]).result()[0]
    assert outcome.environment["pid"] == os.getpid()
    made.stop()
    assert made.submit([job(1)]).result()[0].status == "interrupted"
    made.shutdown()
