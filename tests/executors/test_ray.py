"""A real Ray cluster of two nodes: one dies, the driver dies, there is no room, there is none."""

from __future__ import annotations

import json
import os
import platform
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import PATIENCE, CommandLine
from tests.executors.conftest import NODE, SETTINGS, host_named, ray_nodes
from tests.executors.sweeps import Sweep, tiny
from tests.test_sweep_processes import figures, wait_for_checkpoint
from vaebench.context import WorkerContext
from vaebench.executors import InlineExecutor, ProcessExecutor
from vaebench.outcome import JobOutcome, Place, Progress
from vaebench.spec import JobSpec
from vaebench.store import Reader, at_work
from vaebench.worker import run_pack

SWEEP = (
    "sweep --models vae --seeds 2 --steps 400 --batch-size 8 --network burgess --eval-size 10 "
    "--checkpoint-every 0.2 --workers 2 --executor ray"
).split()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_nodes(1) as made:
        yield made


def inline(
    context: WorkerContext, workers: int, on_event: Callable[[Progress], Any]
) -> InlineExecutor[WorkerContext]:
    return InlineExecutor(run_pack, context, on_event=on_event)


def processes(
    context: WorkerContext, workers: int, on_event: Callable[[Progress], Any]
) -> ProcessExecutor[WorkerContext]:
    return ProcessExecutor(run_pack, context.bound(workers), on_event=on_event)


def echo(
    pack: Sequence[JobSpec],
    context: str,
    on_event: Callable[[Progress], Any],
    should_stop: Callable[[], bool],
) -> list[JobOutcome]:
    return [JobOutcome(spec.key, "complete", environment={"at": context}) for spec in pack]


def states(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "results" / "results.db") as base:
        return [state for (state,) in base.execute("SELECT state FROM jobs")]


def test_where_there_is_no_room_it_says_so_and_goes_on_with_what_there_is(cluster: Any) -> None:
    from vaebench.executors.ray import RayExecutor

    executor = RayExecutor(echo, list("abc"), on_event=lambda sign: None, address=cluster.address)
    try:
        until = time.monotonic() + PATIENCE
        while not executor.held_up or executor.workers < 2 or "of 2" not in executor.held_up:
            assert time.monotonic() < until, executor.held_up
            time.sleep(0.05)
        assert executor.workers == 2
        assert executor.held_up == (
            "waiting for room in the Ray cluster: 2 of 3 workers have theirs, 0 of 2 CPUs are free"
        )
        jobs = tiny(seeds=5, steps=1)
        found = [executor.submit([job]).result(timeout=PATIENCE)[0] for job in jobs]
        assert [(o.key, o.status) for o in found] == [(job.key, "complete") for job in jobs]
        cluster.add_node(**NODE)  # as an autoscaler would
        while executor.held_up or executor.workers < 3:
            assert time.monotonic() < until, executor.held_up
            time.sleep(0.05)
    finally:
        executor.shutdown(kill=True)
        cluster.remove_node(next(iter(cluster.worker_nodes)))


