"""Measures the command line on the results of a full study: seconds and memory of each command.

    python benchmarks/size.py                       12,600 runs: 10 min or so, and 2 GB of disk
    python benchmarks/size.py --seeds 5             a quick look: 1,260 runs
    python benchmarks/size.py --postgres URL        claims in PostgreSQL too: in a new schema there

The database is filled through the store's own methods with made-up figures of the usual sizes: 64
scores, a curve of 100 points, 1,000 codes of 10 latents and three small pictures a run. Each
command is a process of its own; its memory is that of the largest process, of it and those that
it started. Processor time is given beside wall time, which other programs lengthen.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import sqlalchemy as sa

from vaebench.outcome import Artifact, CurvePoint, JobOutcome, Representation, Score
from vaebench.spec import JobSpec
from vaebench.store import Store
from vaebench.store.schema import SCORES
from vaebench.study_files import load_study
from vaebench.sweeping.planning import plan

LATENTS, POINTS, CURVE, SCORED, PICTURE_BYTES = 10, 1_000, 100, 64, 1_500
STUDY = "unsupervised-v1"
DEVICE = ("--device", "cpu", "--precision", "fp32")
CLAIMS = 1_000
"""Claims, the first and the last of a sweep, whose times are compared."""


def jobs_of(seeds: int) -> list[JobSpec]:
    """Plans the study's jobs as the command line does."""
    return plan(load_study(STUDY).over(seeds=tuple(range(seeds))), None, "fp32")


def outcome(spec: JobSpec) -> JobOutcome:
    """Makes up a finished run: latents that seeds agree on up to order, sign and noise."""
    rng = np.random.default_rng(int(spec.key, 16))
    truth = np.random.default_rng(0).normal(size=(POINTS, LATENTS))
    codes = truth[:, rng.permutation(LATENTS)] + rng.normal(size=(POINTS, LATENTS))
    names = [name for name in SCORES if name != "udr"]
    names += [f"kl_latent_{place:02d}" for place in range(LATENTS)]
    names += [f"sampled_figure_{place:02d}" for place in range(SCORED - len(names))]
    figures = rng.uniform(size=len(names))
    steps = [(place + 1) * spec.steps // CURVE for place in range(CURVE)]
    return JobOutcome(
        spec.key,
        "complete",
        scores=tuple(
            Score(name, float(value), 10_000) for name, value in zip(names, figures, strict=True)
        ),
        curves=tuple(CurvePoint(step, 60.0, 50.0, 10.0) for step in steps),
        artifacts=tuple(
            Artifact(name, rng.bytes(PICTURE_BYTES), 2, 8)
            for name in ("reconstructions", "samples", "traversals")
        ),
        representation=Representation(POINTS, LATENTS, codes.astype("<f4").tobytes()),
        environment={"device": "cpu", "threads": 1, "data": "made up", "packages": {"torch": "2"}},
        train_seconds=3_600.0 + figures[0],
        eval_seconds=300.0 + figures[1],
    )


def fill(location: str, specs: list[JobSpec]) -> None:
    """Makes the database of a finished sweep, whose cells are not ranked yet."""
    with Store(location) as store:
        sweep = store.add_sweep(specs, f"vaebench sweep --study {STUDY}").sweep_id
        while claim := store.claim(sweep):
            store.complete(claim, outcome(claim.spec))


def claim_times(location: str, specs: list[JobSpec]) -> list[tuple[float, float]]:
    """Times every claim while a sweep fills.

    Returns:
        The medians of the first and of the last claims: wall time and processor time of this
        process, in seconds.
    """
    taken: list[tuple[float, float]] = []
    with Store(location) as store:
        sweep = store.add_sweep(specs, "claims").sweep_id
        while True:
            before = time.perf_counter(), time.process_time()
            claim = store.claim(sweep)
            seconds = time.perf_counter() - before[0], time.process_time() - before[1]
            if claim is None:
                break
            taken.append(seconds)
            store.complete(claim, JobOutcome(claim.spec.key, "complete"))
    compared = (taken[:CLAIMS], taken[-CLAIMS:])
    wall, computed = ([statistics.median(t[n] for t in each) for each in compared] for n in (0, 1))
    return list(zip(wall, computed, strict=True))


MEASURED = """
import resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
seconds = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(done.returncode and done.stderr)
"""
"""Runs a command from a process without other children; prints seconds, computed seconds, MB."""


def command(folder: Path, *words: str) -> tuple[float, float, float]:
    """Runs vaebench as a process.

    Returns:
        Seconds, seconds of processor time, and MB of the largest process.
    """
    environment = {name: value for name, value in os.environ.items() if name != "VAEBENCH_DB"}
    words = (sys.executable, "-c", MEASURED, sys.executable, "-m", "vaebench", *words)
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words[4:])} ended with {done.returncode}: {done.stderr}")
    seconds, computed, peak = map(float, done.stdout.split())
    return seconds, computed, peak


