"""The process executor with real processes: answers, deaths, stops, and orphans."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import two_gpus
from tests.conftest import PATIENCE
from vaebench.errors import LostWorkerError
from vaebench.executors import Executor, InlineExecutor, ProcessExecutor
from vaebench.memory import oom_kills, ran_out
from vaebench.outcome import JobOutcome, Progress
from vaebench.spec import JobSpec


def job(seed: int) -> JobSpec:
    return JobSpec(model="vae", parameters={}, seed=seed)


def refused(_: str) -> None:
    """Asks for more than the process may have: MemoryError."""
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    bytearray(2**33)


def terminated(_: str) -> None:
    """Lets C++ throw std::bad_alloc where nobody catches it: SIGABRT."""
    library = ctypes.CDLL("libstdc++.so.6")
    library._Znwm(ctypes.c_size_t(2**62))


def killed_by_the_kernel(group: str) -> None:
    """Takes more than its control group may: SIGKILL."""
    (Path(group) / "cgroup.procs").write_text(str(os.getpid()))
    held = [os.urandom(2**20) for _ in range(500)]
    raise AssertionError(len(held))


STARVING = {20: refused, 21: terminated, 22: killed_by_the_kernel}
"""How a process runs out of memory, by the seed."""


SHORT = {
    30: ("memory", two_gpus.FULL),
    31: ("blocked", "cuda:0 cannot be used: CUDA error: out of memory. Nothing is lost"),
}
"""What workers say whose GPU has too little memory, or none at all, by the seed."""


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
        if spec.seed in SHORT:
            return [JobOutcome(spec.key, SHORT[spec.seed][0], error=SHORT[spec.seed][1])]
        if spec.seed in STARVING:
            try:
                STARVING[spec.seed](context)
            except MemoryError as error:
                line = f"{type(error).__name__}: {error}"
                assert ran_out(line)
                return [*outcomes, JobOutcome(spec.key, "memory", error=line)]
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
    made = ProcessExecutor(task, ["here"] * 2, on_event=seen.append)
    yield made
    made.shutdown(kill=True)
    assert made.pids() == []


def test_answers_events_and_environment(
    executor: ProcessExecutor[str], seen: list[Progress]
) -> None:
    before = os.environ.get("MALLOC_MMAP_MAX_")
    answers = [executor.submit([job(seed), job(seed + 100)]) for seed in range(4)]
    outcomes = [outcome for answer in answers for outcome in answer.result(timeout=PATIENCE)]
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
        executor.submit([job(seed)]).result(timeout=PATIENCE)
    assert executor.submit([job(1)]).result(timeout=PATIENCE)[0].status == "complete"


@pytest.fixture
def control_group() -> Iterator[str]:
    """A control group of 100 MB, of version 1 or 2."""
    for root, limit in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
        group = Path("/sys/fs/cgroup", root, f"vaebench-test-{os.getpid()}")
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(100 * 2**20))
            yield str(group)
            return
        except OSError:
            continue
        finally:
            group.rmdir()
    pytest.skip("no memory control group can be made here")


@pytest.mark.parametrize(("seed", "word"), [(20, "MemoryError"), (21, "bad_alloc")])
def test_a_worker_without_memory_says_so_and_fewer_run_at_once(
    executor: ProcessExecutor[str], seed: int, word: str
) -> None:
    idle = executor.submit([job(1)]).result(timeout=PATIENCE)[0].environment["pid"]
    (outcome,) = executor.submit([job(seed)]).result(timeout=PATIENCE)
    assert outcome.status == "memory"
    assert word in str(outcome.error)
    assert executor.workers == 1
    assert len(executor.pids()) <= 1
    (outcome,) = executor.submit([job(seed)]).result(timeout=PATIENCE)
    assert outcome.status == "memory"
    assert executor.workers == 1
    later = executor.submit([job(2)]).result(timeout=PATIENCE)[0]
    assert later.status == "complete"
    assert later.environment["pid"] != idle


@pytest.mark.parametrize("seed", SHORT)
@pytest.mark.parametrize(("gpus", "left"), [(["0", "0"], 1), (["0", "1"], 2), (["0", "1", "0"], 2)])
def test_memory_of_a_gpu_is_shared_by_its_own_workers_alone(
    seed: int, gpus: list[str], left: int
) -> None:
    """Where a GPU has too little, one worker fewer uses it; its last, and others', stay."""
    executor = ProcessExecutor(task, gpus, on_event=lambda progress: None)
    try:
        answers = [executor.submit([job(seed)]) for _ in range(6)]
        found = [answer.result(timeout=PATIENCE)[0].status for answer in answers]
    finally:
        executor.shutdown(kill=True)
    assert executor.workers == left
    if SHORT[seed][0] == "blocked":  # at once, both that share a GPU find it full
        gone = len(gpus) - left
        assert gone <= found.count("memory") <= 2 * gone
        assert "blocked" in found
    else:
        assert set(found) == {"memory"}


