"""Trained models evaluated anew, by the software at hand; nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vaebench.errors import StoreError
from vaebench.hints import DEFAULT_DATABASE, folder_of
from vaebench.outcome import Difference, JobOutcome, differences
from vaebench.spec import JobSpec
from vaebench.sweeping.again import without_model
from vaebench.sweeping.own import trained_on
from vaebench.sweeping.working import jobs_at_once

if TYPE_CHECKING:
    from vaebench.context import WorkerContext
    from vaebench.store import JobRow, Store


OnRun = Callable[[str, Sequence[Difference] | None, int, int], None]


@dataclass(frozen=True)
class Evaluated:
    """Runs that were scored anew.

    Attributes:
        changed: By key, what is other than it was; empty where all is the same.
        failed: By key, what went wrong; such a run keeps what it had.
        bare: Keys of runs whose trained model is missing; they are left as they are.
        unreadable: By key, why runs could not be read.
    """

    changed: Mapping[str, Sequence[Difference]]
    failed: Mapping[str, str]
    bare: tuple[str, ...]
    unreadable: Mapping[str, str]


def evaluate(
    keys: str | Iterable[str] | None = None,
    db: str | Path = DEFAULT_DATABASE,
    *,
    out: str | Path | None = None,
    data_dir: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    dataset: str | None = None,
    on_run: OnRun = lambda key, found, done, total: None,
) -> Evaluated:
    """Scores trained models anew by the software at hand; nothing is trained.

    Each run's figures are replaced in one transaction.

    Args:
        keys: Runs, or their first digits; None for all that are finished.
        db: A file, or a PostgreSQL URL.
        out: Folder or URL of the models, as of the sweep; None for that of the database.
        data_dir: Folder of downloaded data sets.
        device: `auto`, or a device.
        workers: Models at once; None for one a core, or one a GPU.
        dataset: Where the user's own images lie now, if they were moved.
        on_run: Is told of each run that is done: its key, what is other than it was (None where it
            failed), which it is, and of how many.

    Raises:
        StoreError: The database cannot be used, or a run is not finished.

    Example:
        >>> list(evaluate(key, db, workers=1).changed.values())
        [[]]
    """
    from vaebench.context import WorkerContext
    from vaebench.devices import resolve_devices
    from vaebench.plugging import in_use
    from vaebench.runner import rank
    from vaebench.store import Store, score_anew, stored_outcome

    data = None if data_dir is None else Path(data_dir)
    context = WorkerContext.at(
        out or folder_of(str(db)), devices=resolve_devices(device), data_dir=data
    )
    changed: dict[str, Sequence[Difference]] = {}
    failed: dict[str, str] = {}
    with Store(db, create=False) as store:
        chosen = _finished(store, keys)
        bare = without_model([row.key for row in chosen], context)
        rows = [row for row in chosen if row.key not in set(bare)]
        store.remember(in_use(row.spec for row in rows))
        context = replace(context, own=trained_on(store, rows, dataset, data))

        def take(outcome: JobOutcome) -> None:
            if outcome.status != "complete":
                failed[outcome.key] = outcome.error or outcome.status
            else:
                before = stored_outcome(store, outcome.key)
                if score_anew(store, outcome):
                    changed[outcome.key] = differences(before, outcome)
            found = changed.get(outcome.key)
            on_run(outcome.key, found, len(changed) + len(failed), len(rows))

        if rows:
            count = jobs_at_once(workers, context.devices, len(rows))
            evaluate_again([row.spec for row in rows], context, take, workers=count)
        for sweep in store.sweeps():
            rank(store, sweep.id)
        return Evaluated(changed, failed, tuple(bare), dict(store.unreadable))


def _finished(store: Store, keys: str | Iterable[str] | None) -> list[JobRow]:
    """Returns the runs of some keys, or all that are finished."""
    if keys is None:
        return store.jobs(states=["COMPLETE"])
    rows = [store.find(key) for key in ([keys] if isinstance(keys, str) else keys)]
    for row in rows:
        if row.state != "COMPLETE":
            raise StoreError(f"Run {row.key} is {row.state}: it has no trained model to evaluate.")
    return rows


def evaluate_again(
    jobs: Sequence[JobSpec],
    context: WorkerContext,
    take: Callable[[JobOutcome], None],
    *,
    workers: int,
) -> None:
    """Evaluates the trained models of finished jobs, each as soon as a worker is free.

    Args:
        jobs: The jobs; their models are in `context.out`.
        context: Where and how workers work.
        take: Called with each outcome, from this thread, as soon as it is there.
        workers: Models at once; they take the context's devices in turn.

    Raises:
        LostWorkerError: A worker process died.
    """
    from vaebench.executors import ProcessExecutor
    from vaebench.worker import evaluate_pack

    executor = ProcessExecutor(
        evaluate_pack, context.bound(min(workers, len(jobs))), on_event=lambda progress: None
    )
    clean = False
    try:
        for future in as_completed([executor.submit([job]) for job in jobs]):
            take(future.result()[0])
        clean = True
    finally:
        executor.shutdown(kill=not clean)
