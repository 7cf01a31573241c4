"""A sweep from what is asked for to a filled database: prepared, carried out, and summed up."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vaebench.errors import OutputError, StoreError, UsageError
from vaebench.outputs import STOP_SECONDS, is_url
from vaebench.passwords import hidden
from vaebench.spec import JobSpec
from vaebench.study import Study
from vaebench.sweeping.engines import Engine
from vaebench.sweeping.own import make_ready, own_data
from vaebench.sweeping.planning import named, plan
from vaebench.sweeping.twins import only_evaluated, trained_twins
from vaebench.sweeping.working import Ended, jobs_at_once, work

if TYPE_CHECKING:
    from vaebench.context import WorkerContext
    from vaebench.data.own.opened import OwnData
    from vaebench.store import Reader
    from vaebench.sweeping.telling import Telling


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and how a sweep is trained and kept: none of it changes a figure but the device.

    Attributes:
        out: Folder for checkpoints, models and report, or URL for checkpoints and models.
        db: The database, a file or a URL; None for `out/results.db`, where that is a folder.
        data_dir: Folder of downloaded data sets; None for the default.
        device: `auto`, or what to take: `cpu`, `cuda` for every GPU, `cuda:1`, `mps`.
        precision: `auto`, `fp32`, `tf32` or `bf16`.
        workers: Jobs at once; None for one a core, or one a GPU.
        checkpoint_every: Wall time in seconds between a job's checkpoints.
        skip_broken: Leave out images of a user's own folder that cannot be read.
        retries: How often a failed job is tried again.
        fail_fast: Stop at the first failure.
        executor: What trains the jobs; see `engines`.
        address: The cluster that does, where that is one; see `Engine`.
        mixed: Work beside machines that have other software, too.
    """

    out: str | Path = "results"
    db: str | None = None
    data_dir: Path | None = None
    device: str = "auto"
    precision: str = "auto"
    workers: int | None = None
    checkpoint_every: float = 20.0
    skip_broken: bool = False
    retries: int = 0
    fail_fast: bool = False
    executor: str = "processes"
    address: str | None = None
    mixed: bool = False

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers is {self.workers}: it must be 1 or more.")
        if not self.checkpoint_every >= 0:
            raise UsageError(
                f"--checkpoint-every is {self.checkpoint_every}: it must be 0 or more."
            )

        if self.retries < 0:
            raise UsageError(f"--retries is {self.retries}: it must be 0 or more.")
        _ = self.engine
        if self.db is None and is_url(self.out):
            raise UsageError(
                f"--out is {hidden(str(self.out))}, where no database can lie: name one with --db, "
                "a file or a PostgreSQL URL."
            )

    @property
    def engine(self) -> Engine:
        """What trains the jobs."""
        return Engine(self.executor, self.address)

    @property
    def location(self) -> str:
        """The database, as commands name it."""
        return self.db or str(Path(self.out) / "results.db")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A sweep of which all is known, and nothing done yet.

    Attributes:
        jobs: Its jobs, in the order to train them.
        place: Where it is trained and kept.
        devices: Resolved devices; workers take them in turn.
        workers: Jobs at once.
        datasets: The data sets, as they were named.
        own: Those of them that are the user's own, by the names that were given.
        joined: Its number where the database has it already.
    """

    jobs: list[JobSpec]
    place: Place
    devices: tuple[str, ...]
    workers: int
    datasets: tuple[str, ...]
    own: Mapping[str, OwnData]
    joined: int | None = None


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a sweep ended.

    Attributes:
        sweep_id: Its number in the database.
        ended: How the work on it ended.
        renewed: How the work on runs that were trained again ended.
        counts: Its jobs by state.
        failed: Key and error line of its jobs that failed.
        other_code: Keys of its finished runs that other code of vaebench made.
        without_model: Keys of its finished runs whose trained model is missing.
    """

    sweep_id: int
    ended: Ended
    renewed: Ended
    counts: Mapping[str, int]
    failed: tuple[tuple[str, str], ...]
    other_code: frozenset[str]
    without_model: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether every job is done, and none failed to be renewed."""
        return not (self.failed or self.counts["PENDING"] or self.renewed.counts.get("FAILED"))


def planned(study: Study, place: Place, telling: Telling, *, dry_run: bool = False) -> Planned:
    """Finds what a study asks for, and opens the user's own data.

    Args:
        study: What is asked for.
        place: Where it is to be trained.
        telling: Is told what is noticed on the way.
        dry_run: Make no tables on a server that has none.

    Raises:
        UsageError: A name or a value is not one that vaebench takes, or does not fit the data.
        DataError: The user's own data cannot be read.
        StoreError: The database cannot be read.
    """
    devices = place.engine.devices(place.device)
    precision = place.engine.precision(place.precision, devices[0])
    study = named(study)
    own = own_data(
        study.datasets,
        place.data_dir,
        place.location,
        telling,
        skip_broken=place.skip_broken,
        dry_run=dry_run,
    )
    jobs = plan(study, place.data_dir, precision, own)
    workers = jobs_at_once(place.workers, devices, len(jobs))
    return Planned(
        jobs=jobs, place=place, devices=devices, workers=workers, datasets=study.datasets, own=own
    )


def carried_out(sweep: Planned, command: str, telling: Telling, *, renew: bool = False) -> Finished:
    """Trains what is missing of a sweep into its database.

    Args:
        sweep: The sweep.
        command: What its user typed, kept in the database.
        telling: Is told what is noticed, and shown how far the work is.
        renew: Train those again that are done, but were made by other code of vaebench.

    Raises:
        DataError: A data set is missing.
        StoreError: The database cannot be written.
        OutputError: Checkpoints and models cannot be; the jobs are pending.
        Stopped: The user asked twice to stop.
    """
    from vaebench.store import Store, made_by_other_code
    from vaebench.sweeping.again import pick_up, renew_runs

    make_ready_for(sweep, telling, renew=renew)
    place, jobs = sweep.place, sweep.jobs
    context = context_of(sweep)
    keys = {job.key for job in jobs}
    renewed = Ended({})
    with Store(place.location) as store:
        sweep_id = sweep.joined or store.add_sweep(jobs, command).sweep_id
        if renew or store.counts(sweep_id)["COMPLETE"] < len(jobs):
            context.outputs.check()
        if renew:
            pick_up(store, context)
        if renew and (old := set(made_by_other_code(store, keys))):
            chosen = [job for job in jobs if job.key in old]
            renewed = renew_runs(
                store,
                chosen,
                context,
                telling,
                engine=place.engine,
                workers=sweep.workers,
                retries=place.retries,
            )
        ended = renewed
        if not (renewed.stopped or renewed.blocked):
            states = store.states()
            todo = [job for job in jobs if states[job.key] != "COMPLETE"]
            twins = trained_twins(store, todo, context)
            if twins:
                telling.say(only_evaluated(len(twins), len(todo)))
            ended = work(
                store,
                sweep_id,
                jobs,
                dataclasses.replace(context, twins=twins),
                place.location,
                telling,
                engine=place.engine,
                workers=sweep.workers,
                retries=place.retries,
                fail_fast=place.fail_fast,
                mixed=place.mixed,
                on_complete=context.forget,
            )
        return summed_up(store, sweep_id, jobs, context, ended, renewed)


def summed_up(
    store: Reader,
    sweep_id: int,
    jobs: Sequence[JobSpec],
    context: WorkerContext,
    ended: Ended,
    renewed: Ended,
) -> Finished:
    """Says how a sweep ended.

    Args:
        store: The database.
        sweep_id: The sweep.
        jobs: Its jobs.
        context: Where its models are.
        ended: How the work on it ended.
        renewed: How the work on runs that were trained again ended.
    """
    from vaebench.store import made_by_other_code

    context.outputs.finish(STOP_SECONDS)
    bare: list[str] = []
    with contextlib.suppress(OutputError):  # who cannot write there has said so
        bare = _without_model(store.keys(sweep_id, "COMPLETE"), context)
    failed = store.jobs(sweep_id=sweep_id, states=["FAILED"])
    return Finished(
        sweep_id=sweep_id,
        ended=ended,
        renewed=renewed,
        counts=store.counts(sweep_id),
        failed=tuple((row.key, row.error or "") for row in failed),
        other_code=frozenset(made_by_other_code(store, {job.key for job in jobs})),
        without_model=tuple(bare),
    )


def _without_model(keys: Sequence[str], context: WorkerContext) -> list[str]:
    """Returns finished runs without a model; what the cache before a URL has is published again."""
    from vaebench.sweeping.again import without_model

    bare = without_model(keys, context)
    if context.url is None:
        return bare
    here = [key for key in bare if context.model(key).exists()]
    for key in here:
        context.outputs.publish(f"models/{key}.pt")
    return [key for key in bare if key not in here]


def context_of(sweep: Planned) -> WorkerContext:
    """Returns where and how the workers of a sweep work."""
    from vaebench.context import WorkerContext

    return WorkerContext.at(
        sweep.place.out,
        devices=sweep.devices,
        data_dir=sweep.place.data_dir,
        checkpoint_seconds=sweep.place.checkpoint_every,
        own=tuple(sweep.own.values()),
    )


def make_ready_for(sweep: Planned, telling: Telling, *, renew: bool) -> None:
    """Opens the published data sets that are needed: what is missing is said before any job."""
    from vaebench.data import load_dataset

    states: dict[str, str] = {}
    with contextlib.suppress(StoreError):  # whoever opens it for writing says what is wrong
        states = {} if renew else states_of(sweep.place.location)
    wanted = {job.dataset for job in sweep.jobs if states.get(job.key) != "COMPLETE"}
    published = [name for name in sweep.datasets if name not in sweep.own and name in wanted]
    make_ready(published, sweep.place.data_dir, telling)
    for name in published:
        load_dataset(name, sweep.place.data_dir)


def states_of(location: str) -> dict[str, str]:
    """Returns the states of the jobs that a database knows; of none where it does not exist."""
    from vaebench.store import Reader

    if "://" not in location and not Path(location).exists():
        return {}
    with Reader.open(location) as reader:
        return reader.states()
