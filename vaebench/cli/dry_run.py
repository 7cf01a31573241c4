"""What `vaebench sweep --dry-run` says: the jobs with their states, and how long they may take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from vaebench.cli import tables
from vaebench.cli.summary import job_table
from vaebench.digits import duration
from vaebench.fingerprint import other_code
from vaebench.spec import JobSpec
from vaebench.sweeping.running import Planned, states_of
from vaebench.sweeping.twins import only_evaluated, trained_twins

if TYPE_CHECKING:
    from vaebench.data.info import Contents

NAMED = 6
"""Kinds of jobs that are named at most where they could not be measured."""


def say_plan(sweep: Planned, betas: Iterable[float]) -> None:
    """Lists what a sweep would do, and measures how long that would take.

    Args:
        sweep: The sweep.
        betas: What `--betas` gave.
    """
    location, jobs = sweep.place.location, sweep.jobs
    states = states_of(location)
    done = {job.key for job in jobs if states.get(job.key) == "COMPLETE"}
    if done:
        _say_other_code(location, done)
    job_table(jobs, states, betas)
    new = [job for job in jobs if job.key not in done]
    trained = _trained(sweep, new) if states else {}
    if trained:
        tables.note(only_evaluated(len(trained), len(new)))
    if unknown := [job for job in new if job.key not in trained]:
        contents = {mine.name: mine.contents for mine in sweep.own.values()}
        _say_time(unknown, sweep.devices, sweep.workers, contents)


def _trained(sweep: Planned, jobs: list[JobSpec]) -> dict[str, str]:
    """Finds those jobs whose models are there."""
    from vaebench.context import WorkerContext
    from vaebench.store import Reader

    with Reader.open(sweep.place.location) as reader:
        return trained_twins(reader, jobs, WorkerContext.at(sweep.place.out))


def _say_other_code(location: str, done: set[str]) -> None:
    """Says how many finished jobs were made by other code."""
    from vaebench.store import Reader, made_by_other_code, other_plugins

    with Reader.open(location) as reader:
        if old := made_by_other_code(reader, done):
            said = other_code(len(old), len(done), other_plugins(reader))
            tables.note(f"{said} With --renew they are trained again.")


def _say_time(
    jobs: list[JobSpec], devices: tuple[str, ...], workers: int, own: Mapping[str, Contents]
) -> None:
    """Says how long jobs would take, from a short measurement."""
    from vaebench.estimate import estimate

    found = estimate(jobs, devices[0], own)
    if found.jobs:
        at_once = f"{workers} at a time" if workers > 1 else "one at a time"
        part = f"{found.jobs:,} of {len(jobs):,} jobs take " if found.unmeasured else ""
        time = f"{part}{duration(found.seconds / workers)}"
        where = ", ".join(devices[:workers])
        tables.note(f"On this machine ({where}, {at_once}), as just measured: {time}.")
    if found.unmeasured:
        named = [f"{name} ({count:,})" for name, count in found.unmeasured.items()]
        rest = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        tables.note(f"Not measured: {', '.join(named[:NAMED])}{rest}: {found.reason}.")
