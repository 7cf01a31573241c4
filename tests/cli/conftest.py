"""A small database in every state, the command line called in this process, and a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.asked import jobs_of
from tests.conftest import CommandLine
from tests.slurm_cluster import SlurmCluster, slurm_cluster, wait_for
from vaebench.cli.app import run
from vaebench.outcome import Artifact, CurvePoint, JobOutcome, Progress, Score
from vaebench.spec import JobSpec, Setting
from vaebench.store import Store

COMMAND = "vaebench sweep --models cvae,betavae_b --betas 0.5,3"
TRACE = 'Traceback (most recent call last):\n  File "x.py", line 3\nDivergedError: NaN at step 7'


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Say = Callable[..., Said]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Runs a command as `vaebench` does, in this process."""
    monkeypatch.delenv("VAEBENCH_DB", raising=False)
    monkeypatch.delenv("VAEBENCH_DATA", raising=False)

    def call(*words: object) -> Said:
        code = run([str(word) for word in words])
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def slurm() -> Iterator[SlurmCluster]:
    """A cluster of three nodes."""
    with slurm_cluster() as cluster:
        if isinstance(cluster, str):
            pytest.skip(cluster)
        yield cluster


@pytest.fixture
def queue(cli: CommandLine, slurm: SlurmCluster) -> Iterator[CommandLine]:
    """The command line on a login node of the cluster."""
    pytest.importorskip("submitit", reason="submitit is not installed")
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    cli.environment |= {**slurm.environment, "PYTHONPATH": path}
    yield cli
    slurm.call("scancel", "--user", "root")
    wait_for(lambda: not slurm.call("squeue", "-h"))


def specs() -> list[JobSpec]:
    """Returns six jobs, cell by cell: cvae with two strengths and betavae_b, two seeds each."""
    jobs = jobs_of("cvae", "betavae_b", setting=Setting(steps=100), seeds=(0, 1), betas=(0.5, 3.0))
    return sorted(jobs, key=lambda job: (job.model != "cvae", job.strength or 0.0, job.seed))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Six jobs: two finished, one failed, two running (one stale), one pending.

    The finished ones are cvae beta=0.5 with MIG 0.1 and 0.2; beta=3 seed 0 failed.
    """
    path = tmp_path / "results.db"
    with Store(path) as store:
        sweep = store.add_sweep(specs(), COMMAND).sweep_id
        for mig in (0.1, 0.2):
            claim = store.claim(sweep)
            assert claim is not None
            store.complete(claim, finished(claim.spec, mig))
        claim = store.claim(sweep)
        assert claim is not None
        error = "The loss became NaN at step 7 of 100: lower --lr."
        store.fail(
            claim, JobOutcome(claim.spec.key, "failed", error=error, traceback=TRACE), retries=0
        )
        claims = [store.claim(sweep), store.claim(sweep)]
        live = [claim for claim in claims if claim is not None]
        key = live[0].spec.key
        store.heartbeat(live, {key: Progress(key, "training", 40, seconds=2.0, steps_here=20)})
        with store.engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE jobs SET heartbeat_at = 5 WHERE job_key = '{live[1].spec.key}'"
            )
    return path


def finished(spec: JobSpec, mig: float) -> JobOutcome:
    """Returns a finished job that trained 10 s and was evaluated 2 s."""
    return JobOutcome(
        spec.key,
        "complete",
        scores=(
            Score("reconstruction", 40 + mig, 1000, 39.0, 42.0),
            Score("kl", 12.5),
            Score("mig", mig, 10_000),
            Score("mig_label", None, note="The data set has factors."),
        ),
        curves=tuple(CurvePoint(step, 100 - step / 2, 90 - step / 2, 5.0) for step in (1, 50, 100)),
        artifacts=(Artifact("samples", b"x" * 2000, 2, 3, {}),),
        environment={"device": "cpu", "threads": 1, "versions": {"torch": f"2.1{mig * 10:.0f}"}},
        train_seconds=10.0,
        eval_seconds=2.0,
    )