def schema_in(server: str) -> str:
    """Makes a schema of its own in a PostgreSQL database; returns the URL of that."""
    name = f"vaebench_size_{os.getpid()}"
    engine = sa.create_engine(server)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    engine.dispose()
    return f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}"


def main() -> None:
    """Fills, measures, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50, help="seeds of each of 252 cells")
    parser.add_argument("--folder", type=Path, help="work here, and keep and reuse the database")
    parser.add_argument("--postgres", metavar="URL", help="a PostgreSQL database")
    chosen = parser.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="vaebench-size-"))
    folder.mkdir(parents=True, exist_ok=True)
    specs = jobs_of(chosen.seeds)
    database, whole = folder / "results.db", folder / "filled.db"
    if not whole.exists():
        print(f"Filling {whole} with {len(specs):,} runs ...", file=sys.stderr, flush=True)
        fill(str(folder / "filling.db"), specs)
        (folder / "filling.db").rename(whole)
    shutil.copyfile(whole, database)
    sweep = ("sweep", "--study", STUDY, "--seeds", str(chosen.seeds), *DEVICE)
    at = ("--db", "results.db")
    measured = (
        ("the sweep typed again, with UDR of 252 cells to compute", (*sweep, *at)),
        ("the sweep typed again", (*sweep, *at)),
        ("`--dry-run`", (*sweep, *at, "--dry-run")),
        ("`--dry-run` of a new database, measured", (*sweep, "--dry-run", "--db", "none.db")),
        ("`status`", ("status", *at)),
        ("`runs --limit 20`", ("runs", "--limit", "20", *at)),
        ("`runs --sort -mig --limit 20`", ("runs", "--sort", "-mig", "--limit", "20", *at)),
        ("`runs`", ("runs", *at)),
        ("`export`", ("export", "--out", "results.csv", *at)),
    )
    print(f"{len(specs):,} runs, {whole.stat().st_size / 1e6:,.0f} MB; {load()}\n")
    print("| command | seconds | computed | MB |\n|---|---|---|---|")
    for title, words in measured:
        seconds, computed, peak = command(folder, *words)
        print(f"| {title} | {seconds:.1f} | {computed:.1f} | {peak:.0f} |", flush=True)
    few = f"{min(CLAIMS, len(specs)):,}"
    print(f"\n| a claim, ms (computed here) | the first {few} | the last {few} |\n|---|---|---|")
    small = folder / "claims.db"
    for path in folder.glob("claims.db*"):
        path.unlink()
    server = chosen.postgres and schema_in(chosen.postgres)
    for title, location in (("SQLite", str(small)), ("PostgreSQL", server)):
        if location:
            times = [f"{1e3 * t:.1f} ({1e3 * c:.1f})" for t, c in claim_times(location, specs)]
            print(f"| {title} | {' | '.join(times)} |", flush=True)
    print(f"\n{load()[0].upper()}{load()[1:]}.")


def load() -> str:
    """Says how busy the machine is."""
    return f"load average {os.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores"


if __name__ == "__main__":
    main()
