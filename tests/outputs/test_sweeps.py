"""Sweeps whose checkpoints and models lie in a bucket: real processes, a server that dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vaebench
from tests.bucket_servers import BucketServer
from tests.conftest import PATIENCE, CommandLine
from vaebench.context import WorkerContext
from vaebench.errors import AwayError, VaebenchError
from vaebench.outcome import Progress, differences
from vaebench.outputs import Outputs
from vaebench.spec import JobSpec
from vaebench.store import Reader, stored_outcome
from vaebench.training.checkpoints import read_tensors
from vaebench.worker import run_pack

ASKED: dict[str, Any] = {
    "models": "vae",
    "network": "burgess",
    "batch_size": 4,
    "eval_size": 10,
    "workers": 1,
    "progress": False,
}
STEPS = 150
OPTIONS = (
    f"sweep --models vae --network burgess --batch-size 4 --eval-size 10 --workers 1 --seeds 1 "
    f"--steps {STEPS} --checkpoint-every 0.1"
).split()

FIGURES = (
    "SELECT job_key, name, value, low, high FROM scores JOIN jobs ON id = job_id ORDER BY 1, 2",
    "SELECT job_key, c.step, loss, kl FROM curves c JOIN jobs ON id = job_id ORDER BY 1, 2",
    "SELECT job_key, codes FROM representations JOIN jobs ON id = job_id ORDER BY 1",
)


def figures(db: Path) -> list[list[tuple[Any, ...]]]:
    with sqlite3.connect(db) as base:
        return [base.execute(statement).fetchall() for statement in FIGURES]


def states(db: Path) -> list[str]:
    with Reader.open(db) as reader:
        return sorted(reader.states().values())


def job(db: Path) -> JobSpec:
    with Reader.open(db) as reader:
        return reader.jobs()[0].spec


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of one job that trained in a folder, with nothing in its way."""
    folder = tmp_path_factory.mktemp("reference")
    vaebench.sweep(**ASKED, seeds=1, steps=STEPS, out=folder)
    return folder / "results.db"


