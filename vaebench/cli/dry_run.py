"""What `vaebench sweep --dry-run` says: the jobs with their states, and how long they may take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vaebench.cli import tables
from vaebench.cli.parsing import duration
from vaebench.cli.summary import job_table
from vaebench.fingerprint import other_code
from vaebench.spec import JobSpec

if TYPE_CHECKING:
    from vaebench.data.cards import Contents
    from vaebench.data.own import OwnData


def say_plan(
    jobs: list[JobSpec],
    location: str,
    betas: Iterable[float],
    device: str,
    workers: int,
    own: Iterable[OwnData],
) -> None:
    """Lists what a sweep would do, and measures how long that would take.

    Args:
        jobs: The jobs.
        location: The database.
        betas: What `--betas` gave.
        device: A resolved device.
        workers: Jobs at once.
        own: The user's own data sets among the jobs'.
    """
    states = _states(location, jobs)
    job_table(jobs, states, betas)
    new = [job for job in jobs if states.get(job.key) != "COMPLETE"]
    _estimate(new, device, workers, {mine.name: mine.contents for mine in own})


def _estimate(jobs: list[JobSpec], device: str, workers: int, own: Mapping[str, Contents]) -> None:
    """Prints how long jobs would take here, from a short measurement."""
    if not jobs:
        return
    from vaebench.estimate import estimate

    seconds = estimate(jobs, device, own) / workers
    at_once = f"{workers} at a time" if workers > 1 else "one at a time"
    tables.note(f"On this machine ({device}, {at_once}), as just measured: {duration(seconds)}.")


def _states(location: str, jobs: list[JobSpec]) -> dict[str, str]:
    """Returns the states of the jobs that a database knows; says how many other code has done."""
    from vaebench.store import Reader, made_by_other_code

    if "://" not in location and not Path(location).exists():
        return {}
    with Reader.open(location) as reader:
        states = reader.states()
        keys = {job.key for job in jobs}
        if old := made_by_other_code(reader, keys):
            done = sum(states.get(key) == "COMPLETE" for key in keys)
            tables.note(f"{other_code(len(old), done)} With --renew they are trained again.")
        return states
