"""A sweep that a cluster's queue works on: submitted, followed from here, and cancelled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vaebench.outcome import Phase, Progress
from vaebench.spec import JobSpec
from vaebench.sweeping.joining import known_sweep
from vaebench.sweeping.running import Finished, Planned, context_of, make_ready_for, summed_up
from vaebench.sweeping.working import Ended

if TYPE_CHECKING:
    from vaebench.runner import Beat, JobEnded
    from vaebench.slurm import Request, Waiting
    from vaebench.store import Reader
    from vaebench.sweeping.telling import Telling

LOOK_SECONDS = 2.0
QUEUE_SECONDS = 10.0
"""How often the queue is asked: a cluster's controller serves many."""


@dataclass(frozen=True)
class Submitted:
    """What a sweep has in a queue.

    Attributes:
        sweep_id: Its number in the database.
        names: Its allocations that are in the queue.
        new: How many of them this command has submitted.
    """

    sweep_id: int
    names: tuple[str, ...]
    new: int


def submitted(sweep: Planned, command: str, telling: Telling, wanted: Request) -> Submitted:
    """Records a sweep and submits as many allocations for it as it has workers.

    Where allocations of the same jobs are in the queue already, only those are submitted that
    lack, so that a command that is typed again does not queue everything twice.

    Args:
        sweep: The sweep.
        command: What its user typed, kept in the database.
        telling: Is told what is noticed.
        wanted: What each allocation asks for.

    Raises:
        DataError: A data set is missing.
        StoreError: The database cannot be written.
        VaebenchError: The queue takes no allocation; the jobs are in the database, pending.
    """
    from vaebench.slurm import submit
    from vaebench.store import Store, add_allocations

    make_ready_for(sweep, telling, renew=False)
    place = sweep.place
    with Store(place.location) as store:
        sweep_id = store.add_sweep(sweep.jobs, command).sweep_id
        counts = store.counts(sweep_id)
        there = [each.name for each in in_queue(store, {job.key for job in sweep.jobs})]
        lacking = min(sweep.workers, counts["PENDING"] + counts["RUNNING"]) - len(there)
        if lacking < 1:
            return Submitted(sweep_id, tuple(there), 0)
        arguments = ["work", "--sweep", str(sweep_id), "--out", _absolute(str(place.out))]
        device = "cuda" if wanted.gpus and place.device == "auto" else place.device
        arguments += ["--workers", str(wanted.workers), "--device", device]
        arguments += ["--checkpoint-every", str(place.checkpoint_every)]
        arguments += ["--mixed"] * place.mixed
        environment = {"VAEBENCH_DB": _absolute(place.location)}
        if place.data_dir is not None:
            environment["VAEBENCH_DATA"] = str(place.data_dir.absolute())
        folder = words_folder(place.out)
        names = submit(arguments, environment, wanted, lacking, folder.absolute())
        add_allocations(store, sweep_id, names)
    return Submitted(sweep_id, (*there, *names), len(names))


def followed(sweep: Planned, sent: Submitted, telling: Telling) -> Finished:
    """Shows how far the allocations of a sweep are until nothing is left.

    Args:
        sweep: The sweep.
        sent: What it has in the queue.
        telling: Is shown how far it is.

    Raises:
        KeyboardInterrupt: The user does not want to see more; the allocations go on.
        VaebenchError: The queue has lost all of them with jobs left.
    """
    from vaebench.runner import rank
    from vaebench.slurm import look
    from vaebench.store import DatabaseLockedError, Reader, Store

    context = context_of(sweep)
    with Reader.open(sweep.place.location) as reader:
        scene = _Scene(reader, sent.sweep_id, sweep)
        asked = -QUEUE_SECONDS
        queue: list[Waiting] = []
        blocked = None
        with telling.watching(sweep.jobs, sweep.workers, context, sweep.place.location) as display:
            while True:
                if time.monotonic() - asked > QUEUE_SECONDS:
                    queue, asked = look(sent.names), time.monotonic()
                try:
                    ended, beat = scene.look(queue)
                except DatabaseLockedError:  # its server is away: the allocations wait for it, too
                    time.sleep(LOOK_SECONDS)
                    continue
                for event in ended:
                    display.show(event)
                display.show(beat)
                if not beat.counts["PENDING"] + beat.counts["RUNNING"]:
                    break
                if not queue and scene.idle:
                    blocked = (
                        "None of its allocations is in the queue any more, and jobs are left: what "
                        f"they said is in {words_folder(sweep.place.out)}. The same command "
                        "submits others."
                    )
                    break
                time.sleep(LOOK_SECONDS)
        if blocked is None:
            with Store(sweep.place.location) as store:
                rank(store, sent.sweep_id)  # whoever ended last may be at it still
        ending = Ended(beat.counts, blocked=blocked)
        return summed_up(reader, sent.sweep_id, sweep.jobs, context, ending, Ended({}))


