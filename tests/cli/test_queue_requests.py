"""What is asked of Slurm, as a real cluster with GPUs has it, and what it refuses."""

from __future__ import annotations

import contextlib

import psutil
import pytest

from tests.cli.test_queue import SWEEP, database
from tests.conftest import CommandLine
from tests.slurm_cluster import SlurmCluster, wait_for
from tests.stored import ask

ON_CPU = (
    *SWEEP, "--seeds", "2", "--steps", "100000", "--device", "cpu", "--precision", "fp32",
    "--executor", "slurm", "--detach",
)  # fmt: skip
"""A sweep that leaves alone the GPUs that its allocations have."""


def names(said: str) -> list[str]:
    """The allocations that a command says that it has submitted."""
    return said.split("to Slurm, ")[1].split(".")[0].split(", ")


def asked_of(slurm: SlurmCluster, name: str) -> dict[str, str]:
    """What Slurm says of an allocation."""
    words = slurm.call("scontrol", "show", "job", name).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def commands(slurm: SlurmCluster) -> list[psutil.Process]:
    """The `vaebench work` of each allocation that runs on the node with GPUs."""
    found = []
    for process in slurm.at_work_on("g1"):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.cmdline()[2:4] == ["vaebench", "work"]:
                found.append(process)
    return found


def test_a_request_reaches_slurm_as_it_was_typed(queue: CommandLine, slurm: SlurmCluster) -> None:
    made = "reservationname=mine user=root starttime=now duration=60 nodes=g1".split()
    slurm.call("scontrol", "create", "reservation", *made)
    typed = (
        "partition=cards,time=1-2:30:00,gpus=2,cpus=2,mem=1500M,account=lab,constraint=fast,"
        "nodelist=g1,exclude=n1,n2,reservation=mine"
    )
    try:
        said = queue.run(*ON_CPU, "--workers", "1", "--slurm", typed).stderr
        (name,) = names(said)
        found = asked_of(slurm, name)
        expected = {
            "Partition": "cards",
            "TimeLimit": "1-02:30:00",
            "TresPerNode": "gres:gpu:2",
            "CPUs/Task": "2",
            "MinMemoryNode": "1500M",
            "Account": "lab",
            "Features": "fast",
            "ReqNodeList": "g1",
            "ExcNodeList": "n[1-2]",
            "Reservation": "mine",
        }
        assert {word: found.get(word) for word in expected} == expected
        wait_for(lambda: commands(slurm), 120)
        assert asked_of(slurm, name)["TRES"] == "cpu=2,mem=1500M,node=1,billing=2"
        assert commands(slurm)[0].environ()["CUDA_VISIBLE_DEVICES"] == "0,1"
    finally:
        slurm.call("scancel", "--user", "root")
        wait_for(lambda: not slurm.call("squeue", "-h"))
        slurm.call("scontrol", "delete", "reservation=mine")


def test_allocations_have_a_gpu_and_cores_each(queue: CommandLine, slurm: SlurmCluster) -> None:
    asked = ("--workers", "2", "--slurm", "partition=cards,time=10,gpus=1,mem=2G")
    queue.run(*ON_CPU, *asked)
    wait_for(lambda: len(commands(slurm)) == 2, 120)
    found = [process.environ() for process in commands(slurm)]
    assert {each["CUDA_VISIBLE_DEVICES"] for each in found} == {"0", "1"}
    bound = [int(each["SLURM_CPU_BIND_LIST"], 16).bit_count() for each in found]
    assert bound == [2, 2]  # one trains, one evaluates


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("gpus=1,cpus=1", "takes no allocation: Batch job submission failed: Requested node conf"),
        ("partition=cards,gpus=9,cpus=1", "takes no allocation: Batch job submission failed: "),
        ("mem=100G", "takes no allocation: Memory specification can not be satisfied. "),
        ("partition=cards,gpus=9", "would keep the allocations waiting for ever (Partition"),
        ("partition=cards,cpus=9", "would keep the allocations waiting for ever (Partition"),
        ("time=3-0", "would keep the allocations waiting for ever (Partition"),
    ],
)
def test_what_cannot_be_had_is_one_line(
    queue: CommandLine, slurm: SlurmCluster, typed: str, line: str
) -> None:
    """Refused at once, or, as many clusters are set up, taken and never begun."""
    said = queue.run(*ON_CPU, "--workers", "2", "--slurm", typed, code=1).stderr
    assert said.startswith(f"vaebench: Slurm {line}")
    assert said.endswith(" run the command again with another --slurm.\n")
    assert said.count("\n") == 1
    assert ask(database(queue.folder), "SELECT DISTINCT state FROM jobs") == [("PENDING",)]
    wait_for(lambda: not slurm.call("squeue", "-h"))
    assert "Nothing is in Slurm's queue." in queue.run("stop").stderr
