"""How long jobs would take on this machine: measured in a process of its own, for 20 s at most."""

from __future__ import annotations

import contextlib
import pickle
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType

from vaebench import plugins
from vaebench.child import Child
from vaebench.data.cards import card
from vaebench.data.info import Contents
from vaebench.errors import VaebenchError
from vaebench.plugins.plugin import Reference
from vaebench.spec import JobSpec

BUDGET_SECONDS = 20.0
"""For all measuring."""

START_SECONDS = 60.0
"""For the start of the process that measures."""

NOBODY = -1
"""The place of no group, with which it is said why none can be measured."""

Group = tuple[JobSpec, int, Contents]


@dataclass(frozen=True)
class Estimate:
    """What a measurement found.

    Attributes:
        seconds: Of those jobs that could be measured, one after the other.
        jobs: Their number.
        unmeasured: The others: a model on a data set -> how many jobs.
        reason: Why they could not be measured.
    """

    seconds: float
    jobs: int
    unmeasured: Mapping[str, int]
    reason: str


def estimate(
    jobs: Sequence[JobSpec],
    device: str,
    own: Mapping[str, Contents] = MappingProxyType({}),
    budget_seconds: float = BUDGET_SECONDS,
) -> Estimate:
    """Estimates the time of jobs from a short measurement, see `timing.measured`.

    It is made in a process of its own, so that neither a step that takes minutes nor a model that
    memory cannot hold keeps anybody.

    Args:
        jobs: The jobs.
        device: A resolved device.
        own: What the user's own data sets consist of, by the names that jobs have for them.
        budget_seconds: When to end it.
    """
    counts: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], JobSpec] = {}
    for job in jobs:
        like = job.dataset, job.cell
        first.setdefault(like, job)
        counts[like] = counts.get(like, 0) + 1
    published = {job.dataset for job in first.values()} - own.keys()
    contents = {name: card(name).contents for name in published} | dict(own)
    groups = [(job, counts[like], contents[job.dataset]) for like, job in first.items()]
    reason = f"not within {budget_seconds:g} s"
    left = set(range(len(groups)))
    seconds, failed = 0.0, ""
    with _measuring(groups, device, budget_seconds) as pipe:
        end = time.monotonic() + START_SECONDS
        while left and pipe.poll(max(0.0, end - time.monotonic())):
            try:
                places, found = pipe.recv()
            except (EOFError, OSError):
                failed = failed or "the process that measured them died: too little memory?"
                break
            if not places:  # it has started
                end = time.monotonic() + budget_seconds
                continue
            if isinstance(found, str):
                failed = found
                continue
            seconds += found
            left.difference_update(places)
    unmeasured: dict[str, int] = {}
    for place in sorted(left):
        job, count, _ = groups[place]
        name = f"{job.model} on {job.dataset}"
        unmeasured[name] = unmeasured.get(name, 0) + count
    done = len(jobs) - sum(unmeasured.values())
    return Estimate(seconds, done, unmeasured, failed or reason)


@contextmanager
def _measuring(groups: Sequence[Group], device: str, budget_seconds: float) -> Iterator[Connection]:
    """Starts the process that measures; it is ended with the block."""
    work = plugins.references(), pickle.dumps(list(groups)), device, budget_seconds
    child = Child(_measure, work)
    try:
        yield child.pipe
    finally:
        child.kill()
        child.wait()
        child.pipe.close()


def _measure(
    pipe: Connection,
    wanted: Sequence[Reference],
    pickled: bytes,
    device: str,
    budget_seconds: float,
) -> None:
    """Measures groups of jobs, which can be read once the plug-ins are there."""
    if hasattr(signal, "alarm"):
        longest = int(START_SECONDS + budget_seconds) + 1
        signal.alarm(longest)  # ends this process should its parent be gone
    with contextlib.suppress(OSError):  # where memory runs out, this process is the one to go
        Path("/proc/self/oom_score_adj").write_text("1000")
    from vaebench.timing import measured

    try:
        plugins.follow(wanted)
    except VaebenchError as error:
        pipe.send(([NOBODY], str(error)))
        return
    groups: list[Group] = pickle.loads(pickled)
    pipe.send(([], 0.0))
    for found in measured(groups, device):
        pipe.send(found)