def test_a_node_with_other_software_serves_no_job_and_is_named(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if this command had another vaebench than the node."""
    from vaebench.executors import ray

    theirs = ray.software()
    monkeypatch.setattr(ray, "software", lambda: "vaebench 9 (code 0) and torch 9")
    executor = ray.RayExecutor(echo, ["a"], on_event=lambda sign: None, address=cluster.address)
    try:
        (job,) = tiny(seeds=1, steps=1)
        (outcome,) = executor.submit([job]).result(timeout=PATIENCE)
    finally:
        executor.shutdown(kill=True)
    assert outcome.status == "blocked"
    assert f"it has {theirs}, this command vaebench 9 (code 0) and torch 9" in str(outcome.error)
    assert executor.workers == 1  # so that a runner hears of it


@pytest.mark.parametrize(
    ("seeds", "steps", "workers"),
    [(3, 60, 2), pytest.param(40, 8, 4, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])],
)
def test_a_node_dies_and_the_table_is_that_of_one_process(
    seeds: int, steps: int, workers: int, cluster: Any, tmp_path: Path
) -> None:
    from vaebench.executors.ray import RayExecutor
    from vaebench.executors.ray_worker import Named

    def on_ray(context: WorkerContext, workers: int, on_event: Any) -> RayExecutor[WorkerContext]:
        task, contexts = Named("vaebench.worker", "run_pack"), context.bound(workers)
        return RayExecutor(task, contexts, on_event=on_event, address=cluster.address)

    node = cluster.add_node(**NODE)
    jobs = tiny(seeds, steps)
    sweep = Sweep(tmp_path / "two", jobs, on_ray, workers)
    sweep.until(lambda: sweep.executor.workers == workers)
    sweep.until(lambda: len({s.key for s in sweep.signs if s.phase == "training"}) >= 2)
    sweep.until(sweep.checkpointed)
    cluster.remove_node(node, allow_graceful=False)  # SIGKILL to the raylet
    ended = sweep.end()
    assert ended.count("complete") == seeds
    assert 1 <= ended.count("lost") <= 2, ended  # 2 CPUs are 2 actors at most
    told = [str(event.error) for event in sweep.ended if event.state == "lost"]
    assert all(line.startswith("The worker's Ray actor is gone: it") for line in told), told
    make, at_once = (inline, 1) if seeds < 10 else (processes, 2)
    Sweep(tmp_path / "one", jobs, make, at_once).end()
    assert figures(tmp_path / "two") == figures(tmp_path / "one")


def test_status_names_the_node_that_trains_and_forgets_it_afterwards(
    cluster: Any, cli: CommandLine
) -> None:
    cli.environment |= SETTINGS
    db = cli.folder / "results" / "results.db"
    with host_named("another-machine"):
        node = cluster.add_node(**NODE)
    process = cli.start(*SWEEP, "--seeds", "3", "--workers", "3", "--address", cluster.address)
    try:
        wait_for_checkpoint(process, cli.folder)
        seen: dict[str, tuple[str, str]] = {}
        while {host for host, _ in seen.values()} != {platform.node(), "another-machine"}:
            assert process.poll() is None, (seen, process.communicate())
            time.sleep(0.1)
            seen |= whereabouts(db)
        assert {device for _, device in seen.values()} == {"cpu"}
        assert "another-machine" in cli.run("status").stdout
        (key, (host, _)), *_ = whereabouts(db).items()
        assert json.loads(cli.run("show", key, "--json").stdout)["host"] == host
    finally:
        _, errors = process.communicate(timeout=PATIENCE)
        cluster.remove_node(node)
    assert process.returncode == 0, errors
    assert whereabouts(db) == {}
    with sqlite3.connect(db) as base:
        assert base.execute("SELECT * FROM places").fetchall() == []
        made = base.execute("SELECT DISTINCT host FROM results").fetchall()
    assert {host for (host,) in made} == {host for host, _ in seen.values()}
    ended = {json.loads(cli.run("show", key, "--json").stdout)["host"] for key in seen}
    assert ended == {host for host, _ in seen.values()}
    assert "another-machine" not in cli.run("status").stdout


def whereabouts(db: Path) -> dict[str, tuple[str, str]]:
    """Host and device of the jobs whose node is known, as `status` is told them."""
    with Reader.open(db) as reader:
        return {key: (one.host, one.devices) for key, one in at_work(reader).items() if one.host}


def test_each_actor_says_which_gpu_it_has(cluster: Any) -> None:
    """Ray only counts those that a node says it has; no worker touches any."""
    from vaebench.executors.ray import RayExecutor

    node = cluster.add_node(**NODE, num_gpus=2)
    signs: list[Progress] = []
    executor = RayExecutor(echo, list("ab"), on_event=signs.append, address=cluster.address, gpus=1)
    try:
        until = time.monotonic() + PATIENCE
        while executor.workers < 2:
            assert time.monotonic() < until, executor.held_up
            time.sleep(0.05)
        found = [executor.submit([job]) for job in tiny(seeds=2, steps=1)]
        assert [answer.result(timeout=PATIENCE)[0].status for answer in found] == ["complete"] * 2
    finally:
        executor.shutdown(kill=True)
        cluster.remove_node(node)
    assert {sign.place for sign in signs} == {
        Place(platform.node(), "cuda:0"), Place(platform.node(), "cuda:1")
    }  # fmt: skip


def test_a_driver_that_is_killed_leaves_no_actor_behind(cluster: Any, cli: CommandLine) -> None:
    cli.environment |= SETTINGS
    before = set(_workers())
    process = cli.start(*SWEEP, "--address", cluster.address)
    wait_for_checkpoint(process, cli.folder)
    ours = [worker for worker in _workers() if worker not in before]
    assert {worker.name().partition(":")[0] for worker in ours} > {"ray"}
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(ours, timeout=PATIENCE)
    assert alive == []
    assert "RUNNING" in states(cli.folder)


def _workers() -> list[psutil.Process]:
    """Actors, and the worker processes that they hold."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            if "RayWorker" in words or ("child.py" in words and _under_ray(process)):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def _under_ray(process: psutil.Process) -> bool:
    return any("ray::" in " ".join(parent.cmdline()) for parent in process.parents())


def test_one_ctrl_c_checkpoints_and_the_terminal_shows_nothing_of_ray(
    cluster: Any, cli: CommandLine
) -> None:
    cli.environment |= SETTINGS
    process = cli.start(*SWEEP, "--address", cluster.address)
    wait_for_checkpoint(process, cli.folder)
    os.killpg(process.pid, signal.SIGINT)
    said, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert set(states(cli.folder)) == {"PENDING"}
    assert list((cli.folder / "results" / "checkpoints").glob("[!.]*.pt"))
    assert "raylet" not in said + errors
    assert "Stopping: what runs is being checkpointed." in errors
    told = [line for line in errors.splitlines() if not line.startswith("0 of 2 done, ")]
    assert len(told) == 4, errors


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("127.0.0.1:1", "No Ray cluster answers at 127.0.0.1:1 (Connection refused)"),
        ("ray://127.0.0.1:1", "No Ray cluster answers at ray://127.0.0.1:1 (Connection refused)"),
        ("nowhere.invalid", "No Ray cluster answers at nowhere.invalid (Name or service not"),
    ],
)
def test_an_address_where_nothing_answers_is_one_line(
    address: str, line: str, cli: CommandLine
) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    said = cli.run(*SWEEP, "--address", address, code=1)
    assert said.stderr.startswith(f"vaebench: {line}")
    assert said.stderr.count("\n") == 1
    assert states(cli.folder) == ["PENDING"] * 2


def test_without_the_library_it_says_what_to_install(cli: CommandLine) -> None:
    hidden = cli.folder / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'ray':\n"
        "            raise ModuleNotFoundError(\"No module named 'ray'\", name='ray')\n"
        "sys.meta_path.insert(0, Hidden())\n"
    )
    path = [str(hidden), os.environ.get("PYTHONPATH", "")]
    cli.environment["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
    said = cli.run(*SWEEP, code=1)
    assert said.stderr == (
        "vaebench: --executor ray needs Ray (No module named 'ray'): pip install 'vaebench[ray]'.\n"
    )
    assert states(cli.folder) == ["PENDING"] * 2
