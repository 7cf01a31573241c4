"""A Ray cluster whose nodes share nothing but a bucket: one of them dies, and nothing is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import vaebench
from tests.bucket_servers import S3Server, serving
from tests.conftest import PATIENCE, CommandLine
from tests.executors.conftest import NODE, SETTINGS, host_named, ray_nodes
from tests.stored import ask, figures
from vaebench.outcome import Progress
from vaebench.runner import Runner
from vaebench.store import Reader
from vaebench.training import read_tensors

ASKED: dict[str, Any] = {
    "models": "vae",
    "network": "burgess",
    "batch_size": 4,
    "eval_size": 10,
    "checkpoint_every": 0.1,
    "progress": False,
}


SWEEP = (
    "sweep --models vae --seeds 2 --steps 20 --batch-size 4 --network burgess --eval-size 10 "
    "--workers 2 --executor ray"
).split()
MORTAL = "node-that-dies"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with serving(
        S3Server
    ) as server:  # before the cluster, whose nodes find it as they find their password
        yield server


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the head caches: its disk."""
    return tmp_path_factory.mktemp("head")


@pytest.fixture(scope="module")
def cluster(s3: S3Server, cache: Path) -> Iterator[Any]:
    """A head with room for one job: of two at once another node has one."""
    with caches_in(cache), ray_nodes(1, num_cpus=1) as made:
        yield made


@contextmanager
def caches_in(folder: Path) -> Iterator[None]:
    """Has processes that are started meanwhile cache there, as those of another machine do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAEBENCH_CACHE", str(folder))
        yield


class Sweep(threading.Thread):
    """`vaebench.sweep` in a thread, which a test may disturb."""

    def __init__(self, **asked: Any) -> None:
        super().__init__(daemon=True)
        self.asked = asked
        self.failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            vaebench.sweep(**self.asked)
        except BaseException as error:
            self.failure = error

    def until(self, met: Callable[[], str]) -> str:
        """Waits until something is met while the sweep is worked on, and returns it."""
        end = time.monotonic() + PATIENCE
        while not (found := met()):
            assert self.is_alive(), self.failure
            assert time.monotonic() < end
            time.sleep(0.02)
        return found

    def end(self) -> None:
        """Waits for its end, which must be a good one."""
        self.join(PATIENCE)
        assert not self.is_alive()
        assert self.failure is None, self.failure


@pytest.mark.parametrize(
    ("seeds", "steps"), [(2, 200), pytest.param(6, 400, marks=pytest.mark.slow)]
)
def test_a_node_dies_and_another_goes_on_from_the_bucket(
    seeds: int,
    steps: int,
    s3: S3Server,
    cluster: Any,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signs: list[Progress] = []
    progressed = Runner.progressed

    def seen(runner: Runner, sign: Progress) -> None:
        signs.append(sign)
        progressed(runner, sign)

    def published_by_the_node() -> str:
        """A job that it trains, and whose checkpoint is in the bucket."""
        names = {Path(name).stem for name in s3.objects(f"{prefix}/checkpoints")}
        there = {sign.key for sign in list(signs) if sign.place and sign.place.host == MORTAL}
        return next((key for key in there & names if states(db)[key] == "RUNNING"), "")

    monkeypatch.setattr(Runner, "progressed", seen)
    db, prefix, asked = tmp_path / "runs.db", f"dies{seeds}", {**ASKED, "seeds": seeds}
    with caches_in(tmp_path / "its disk"), host_named(MORTAL):
        node = cluster.add_node(**NODE)
    monkeypatch.setenv("VAEBENCH_CACHE", str(tmp_path / "the driver's disk"))
    on_ray = {"executor": "ray", "address": cluster.address, "workers": 2}
    sweep = Sweep(**asked, **on_ray, steps=steps, out=f"s3://bench/{prefix}", db=db)
    key = sweep.until(published_by_the_node)
    cluster.remove_node(node, allow_graceful=False)  # SIGKILL to the raylet
    sweep.end()
    assert ask(db, f"SELECT losses FROM jobs WHERE job_key = '{key}'") == [(1,)]
    again = [s for s in signs if s.key == key and s.place and s.place.host != MORTAL]
    assert min(s.step - s.steps_here for s in again if s.phase == "training") > 1  # not anew
    alone = tmp_path / "alone"
    vaebench.sweep(**asked, steps=steps, executor="inline", out=alone)
    assert figures(db) == figures(alone / "results.db")
    published = s3.objects(prefix)
    assert published.keys() == {f"models/{file.name}" for file in (alone / "models").glob("*.pt")}
    for name, content in published.items():
        (tmp_path / "model.pt").write_bytes(content)
        theirs, ours = weights(tmp_path / "model.pt"), weights(alone / name)
        assert theirs.keys() == ours.keys()
        assert all(torch.equal(theirs[part], ours[part]) for part in ours)
    assert list(cache.rglob("checkpoints/*")) == []  # a study's would fill the disk


def states(db: Path) -> dict[str, str]:
    with Reader.open(db) as reader:
        return reader.states()


def weights(model: Path) -> dict[str, Any]:
    return dict((read_tensors(model) or {})["model"])


def test_a_node_without_the_password_is_named_and_the_same_command_goes_on_without_it(
    s3: S3Server, cluster: Any, cli: CommandLine
) -> None:
    cli.environment |= {**SETTINGS, "VAEBENCH_CACHE": str(cli.folder / "cache")}
    nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nowhere"}
    with caches_in(cli.folder / "its disk"), host_named("stranger"):
        node = cluster.add_node(**NODE, env_vars=nothing)
    line = [*SWEEP, "--address", cluster.address, "--out", "s3://bench/named", "--db", "runs.db"]
    try:
        said = cli.run(*line, code=1).stderr.splitlines()[-1]
    finally:
        cluster.remove_node(node)
    assert said == (
        "vaebench: stranger: s3://bench/named cannot be used (Unable to locate credentials). Mend "
        "that, then run the same command again: it goes on where it stopped."
    )
    cli.run(*line)
    assert {*states(cli.folder / "runs.db").values()} == {"COMPLETE"}
    assert len(s3.objects("named/models")) == 2