def test_a_kill_by_the_kernel_is_told_from_any_other(control_group: str) -> None:
    before = oom_kills()
    executor = ProcessExecutor(task, [control_group], on_event=lambda progress: None)
    try:
        (outcome,) = executor.submit([job(22)]).result(timeout=PATIENCE)
        assert oom_kills() > before
        assert outcome.status == "memory"
        assert "kernel" in str(outcome.error)
        with pytest.raises(LostWorkerError, match="SIGKILL"):
            executor.submit([job(13)]).result(timeout=PATIENCE)
    finally:
        executor.shutdown(kill=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_is_deaf_to_the_signals_of_a_stop_from_its_first_instruction(
    executor: ProcessExecutor[str], number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = executor.submit([job(1)])
    while not executor.pids():
        time.sleep(0.0001)
    (pid,) = executor.pids()
    while not answer.done():
        os.kill(pid, number)
        time.sleep(0.001)
    assert answer.result()[0].environment["pid"] == pid
    assert capfd.readouterr().err == ""


def test_a_stop_does_not_wait_for_a_worker_to_come_up(executor: ProcessExecutor[str]) -> None:
    answer = executor.submit([job(99)])
    while not executor.pids():
        time.sleep(0.0001)
    executor.stop()
    assert answer.result(timeout=PATIENCE)[0].status == "interrupted"


def test_stop_interrupts_what_runs_and_what_comes(executor: ProcessExecutor[str]) -> None:
    waiting = [executor.submit([job(99)]) for _ in range(3)]
    while len(executor.pids()) < 2:
        time.sleep(0.01)
    time.sleep(0.2)
    assert not any(answer.done() for answer in waiting)
    executor.stop()
    assert {answer.result(timeout=PATIENCE)[0].status for answer in waiting} == {"interrupted"}


def test_workers_end_when_their_parent_is_killed() -> None:
    """The parent dies without a word: both the idle and the busy worker end by themselves."""
    code = (
        "import sys, time\n"
        "from tests.executors.test_processes import job, task\n"
        "from vaebench.executors import ProcessExecutor\n"
        "if __name__ == '__main__':\n"
        "    e = ProcessExecutor(task, [''] * 2, on_event=lambda p: None)\n"
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
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE)
    assert alive == []


def test_what_goes_wrong_with_a_worker_is_told(executor: ProcessExecutor[str]) -> None:
    """A pack that cannot be pickled; the worker's next is answered."""
    no_job: Any = lambda: None  # noqa: E731
    with pytest.raises(LostWorkerError, match=r"given up \(.*pickle"):
        executor.submit([no_job]).result(timeout=PATIENCE)
    assert executor.submit([job(1)]).result(timeout=PATIENCE)[0].status == "complete"


def test_a_worker_that_no_thread_can_listen_to_is_ended(
    executor: ProcessExecutor[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise RuntimeError("can't start new thread")

    before = psutil.Process().children()
    monkeypatch.setattr(threading.Thread, "start", full)
    outcome = executor.submit([job(1)]).result(timeout=PATIENCE)[0]
    assert outcome.status == "memory"
    assert outcome.error == "No worker process can be started: can't start new thread"
    assert psutil.Process().children() == before


@pytest.mark.parametrize(("room", "some"), [(2**20, False), (48 * 2**20, True)])
def test_where_few_threads_can_be_started_fewer_packs_run(room: int, some: bool) -> None:
    """In an address space that holds no, or not many, threads' stacks of 8 MB."""
    code = (
        "import resource, psutil\nfrom vaebench.errors import VaebenchError\n"
        "from vaebench.executors import ProcessExecutor\n"
        f"most = psutil.Process().memory_info().vms + {room}\n"
        "resource.setrlimit(resource.RLIMIT_STACK, (2**23, 2**23))\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "try:\n    made = ProcessExecutor(print, ['x'] * 64, on_event=print)\n"
        "except VaebenchError as error:\n    print(0, error)\n"
        "else:\n    print(made.workers)\n    made.shutdown()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, _, said = done.stdout.strip().partition(" ")
    assert (0 < int(count) < 64) if some else (int(count) == 0)
    assert said.startswith("No worker can be looked after: can't start new thread.") != some


def test_inline_runs_here_and_is_an_executor() -> None:
    made: Executor = InlineExecutor(task, "x", on_event=lambda progress: None)
    outcome = made.submit([job(1)]).result()[0]
    assert outcome.environment["pid"] == os.getpid()
    made.stop()
    assert made.submit([job(1)]).result()[0].status == "interrupted"
    made.shutdown()