def wait_for(what: Any, process: Any = None) -> None:
    until = time.monotonic() + PATIENCE
    while not what():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_bucket_has_the_bits_of_a_folder(
    bucket: BucketServer, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, db = bucket.url("bits"), tmp_path / "runs.db"
    asked = {**ASKED, "seeds": 1, "steps": STEPS, "out": url, "db": db}
    remote = vaebench.sweep(**asked)
    (key,) = remote.keys
    assert remote.out == url
    assert figures(db) == figures(reference)
    assert list(bucket.objects("bits")) == [f"models/{key}.pt"]
    monkeypatch.setenv("VAEBENCH_CACHE", str(tmp_path / "another machine"))
    images = vaebench.load_dataset("dsprites").observations([0, 1, 2])
    for place in (url, f"{url}/models/"):
        there = vaebench.load_model(place, key[:6])
        here = vaebench.load_model(reference.parent, key)
        np.testing.assert_array_equal(there.encode(images), here.encode(images))
    with pytest.raises(VaebenchError, match=rf"among the 1 in {url}: none begins so"):
        vaebench.load_model(url, "x")
    bucket.delete(f"bits/models/{key}.pt")
    monkeypatch.setenv("VAEBENCH_CACHE", str(tmp_path / "cache"))
    vaebench.sweep(**asked)  # trains nothing, and publishes what is missing there
    assert list(bucket.objects("bits")) == [f"models/{key}.pt"]


def test_another_machine_goes_on_from_what_a_killed_one_left(
    bucket: BucketServer, reference: Path, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, db = bucket.url("killed"), cli.folder / "runs.db"
    cli.environment["VAEBENCH_CACHE"] = str(cli.folder / "a")
    first = cli.start(*OPTIONS, "--out", url, "--db", str(db))
    wait_for(lambda: bucket.objects("killed/checkpoints"), first)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    (left,) = bucket.objects("killed/checkpoints").values()
    (cli.folder / "left.pt").write_bytes(left)
    step = (read_tensors(cli.folder / "left.pt") or {})["step"]
    assert 0 < step < STEPS
    monkeypatch.setenv("VAEBENCH_CACHE", str(cli.folder / "b"))
    seen: list[Progress] = []
    (outcome,) = run_pack([job(db)], WorkerContext.at(url), seen.append, lambda: False)
    assert outcome.status == "complete"
    assert min(sign.step for sign in seen if sign.phase == "training") > step
    with Reader.open(reference) as reader:
        assert not differences(stored_outcome(reader, outcome.key), outcome)


@pytest.mark.slow
def test_the_server_dies_while_training_and_comes_back_empty(
    bucket: BucketServer, reference: Path, cli: CommandLine, cache: Path
) -> None:
    url, db = bucket.url("away"), cli.folder / "runs.db"
    cli.environment["VAEBENCH_CACHE"] = str(cache)
    process = cli.start(*OPTIONS, "--out", url, "--db", str(db))
    said: list[str] = []
    assert process.stderr is not None
    reader = threading.Thread(target=lambda: said.extend(process.stderr or ()))
    reader.start()
    try:
        wait_for(lambda: bucket.objects("away/checkpoints"), process)
    finally:
        bucket.kill()
    try:
        wait_for(lambda: any("cannot be used now" in line for line in said), process)
    finally:
        bucket.start()
    assert process.wait(PATIENCE) == 0
    reader.join()
    lines = [line for line in said if line.startswith("note")]
    assert len(lines) == 2, said
    assert f"{url} cannot be used now ({bucket.away}" in lines[0]
    assert lines[1].endswith(f"{url} can be used again.\n")
    assert figures(db) == figures(reference)
    assert list(bucket.objects("away")) == [f"models/{job(db).key}.pt"]
    assert process.stdout is not None
    process.stdout.close()
    process.stderr.close()


@pytest.mark.slow
def test_no_job_is_complete_without_its_model_there(
    bucket: BucketServer, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, db = bucket.url("ends"), tmp_path / "runs.db"
    monkeypatch.setattr(WorkerContext, "at", partial(WorkerContext.at, patience_seconds=1.0))

    def kill_soon() -> None:
        wait_for(lambda: bucket.objects("ends/checkpoints"))
        bucket.kill()

    asked = {**ASKED, "seeds": 1, "steps": STEPS, "checkpoint_every": 0.1, "out": url, "db": db}
    killer = threading.Thread(target=kill_soon)
    killer.start()
    try:
        with pytest.raises(VaebenchError, match="cannot be reached, not for 1 seconds") as told:
            vaebench.sweep(**asked)
        killer.join()
        assert "\n" not in str(told.value)
        assert states(db) == ["PENDING"]
        (kept,) = (Outputs.at(url).folder / "checkpoints").glob("*.pt")
        assert (read_tensors(kept) or {})["step"] == STEPS
        with pytest.raises(AwayError, match="cannot be reached"):
            vaebench.sweep(**asked)
    finally:
        killer.join()
        bucket.start()
    result = vaebench.sweep(**asked)
    assert states(db) == ["COMPLETE"]
    assert list(bucket.objects("ends")) == [f"models/{result.keys[0]}.pt"]
    assert figures(db) == figures(reference)


@pytest.mark.parametrize("part", [2, 1000], ids=["half", "nearly nothing"])
def test_half_a_checkpoint_there_is_set_aside(
    part: int, bucket: BucketServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, spec = bucket.url(f"half{part}"), _tiny()
    (first,) = run_pack([spec], WorkerContext.at(url), lambda sign: None, lambda: False)
    (whole,) = bucket.objects(f"half{part}/checkpoints").values()
    bucket.put(f"half{part}/checkpoints/{spec.key}.pt", whole[: len(whole) // part])
    monkeypatch.setenv("VAEBENCH_CACHE", str(tmp_path / "another machine"))
    seen: list[Progress] = []
    (outcome,) = run_pack([spec], WorkerContext.at(url), seen.append, lambda: False)
    assert outcome.status == "complete"
    (note,) = [sign.note for sign in seen if sign.note]
    assert "is damaged" in note
    assert note.endswith(f"was set aside as {spec.key}.pt.aside, and the job starts anew.")
    assert not differences(first, outcome)


def _tiny() -> JobSpec:
    from tests.asked import jobs_of
    from vaebench.spec import Setting

    setting = Setting(network="burgess", steps=8, batch_size=8, eval_size=10)
    return jobs_of("vae", setting=setting, seeds=(0,))[0]


def test_a_stop_leaves_the_checkpoint_there(bucket: BucketServer, tmp_path: Path) -> None:
    spec, url = _tiny(), bucket.url("stopped")
    stop = iter([False] * 3 + [True] * 1000)
    context = WorkerContext.at(url)
    (outcome,) = run_pack([spec], context, lambda sign: None, lambda: next(stop))
    assert outcome.status == "interrupted"
    (left,) = bucket.objects("stopped/checkpoints").values()
    assert left == context.checkpoint(spec.key).read_bytes()


def test_a_missing_bucket_is_one_line_at_the_start(bucket: BucketServer, cli: CommandLine) -> None:
    url = bucket.url("x", "nowhere")
    lost = cli.run(*OPTIONS, "--out", url, "--db", "runs.db", code=1).stderr
    assert lost.startswith(f"vaebench: {url} cannot be used ({bucket.no_bucket}")
    assert lost.endswith("). Mend that, then run the same command again: it goes on where it "
                         "stopped.\n")  # fmt: skip
    assert lost.count("\n") == 1
    assert states(cli.folder / "runs.db") == ["PENDING"]
    no_place = cli.run(*OPTIONS, "--out", bucket.url("x"), code=2).stderr
    assert no_place.count("\n") == 1
    assert "where no database can lie: name one with --db" in no_place


@pytest.mark.slow
def test_a_shared_folder_and_all_that_reads_models(
    cli: CommandLine, tmp_path: Path, cache: Path
) -> None:
    shared = tmp_path / "shared"
    url, db = shared.as_uri(), str(tmp_path / "runs.db")
    asked = {**ASKED, "seeds": 1, "steps": 4}
    (key,) = vaebench.sweep(**asked, out=url, db=db).keys
    model = shared / "models" / f"{key}.pt"
    assert [file.name for file in sorted(shared.rglob("*"))] == [
        "checkpoints",
        "models",
        model.name,
    ]
    cli.environment["VAEBENCH_CACHE"] = str(tmp_path / "empty")
    cli.run("explore", key[:6], "--models", url, "--db", db)
    assert (cli.folder / f"{key}.html").exists()
    said = cli.run("evaluate", "--all", "--out", url, "--db", db).stderr
    assert "1 runs evaluated, 0 with other figures than before." in said
    model.unlink()
    bare = cli.run("evaluate", "--all", "--out", url, "--db", db, code=1).stderr
    assert f"has no trained model in {url}/models" in bare
    assert f"vaebench reproduce --restore --all --db {db} --out {url}" in bare
    cli.run("reproduce", key, "--restore", "--db", db, "--out", url)
    assert model.exists()
    (shared / "checkpoints" / "0123456789abcdef.pt").write_bytes(b"of no job")
    said = cli.run("prune", "--yes", "--db", db, "--out", url).stderr
    assert f"{url}/checkpoints/0123456789abcdef.pt" in said
    assert [file.name for file in shared.rglob("*.pt")] == [model.name]
    cli.run("remove", key, "--yes", "--db", db, "--out", url)
    assert list(shared.rglob("*.pt")) == []