def words_folder(out: str | Path) -> Path:
    """Returns where allocations write what they say: Slurm knows no URL."""
    return Path("slurm") if "://" in str(out) else Path(out) / "slurm"


def in_queue(reader: Reader, keys: set[str] | None = None) -> list[Waiting]:
    """Returns the allocations that a database's sweeps have in the queue.

    Args:
        reader: The database.
        keys: Of jobs: only allocations of sweeps that have some of them; None for all.

    Raises:
        VaebenchError: The queue cannot be asked.
    """
    from vaebench.slurm import look
    from vaebench.store import allocations_of

    known = allocations_of(reader)
    if keys is not None:
        sharing = {each for each in set(known.values()) if keys.intersection(reader.keys(each))}
        known = {name: sweep for name, sweep in known.items() if sweep in sharing}
    return look(known)


def cancelled(location: str, sweep_id: int | None = None) -> list[str]:
    """Cancels what sweeps have in the queue; what is trained there is checkpointed.

    Args:
        location: The database.
        sweep_id: The sweep; None for all.

    Returns:
        The names of the allocations.

    Raises:
        StoreError: The database cannot be read, or has no such sweep.
        VaebenchError: The queue cannot be asked.
    """
    from vaebench.slurm import cancel, look
    from vaebench.store import Reader, allocations_of

    with Reader.open(location) as reader:
        if sweep_id is not None:
            known_sweep(reader, sweep_id)
        found = look(allocations_of(reader, sweep_id))
        names = [each.name for each in found if each.state != "COMPLETING"]
    cancel(names)
    return names


class _Scene:
    """A sweep as it looks from beside: what has ended since the last look, and what runs."""

    def __init__(self, reader: Reader, sweep_id: int, sweep: Planned) -> None:
        from vaebench.forecast import Forecast

        self._reader, self._sweep_id, self._workers = reader, sweep_id, sweep.workers
        self._specs = {job.key: job for job in sweep.jobs}
        self._forecast = Forecast()
        self._done = self._ended()
        self.idle = False

    def _ended(self) -> set[str]:
        states = ("COMPLETE", "FAILED")
        return {key for state in states for key in self._reader.keys(self._sweep_id, state)}

    def look(self, queue: Sequence[Waiting]) -> tuple[list[JobEnded], Beat]:
        """Returns what has ended since the last look, and how it is now."""
        from vaebench.runner import Beat

        reader, sweep_id = self._reader, self._sweep_id
        new = self._ended() - self._done
        self._done |= new
        events = self._events(new)
        running: list[tuple[JobSpec, Progress | None]] = []
        for row in reader.jobs(sweep_id=sweep_id, states=["RUNNING"]):
            if row.abandoned:
                continue
            each = row.step_seconds or 0.0
            self._forecast.running(row.spec, row.step, each, evaluating=row.phase == "evaluating")
            phase = cast(Phase, row.phase or "loading")
            seen = Progress(row.key, phase, row.step, steps_here=1 if each else 0, seconds=each)
            running.append((row.spec, seen))
        counts = reader.counts(sweep_id)
        waiting = self._forecast.counted(
            self._specs[key] for key in reader.keys(sweep_id, "PENDING")
        )
        left = self._forecast.remaining(waiting, max(1, len(running)))
        self.idle = not running
        return events, Beat(counts, tuple(running), left, _said(queue, self._workers))

    def _events(self, keys: set[str]) -> list[JobEnded]:
        from vaebench.runner import JobEnded
        from vaebench.store import stored_outcome

        events = []
        for row in self._reader.jobs(keys=keys) if keys else []:
            self._forecast.gone(row.spec)
            if row.state == "COMPLETE":
                outcome = stored_outcome(self._reader, row.key)
                self._forecast.finished(row.spec, outcome.train_seconds, outcome.eval_seconds)
                events.append(JobEnded(row.spec, "complete", outcome))
            elif row.state == "FAILED":
                events.append(JobEnded(row.spec, "failed", error=row.error))
        return events


def _said(queue: Sequence[Waiting], workers: int) -> str | None:
    """Says what waits in the queue, and why; nothing where all of it runs."""
    waiting = [each for each in queue if each.state == "PENDING"]
    if not waiting:
        return None
    reasons = ", ".join(dict.fromkeys(each.reason for each in waiting))
    return f"{len(waiting)} of {workers} allocations wait in the queue: {reasons}"


def _absolute(location: str) -> str:
    return location if "://" in location else str(Path(location).absolute())
