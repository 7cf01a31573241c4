"""Sweeps on two GPUs, whose driver is a fake: bound workers, GPUs that fail, memory, one line."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from tests import two_gpus
from tests.conftest import CommandLine
from tests.training.conftest import make_spec
from vaebench.context import WorkerContext
from vaebench.errors import LostWorkerError
from vaebench.executors import InlineExecutor
from vaebench.outcome import JobOutcome
from vaebench.spec import JobSpec
from vaebench.worker import run_pack

SWEEP = "sweep --models vae --network mlp --steps 4 --eval-size 10 --batch-size 8".split()


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, two GPUs and a finished sweep of four seeds."""
    folder = tmp_path_factory.mktemp("gpus")
    rng = np.random.default_rng(0)
    np.savez(folder / "own.npz", images=rng.integers(0, 256, (60, 32, 32), dtype=np.uint8))
    done = machine(folder).run(*SWEEP, "--dataset", "npz:own.npz", "--seeds", "4")
    assert "4 jobs, 2 at a time on cuda:0, cuda:1." in done.stderr
    return folder


def machine(folder: Path) -> CommandLine:
    made = CommandLine(folder)
    made.environment |= two_gpus.environment(folder / "driver")
    return made


@pytest.fixture
def gpus(swept: Path, tmp_path: Path) -> CommandLine:
    """The same images and GPUs, and nothing trained."""
    shutil.copy(swept / "own.npz", tmp_path)
    return machine(tmp_path)


def jobs(database: Path) -> list[tuple[str, int, int]]:
    with sqlite3.connect(database) as connection:
        return connection.execute("select state, losses, attempts from jobs").fetchall()


def test_a_sweep_takes_every_gpu_and_each_worker_its_own(swept: Path) -> None:
    with sqlite3.connect(swept / "results" / "results.db") as connection:
        rows = connection.execute("select device, count(*) from results group by 1").fetchall()
        detail = connection.execute("select detail from environments").fetchall()
    assert [device for device, _ in rows] == ["cuda:0", "cuda:1"]
    assert sum(count for _, count in rows) == 4
    assert all(
        '"device_name": "Fake GPU' in line and "multiprocessors" in line for (line,) in detail
    )


def test_dry_run_reproduce_and_evaluate_take_them_too(swept: Path) -> None:
    cli = machine(swept)
    with sqlite3.connect(swept / "results" / "results.db") as connection:
        (key,) = connection.execute(
            "select job_key from results where device = 'cuda:1'"
        ).fetchone()
    asked = cli.run(*SWEEP, "--dataset", "npz:own.npz", "--seeds", "5", "--dry-run")
    assert "(cuda:0, cuda:1, 2 at a time), as just measured:" in asked.stderr
    again = cli.run("reproduce", key)
    assert "again on cuda:1" in again.stderr
    assert "the same, bit for bit" in again.stdout
    scored = cli.run("evaluate", key)
    assert "1 runs evaluated, 0 with other figures" in scored.stderr


def test_a_gpu_that_is_not_there_is_one_line(gpus: CommandLine) -> None:
    done = gpus.run(*SWEEP, "--dataset", "npz:own.npz", "--device", "cuda:7", code=2)
    assert "--device cuda:7 is not on this machine. It has: cuda:0, cuda:1, cpu." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (gpus.folder / "results").exists()


def test_gpu_errors_and_too_little_memory_cost_a_worker_each_and_no_job(gpus: CommandLine) -> None:
    for fault in ("poison", "full"):
        (gpus.folder / "driver" / f"{fault}-once").touch()
    done = gpus.run(*SWEEP, "--dataset", "npz:own.npz", "--seeds", "3", "--device", "cuda:1")
    assert "illegal memory access" in done.stderr
    assert "Out of memory: CUDA out of memory. Tried to allocate" in done.stderr
    assert "Traceback" not in done.stderr
    found = jobs(gpus.folder / "results" / "results.db")
    assert [state for state, *_ in found] == ["COMPLETE"] * 3
    assert sorted(count for _, count, _ in found) == [0, 0, 1]
    assert sorted(count for _, _, count in found) == [0, 0, 1]


@pytest.mark.parametrize(
    ("fault", "failed"), [("gone-1", 0), pytest.param("poison", 1, marks=pytest.mark.slow)]
)
def test_a_gpu_that_stays_broken_ends_the_sweep_and_keeps_the_queue(
    gpus: CommandLine, fault: str, failed: int
) -> None:
    """One that fails all its jobs is told from a job that fails after that job's share of tries."""
    (gpus.folder / "driver" / fault).touch()
    done = gpus.run(
        *SWEEP, "--dataset", "npz:own.npz", "--seeds", "6", "--device", "cuda:1", code=1
    )
    assert "run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    found = [state for state, *_ in jobs(gpus.folder / "results" / "results.db")]
    assert sorted(found) == ["FAILED"] * failed + ["PENDING"] * (6 - failed)


def test_a_worker_lost_to_its_gpu_is_one_for_every_executor(tmp_path: Path) -> None:
    inline = InlineExecutor(poisoned, WorkerContext(out=tmp_path), on_event=lambda seen: None)
    with pytest.raises(LostWorkerError, match="illegal memory access"):
        inline.submit([make_spec()]).result()


def test_run_pack_hands_back_no_more_once_its_gpu_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs behind it are not tried in a process in which each would fail."""

    def lost(*_: object) -> None:
        raise RuntimeError(two_gpus.LOST)

    monkeypatch.setattr("vaebench.worker.build_model", lost)
    pack = [make_spec(seed=seed) for seed in range(3)]
    outcomes = run_pack(pack, WorkerContext(out=tmp_path), lambda seen: None, lambda: False)
    assert [outcome.status for outcome in outcomes] == ["lost"]
    assert outcomes[0].error == two_gpus.LOST.splitlines()[0]


def poisoned(
    pack: list[JobSpec], context: WorkerContext, on_event: object, should_stop: object
) -> list[JobOutcome]:
    """Meets an error of its GPU."""
    del context, on_event, should_stop
    return [JobOutcome(pack[0].key, "lost", error=two_gpus.LOST)]
