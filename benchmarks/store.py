"""Measures the store at the size of a full study: jobs added, claimed by many, a study of no work.

    python benchmarks/store.py                        SQLite: 12,600 jobs; 16 processes that claim
    python benchmarks/store.py --postgres URL         PostgreSQL too, with 64: in new schemas there

Processes are real, one connection each, started before the clock. *Claims* are those of all
processes together, in seconds from the first to the last; each process has had one before. The
*study of no work* claims each job, records an outcome with 64 scores, and claims the next, until
nothing is left.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from vaebench.outcome import JobOutcome, Score
from vaebench.spec import JobSpec
from vaebench.store import Store
from vaebench.study_files import load_study
from vaebench.sweeping.planning import plan

SCORES = tuple(Score(f"score_{number}", 0.5, 10) for number in range(64))


def jobs() -> list[JobSpec]:
    """Returns the 12,600 jobs of Locatello et al. 2019."""
    return plan(load_study("unsupervised-v1"), None, "fp32")


def claim_many(location: str, sweep: int, most: int, record: bool, gate: Any, told: Any) -> None:
    """Claims jobs, as many as it may or until none is left; tells when each claim was had."""
    with Store(location) as store:
        store.counts(sweep) if record else store.claim(sweep)
        gate.wait()
        taken: list[tuple[float, float]] = []
        while len(taken) < most:
            before = time.monotonic()
            claim = store.claim(sweep)
            if claim is None:
                break
            taken.append((before, time.monotonic()))
            if record:
                outcome = JobOutcome(claim.spec.key, "complete", scores=SCORES)
                store.complete(claim, outcome)
        told.put(taken)


def at_once(location: str, sweep: int, processes: int, most: int, *, record: bool) -> list[float]:
    """Returns claims, seconds and median milliseconds of a claim of some processes together."""
    context = multiprocessing.get_context("spawn")
    gate, told = context.Barrier(processes + 1), context.Queue()
    work = (location, sweep, most, record, gate, told)
    started = [context.Process(target=claim_many, args=work) for _ in range(processes)]
    for process in started:
        process.start()
    gate.wait()
    before = time.monotonic()
    taken = [claim for _ in started for claim in told.get()]
    seconds = time.monotonic() - before
    for process in started:
        process.join()
    each = statistics.median(end - begin for begin, end in taken) * 1000
    return [len(taken), seconds, each]


def measured(name: str, place: Any, processes: tuple[int, ...]) -> None:
    """Prints what a database does; `place()` returns a new one."""
    chosen = jobs()
    location = place()
    with Store(location) as store:
        before = time.monotonic()
        sweep = store.add_sweep(chosen, "benchmark").sweep_id
        print(f"{name}: {len(chosen):,} jobs added in {time.monotonic() - before:.2f} s")
    for number in processes:
        count, seconds, each = at_once(location, sweep, number, 2400 // number, record=False)
        rate = count / seconds
        print(f"{name}: {number} processes, {count:.0f} claims, {rate:.0f}/s, median {each:.1f} ms")
    location = place()
    with Store(location) as store:
        sweep = store.add_sweep(chosen, "benchmark").sweep_id
    count, seconds, each = at_once(location, sweep, 8, len(chosen), record=True)
    took = f"{seconds:.1f} s, {count / seconds:.0f}/s"
    print(f"{name}: a study of {count:.0f} jobs of no work, 8 processes: {took}")


def main() -> None:
    """Measures SQLite, and PostgreSQL where a server is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--postgres", help="URL of a server")
    parser.add_argument("--processes", default="1,16,64", help="how many claim at once")
    options = parser.parse_args()
    processes = tuple(map(int, options.processes.split(",")))
    with tempfile.TemporaryDirectory() as folder:

        def file() -> str:
            return str(Path(folder) / f"{uuid.uuid4().hex}.db")

        measured("SQLite", file, tuple(number for number in processes if number <= 16))
    if options.postgres:

        def schema() -> str:
            name = f"benchmark_{uuid.uuid4().hex[:8]}"
            engine = sa.create_engine(options.postgres)
            with engine.begin() as connection:
                connection.exec_driver_sql(f"CREATE SCHEMA {name}")
            engine.dispose()
            mark = "&" if "?" in options.postgres else "?"
            return f"{options.postgres}{mark}options=-csearch_path%3D{name}"

        measured("PostgreSQL", schema, processes)


if __name__ == "__main__":
    main()
