"""A run trained again, and every stored figure compared."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vaebench.errors import VaebenchError
from vaebench.hints import DEFAULT_DATABASE
from vaebench.outcome import Difference, JobOutcome, differences
from vaebench.spec import JobSpec
from vaebench.sweeping.own import trained_on


@dataclass(frozen=True)
class Reproduced:
    """A run that was trained again.

    Attributes:
        stored: What the database has.
        again: What came out.
        differences: What differs; empty where every figure is the same, bit for bit.
    """

    stored: JobOutcome
    again: JobOutcome
    differences: Sequence[Difference]

    @property
    def same(self) -> bool:
        """Whether every figure came out the same, bit for bit."""
        return not self.differences


def reproduce(
    key: str,
    db: str | Path = DEFAULT_DATABASE,
    *,
    data_dir: str | Path | None = None,
    device: str = "auto",
    dataset: str | None = None,
    on_begin: Callable[[JobSpec, str], None] = lambda spec, device: None,
) -> Reproduced:
    """Trains a run again and compares every stored figure; the database is not changed.

    Args:
        key: The run's key, or its first digits.
        db: A file, or a PostgreSQL URL.
        data_dir: Folder of downloaded data sets.
        device: A device; `auto` for the kind that the run was trained on.
        dataset: Where the user's own images lie now, if they were moved.
        on_begin: Is told what is trained, and on which device.

    Raises:
        StoreError: The database cannot be read, or has no such run.
        VaebenchError: The run failed this time.

    Example:
        >>> reproduce(key, db).same
        True
    """
    from vaebench.context import WorkerContext
    from vaebench.devices import device_like, resolve_device
    from vaebench.executors import ProcessExecutor
    from vaebench.store import Reader, stored_outcome
    from vaebench.worker import run_pack

    data = None if data_dir is None else Path(data_dir)
    with Reader.open(db) as reader:
        row = reader.find(key)
        stored = stored_outcome(reader, row.key)
        own = trained_on(reader, [row], dataset, data)
    known = stored.environment.get("device", "auto")
    resolved = resolve_device(device) if device != "auto" else device_like(known)
    on_begin(row.spec, resolved)
    with tempfile.TemporaryDirectory(prefix="vaebench-reproduce-") as folder:
        context = WorkerContext(out=Path(folder), devices=(resolved,), data_dir=data, own=own)
        executor = ProcessExecutor(run_pack, [context], on_event=lambda progress: None)
        try:
            outcome = executor.submit([row.spec]).result()[0]
        finally:
            executor.shutdown(kill=True)
    if outcome.status != "complete":
        raise VaebenchError(f"The run failed this time: {outcome.error}")
    return Reproduced(stored, outcome, differences(stored, outcome))
