"""What every executor promises, with real processes: the same bits, whatever happens on the way.

A way of getting a sweep worked on is one more line in `WAYS`. Slurm is none: what runs in its
allocations claims for itself, and what one says late is refused in `tests/cli/test_queue.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.executors.conftest import ray_nodes
from tests.executors.sweeps import Making, Sweep, tiny
from tests.test_sweep_processes import figures
from vaebench.context import WorkerContext
from vaebench.executors import Executor, InlineExecutor, ProcessExecutor
from vaebench.outcome import Progress
from vaebench.store import Store
from vaebench.worker import run_pack

JOBS = tiny(seeds=2, steps=100)

Tables = list[list[tuple[Any, ...]]]


def inline(
    context: WorkerContext, workers: int, on_event: Callable[[Progress], Any]
) -> InlineExecutor[WorkerContext]:
    return InlineExecutor(run_pack, context, on_event=on_event)


def processes(
    context: WorkerContext, workers: int, on_event: Callable[[Progress], Any]
) -> ProcessExecutor[WorkerContext]:
    return ProcessExecutor(run_pack, context.bound(workers), on_event=on_event)


def on_ray() -> Iterator[Making]:
    with ray_nodes(1) as cluster:
        from vaebench.executors.ray import RayExecutor
        from vaebench.executors.ray_worker import Named

        def make(
            context: WorkerContext, workers: int, on_event: Callable[[Progress], Any]
        ) -> Executor:
            task: Named = Named("vaebench.worker", "run_pack")
            contexts = context.bound(workers)
            return RayExecutor(task, contexts, on_event=on_event, address=cluster.address)

        yield make


WAYS: dict[str, Callable[[], Iterator[Making]]] = {
    "inline": lambda: iter([inline]),
    "processes": lambda: iter([processes]),
    "ray": on_ray,
}


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[Making]:
    yield from WAYS[request.param]()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Every figure of the sweep that one process trains, and nobody disturbs."""
    folder = tmp_path_factory.mktemp("alone")
    assert Sweep(folder, JOBS, inline, 1).end() == ["complete"] * 2
    found = figures(folder)
    assert {row[2] for row in found[3]} == {"COMPLETE"}
    return found


def test_every_figure_is_that_of_one_process(way: Making, alone: Tables, tmp_path: Path) -> None:
    assert Sweep(tmp_path, JOBS, way, 2).end() == ["complete"] * 2
    assert figures(tmp_path) == alone
    assert len(list((tmp_path / "results" / "models").iterdir())) == 2


def test_a_killed_worker_costs_one_future_and_its_job_goes_on(
    way: Making, alone: Tables, tmp_path: Path
) -> None:
    if way is inline:
        pytest.skip("the inline executor's worker is this process: killed, nothing is left to ask")
    sweep = Sweep(tmp_path, JOBS, way, 1)
    begun = sweep.until(sweep.checkpointed)
    sweep.kill_a_worker()
    sweep.until(lambda: sweep.ended)
    since = len(sweep.signs)
    assert sorted(sweep.end()) == ["complete", "complete", "lost"]
    lost = sweep.ended[0]
    assert (lost.spec.key, lost.state) == (begun, "lost")
    assert "SIGKILL" in str(lost.error)
    assert sweep.begun_at(since, begun) > 0
    assert figures(tmp_path) == alone


def test_a_stop_checkpoints_and_the_same_sweep_goes_on(
    way: Making, alone: Tables, tmp_path: Path
) -> None:
    sweep = Sweep(tmp_path, JOBS, way, 1)
    begun = sweep.until(sweep.checkpointed)
    sweep.runner.stop()
    assert sweep.end() == ["interrupted"]
    with Store(tmp_path / "results" / "results.db") as store:
        assert store.counts()["PENDING"] == 2
    assert sweep.context.checkpoint(begun).exists()
    again = Sweep(tmp_path, JOBS, way, 1)
    assert again.end() == ["complete"] * 2
    assert again.begun_at(0, begun) > 0
    assert figures(tmp_path) == alone


def test_a_late_outcome_is_refused_by_its_claim(way: Making, alone: Tables, tmp_path: Path) -> None:
    """Another process takes the job over while it is trained; what comes back writes nothing."""
    sweep = Sweep(tmp_path, JOBS[:1], way, 1)
    key = JOBS[0].key
    sweep.until(sweep.checkpointed)
    with Store(tmp_path / "results" / "results.db") as other:
        other.requeue_abandoned(-1.0)
        taken = other.claim(sweep.number)
        assert taken is not None
        sweep.until(lambda: sweep.ended)
        assert [event.state for event in sweep.ended] == ["late"]
        assert other.states() == {key: "RUNNING"}
        assert figures(tmp_path)[:3] == [[], [], []]
        other.release([taken])
    assert sweep.end() == ["late", "complete"]
    one = [[row for row in table if row[0] == key and row[1] != "udr"] for table in alone]
    assert [[r for r in table if r[1] != "udr"] for table in figures(tmp_path)] == one
