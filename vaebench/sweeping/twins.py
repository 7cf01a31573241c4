"""Jobs whose model is trained already, under other evaluation settings: they are only evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vaebench.spec import JobSpec

if TYPE_CHECKING:
    from vaebench.context import WorkerContext
    from vaebench.store import Reader


def trained_twins(
    reader: Reader, jobs: Sequence[JobSpec], context: WorkerContext
) -> dict[str, str]:
    """Finds finished runs that were trained as jobs are to be, by the code at hand.

    Args:
        reader: Their database.
        jobs: Jobs that are not finished.
        context: Where models are.

    Returns:
        By job key, that of such a run whose model is there.
    """
    from vaebench.plugging import trained_by
    from vaebench.store import finished_trainings

    there = context.outputs.sizes("models") if jobs else {}
    if not there:
        return {}
    codes = {job.training_key: trained_by(job) for job in jobs}
    found: dict[str, str] = {}
    for code in dict.fromkeys(codes.values()):
        for training_key, key in finished_trainings(reader, code):
            if codes.get(training_key) == code and context.model(key).name in there:
                found.setdefault(training_key, key)
    return {job.key: found[job.training_key] for job in jobs if job.training_key in found}


def only_evaluated(twins: int, jobs: int) -> str:
    """Says how many of the jobs to do are not trained, in a sentence.

    Args:
        twins: Jobs whose model is there.
        jobs: Jobs to do.
    """
    return (
        f"{twins:,} of {jobs:,} jobs differ from finished runs in their evaluation alone: the "
        "models of those are evaluated, not trained again."
    )
