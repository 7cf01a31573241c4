"""What `--executor` and `--address` take, and that each engine trains the same figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import CommandLine
from vaebench.context import WorkerContext
from vaebench.errors import UsageError
from vaebench.outcome import JobOutcome
from vaebench.sweeping.again import train_again
from vaebench.sweeping.engines import Engine
from vaebench.sweeping.running import Place
from vaebench.sweeping.telling import Silence


def test_a_wrong_name_says_which_there_are() -> None:
    with pytest.raises(UsageError, match=r"Unknown executor 'proceses'. Known: processes, inline"):
        Place(executor="proceses")


def test_an_address_is_of_a_cluster() -> None:
    with pytest.raises(UsageError, match=r"--address head:6379 .* --executor ray"):
        Place(address="head:6379")


def test_no_cluster_trains_runs_again_where_it_does_not_see_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would be trained for nothing: each node would leave the models on its own disk."""
    monkeypatch.setenv("VAEBENCH_CACHE", str(tmp_path))
    context = WorkerContext.at("s3://bench/again")

    def take(outcome: JobOutcome, model: Path) -> None:
        raise AssertionError

    with pytest.raises(UsageError, match=r"Where --out is a URL, .* leave out --executor ray\."):
        train_again([], context, take, Silence(), engine=Engine("ray"), workers=1)
    assert list(tmp_path.iterdir()) == []


def test_both_commands_have_the_option(cli: CommandLine) -> None:
    asked = "sweep --models vae --network mlp --seeds 1 --steps 3 --eval-size 10".split()
    wrong = cli.run(*asked, "--executor", "threads", code=2)
    assert wrong.stderr.startswith("vaebench: Unknown executor 'threads'. Known: processes,")
    assert wrong.stderr.count("\n") == 1
    assert list(cli.folder.iterdir()) == []
    cli.run(*asked, "--executor", "inline")
    assert cli.run("work", "--executor", "threads", code=2).stderr == wrong.stderr


def test_the_gpus_of_a_cluster_need_none_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker sees the one GPU that it is given; what asks the GPU must be named."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Engine("ray").devices("cuda") == ("cuda:0",)
    assert Engine("ray").devices("cpu") == ("cpu",)
    assert Engine("ray").precision("fp32", "cuda:0") == "fp32"
    with pytest.raises(UsageError, match=r"--precision auto asks the GPU.* bf16 or fp32"):
        Engine("ray").precision("auto", "cuda:0")
    with pytest.raises(UsageError, match="--device cuda is not on this machine"):
        Engine().devices("cuda")
