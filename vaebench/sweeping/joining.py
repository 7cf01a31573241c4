"""Work on sweeps that a database has, for whoever does not know what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaebench.errors import StoreError, VaebenchError
from vaebench.sweeping.own import own_data
from vaebench.sweeping.running import Place, Planned
from vaebench.sweeping.working import jobs_at_once

if TYPE_CHECKING:
    from vaebench.store import Reader
    from vaebench.sweeping.telling import Telling


def unfinished(place: Place, sweep_id: int | None = None) -> list[int]:
    """Returns the sweeps of a database that have jobs to train, oldest first.

    Args:
        place: Where the database is.
        sweep_id: The one that is meant; None for any.

    Raises:
        StoreError: The database cannot be read, or has no such sweep.
    """
    from vaebench.store import Reader

    with Reader.open(place.location) as reader:
        if sweep_id is not None:
            known_sweep(reader, sweep_id)
        wanted = [row.id for row in reader.sweeps()] if sweep_id is None else [sweep_id]
        return [each for each in wanted if _to_do(reader, each)]


def known_sweep(reader: Reader, sweep_id: int) -> None:
    """Makes sure that a database has a sweep.

    Raises:
        StoreError: It has not.
    """
    known = [row.id for row in reader.sweeps()]
    if sweep_id not in known:
        has = f"it has {known[0]} to {known[-1]}" if known else "it has none"
        raise StoreError(f"{reader.location} has no sweep {sweep_id}: {has}.")


def joined(place: Place, sweep_id: int, telling: Telling) -> Planned:
    """Finds what a stored sweep asks for, and opens the user's own data.

    Args:
        place: Where it is to be trained.
        sweep_id: The sweep.
        telling: Is told what is noticed on the way.

    Raises:
        VaebenchError: A job is of a device that this machine has not.
        DataError: The user's own data cannot be read.
        StoreError: The database cannot be read.
    """
    from vaebench.store import Reader

    devices = place.engine.devices(place.device)
    with Reader.open(place.location) as reader:
        jobs = [row.spec for row in reader.jobs(sweep_id=sweep_id)]
    for precision in dict.fromkeys(job.precision for job in jobs):
        place.engine.precision(precision, devices[0])
    named = tuple(dict.fromkeys(job.dataset for job in jobs))
    own = own_data(named, place.data_dir, place.location, telling, skip_broken=place.skip_broken)
    for name, found in own.items():
        if found.name != name:
            raise VaebenchError(
                f"{name} is not what sweep {sweep_id} asks for: its images have changed, or lie "
                f"elsewhere on this machine. Put them there, or work where they are."
            )
    return Planned(
        jobs=jobs,
        place=place,
        devices=devices,
        workers=jobs_at_once(place.workers, devices, len(jobs)),
        datasets=named,
        own=own,
        joined=sweep_id,
    )


def _to_do(reader: Reader, sweep_id: int) -> bool:
    counts = reader.counts(sweep_id)
    return counts["PENDING"] + counts["RUNNING"] > 0
