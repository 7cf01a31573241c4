"""What is asked of Slurm for a worker: `--slurm partition=gpu,time=4:00:00,gpus=1,mem=16G`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields

from vaebench.errors import UsageError

WARNING_SECONDS = 90
"""How long before its time limit an allocation is told to checkpoint and end."""

_DAYS = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")
_SIZE = re.compile(r"\d+[KMGT]?B?", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """What each allocation asks for; None leaves it to the cluster.

    Attributes:
        time: Minutes that it may take.
        partition: The partition.
        gpus: GPUs on its node; a worker trains on each.
        cpus: Cores.
        mem: Memory, as in 16G.
        account: Who pays.
        qos: Quality of service.
        constraint: What a node must have.
        nodelist: The nodes that it may be on.
        exclude: Those that it may not be on.
        reservation: A reservation.
    """

    time: int = 60
    partition: str | None = None
    gpus: int | None = None
    cpus: int | None = None
    mem: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    nodelist: str | None = None
    exclude: str | None = None
    reservation: str | None = None

    @property
    def workers(self) -> int:
        """Jobs that are trained at once in an allocation: one a GPU, or one."""
        return self.gpus or 1

    def parameters(self) -> dict[str, object]:
        """Returns it as submitit's parameters."""
        named = ("partition", "account", "qos", "constraint", "nodelist", "exclude", "mem", "time")
        found = {name: getattr(self, name) for name in named}
        of_gpus = 2 * (self.gpus or 0)  # one trains, one evaluates
        cores = self.cpus or of_gpus or 1
        found |= {"gpus_per_node": self.gpus, "cpus_per_task": cores}
        found["srun_args"] = [f"--cpus-per-task={cores}"]  # else its step is bound to one of them
        found["signal_delay_s"] = min(WARNING_SECONDS, 15 * self.time)
        if self.reservation:
            found["additional_parameters"] = {"reservation": self.reservation}
        return {name: value for name, value in found.items() if value is not None}


def request(text: str) -> Request:
    """Reads what is asked of Slurm.

    Args:
        text: As typed, `NAME=VALUE,NAME=VALUE`.

    Raises:
        UsageError: A name or a value is not one that vaebench takes.
    """
    known = tuple(field.name for field in fields(Request))
    found: dict[str, object] = {}
    # A comma within a value is followed by no name: nodelist=n1,n2
    for part in re.split(r",(?=\s*[A-Za-z_-]+\s*=)", text):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise UsageError(f"--slurm {part.strip()!r}: write NAME=VALUE, as in time=4:00:00.")
        if name not in known:
            raise UsageError(f"--slurm has {name!r}: known are {', '.join(known)}.")
        if name in found:
            raise UsageError(f"--slurm has {name!r} twice: give it once.")
        found[name] = _READERS.get(name, _text)(name, value)
    return Request(**found)  # type: ignore[arg-type]


def _text(name: str, value: str) -> str:
    if re.search(r"[\s\x00-\x1f]", value):
        raise UsageError(f"--slurm {name}={value!r} has a space: leave it out.")
    return value


def _number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise UsageError(f"--slurm {name}={value!r}: give a whole number, 1 or more.")
    return int(value)


def _memory(name: str, value: str) -> str:
    if not _SIZE.fullmatch(value):
        raise UsageError(f"--slurm {name}={value!r}: write it as in 16G or 500M.")
    return value.upper().removesuffix("B")


def _minutes(name: str, value: str) -> int:
    """Reads a time as Slurm does: minutes, MM:SS, HH:MM:SS or D-HH[:MM[:SS]]."""
    match = _DAYS.fullmatch(value)
    if match is None:
        raise UsageError(f"--slurm {name}={value!r}: write it as in 4:00:00, 90 or 1-12:00:00.")
    days, *parts = match.groups()
    numbers = [int(part) for part in parts if part is not None]
    if days is not None:
        hours, minutes, seconds = [*numbers, 0, 0][:3]
    elif len(numbers) == 3:
        hours, minutes, seconds = numbers
    else:
        hours, (minutes, seconds) = 0, [*numbers, 0][:2]
    total = int(days or 0) * 1440 + hours * 60 + minutes + (seconds > 0)
    if total < 1:
        raise UsageError(f"--slurm {name}={value!r}: an allocation needs a minute at least.")
    return total


_READERS: dict[str, Callable[[str, str], object]] = {
    "time": _minutes,
    "gpus": _number,
    "cpus": _number,
    "mem": _memory,
}
