"""What a sweep prints before it begins and after it ends: its jobs, its results, what is next."""

from __future__ import annotations

import shlex
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from vaebench.cli import tables
from vaebench.cli.reading import say_unreadable
from vaebench.cli.tables import Column
from vaebench.fingerprint import other_code
from vaebench.hints import folder_of, hint, hint_again, hint_report, password_hint
from vaebench.measures import measure
from vaebench.models import find_model
from vaebench.outputs import is_url
from vaebench.passwords import hidden
from vaebench.spec import JobSpec
from vaebench.sweeping.running import Finished, Planned
from vaebench.sweeping.signals import Stopped
from vaebench.sweeping.working import Ended

STATE_WORDS = {
    "COMPLETE": "done",
    "FAILED": "failed before",
    "PENDING": "waiting",
    "RUNNING": "running",
}

LISTED = 200
"""Jobs that are listed one by one at most; more are counted by cell."""

FIGURES = {
    "reconstruction": 1,
    "kl": 1,
    "elbo": 3,
    "mig": 2,
    "mig_label": 2,
    "beta_vae_score": 4,
    "factor_vae_score": 4,
    "wall_seconds": 5,
}
"""Figures of the closing table; where it is too wide, those of the highest numbers go first."""

DATASET = Column("data set", fold=24)
"""It tells rows apart, so a long one (a file of the user's own) is folded, never left out."""


def job_table(jobs: Sequence[JobSpec], states: Mapping[str, str], betas: Iterable[float]) -> None:
    """Prints what a sweep would do: each job with its state, and the totals.

    Args:
        jobs: The jobs.
        states: State by job key, of those that the database knows.
        betas: What `--betas` gave, to say which models it does not concern.
    """
    words = [STATE_WORDS.get(states.get(job.key, ""), "new") for job in jobs]
    if len(jobs) <= LISTED:
        _each(jobs, words)
    else:
        _by_cell(jobs, words)
    if tuple(betas):
        for model in dict.fromkeys(job.model for job in jobs):
            if not find_model(model).has("beta"):
                tables.note(f"{model} has no beta to sweep: it is trained once per seed.")
    total = ", ".join(f"{count:,} {word}" for word, count in Counter(words).items())
    tables.emit(Text(f"{len(jobs):,} job{'' if len(jobs) == 1 else 's'}: {total}."))


def _each(jobs: Sequence[JobSpec], words: Sequence[str]) -> None:
    several = len({job.dataset for job in jobs}) > 1
    folds = any(job.fold is not None for job in jobs)
    columns = [Column("key")] + [DATASET] * several
    columns += [Column("model"), Column("strength"), Column("seed", right=True)]
    columns += [Column("fold", right=True)] * folds
    columns += [Column("steps", right=True, spare=1), Column("state")]
    rows = [
        [
            job.key[:8],
            *[job.dataset] * several,
            job.model,
            job.strength_text or "-",
            str(job.seed),
            *[str(job.fold)] * folds,
            str(job.steps),
            word,
        ]
        for job, word in zip(jobs, words, strict=True)
    ]
    tables.emit_table(columns, rows, whole="write to a file or a pipe")


def _by_cell(jobs: Sequence[JobSpec], words: Sequence[str]) -> None:
    cells: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for job, word in zip(jobs, words, strict=True):
        cells[job.dataset, job.model, job.strength_text or "-"][word] += 1
    columns = [DATASET, Column("model"), Column("strength"), Column("jobs", right=True)]
    rows = [
        [*cell, f"{count.total():,} ({', '.join(f'{n:,} {word}' for word, n in count.items())})"]
        for cell, count in cells.items()
    ]
    tables.emit_table(columns, rows, whole="write to a file or a pipe")


def say_finished(sweep: Planned, finished: Finished, command: str) -> None:
    """Says how a sweep ended, and leaves the command as that asks for.

    Args:
        sweep: The sweep.
        finished: How it ended.
        command: What the user typed.

    Raises:
        VaebenchError: Its output cannot be written.
        typer.Exit: With 1 where a job failed, with 130 where the user stopped the sweep.
    """
    from vaebench.store import Reader, figures_of_sweep, other_plugins

    location = sweep.place.location
    with Reader.open(location) as reader:
        rows = figures_of_sweep(reader, finished.sweep_id, list(FIGURES))
        plugins = other_plugins(reader) if finished.other_code else []
        say_unreadable(reader)
    results_table(rows, sweep.jobs)
    closing(finished.counts, finished.failed, location, command, sweep.place.out)
    if old := finished.other_code:
        again = hint_again(command, location)
        again += "" if "--renew" in again.split() else " --renew"
        tables.note(f"{other_code(len(old), len(rows), plugins)} To train them again: {again}")
    if bare := finished.without_model:
        tables.note(missing_models(len(bare), len(rows), location, sweep.place.out))
    say_ended(finished.ended)
    if not finished.whole:
        raise typer.Exit(1)


def say_ended(ended: Ended) -> None:
    """Leaves the command where the work on jobs was stopped or blocked.

    Raises:
        VaebenchError: Its output cannot be written.
        typer.Exit: With 130 where the user stopped it.
    """
    try:
        ended.check()
    except Stopped:
        raise typer.Exit(130) from None


def results_table(rows: Sequence[Mapping[str, Any]], jobs: Iterable[JobSpec]) -> None:
    """Prints the mean of each figure over the runs of each cell.

    Args:
        rows: Rows of the `results` view.
        jobs: Their jobs, among others.
    """
    if not rows:
        return
    spec_of = {job.key: job for job in jobs}
    cells: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        cells[spec_of[row["job_key"]].cell].append(row)
    shown = [measure(name) for name in FIGURES if any(row[name] is not None for row in rows)]
    specs = {job.cell: job for job in spec_of.values()}
    several = len({specs[cell].dataset for cell in cells}) > 1
    columns = [DATASET] * several
    columns += [Column("model"), Column("strength"), Column("runs", right=True, spare=3)]
    columns += [Column(one.head, right=True, spare=FIGURES[one.name]) for one in shown]
    lines = []
    for cell, members in cells.items():
        line = [specs[cell].dataset] * several
        line += [specs[cell].model, specs[cell].strength_text or "-", str(len(members))]
        for one in shown:
            values = [row[one.name] for row in members if row[one.name] is not None]
            mean = statistics.fmean(values) if values else None
            line.append("-" if mean is None else one.text(mean, mean))
        lines.append(line)
    tables.emit_table(columns, lines, whole="see `vaebench runs --format csv`")
    tables.note("Means over the runs; reconstruction, KL and ELBO in nats per image.")


def closing(
    counts: Mapping[str, int],
    failed: Sequence[tuple[str, str]],
    db: str,
    command: str,
    out: str | Path,
) -> None:
    """Prints how a sweep ended and what to do next.

    Args:
        counts: Jobs of the sweep by state.
        failed: Key and error line of the jobs that failed.
        db: The database.
        command: What the user typed.
        out: The sweep's folder, or URL.
    """
    left = counts["PENDING"] + counts["RUNNING"]
    tables.note(f"{counts['COMPLETE']} complete, {len(failed)} failed, {left} to do: {hidden(db)}")
    for key, error in failed[:10]:
        tables.note(f"failed  {key[:8]}  {error}")
    if failed:
        tables.note(f"The trace: {hint(f'vaebench show {failed[0][0][:8]}', db)}")
        tables.note(f"To try again: {hint('vaebench retry --all', db)}, then the same sweep.")
    if left:
        tables.note(f"To go on: {hint_again(command, db)}")
    elif not failed:
        tables.note(f"Next: {hint_report(db, out)}")
    if advice := password_hint(db):
        tables.note(advice)


def missing_models(bare: int, runs: int, location: str, out: str | Path) -> str:
    """Says how many finished runs have no trained model, and what brings it back.

    Args:
        bare: Finished runs without one.
        runs: Finished runs in all.
        location: The database.
        out: The sweep's folder, or URL.
    """
    verb = "has" if bare == 1 else "have"
    total = "1 finished run" if runs == 1 else f"{runs:,} finished runs"
    command = hint("vaebench reproduce --restore --all", location)
    place = hidden(str(out)).rstrip("/")
    if is_url(out) or Path(out) != folder_of(location):
        command += f" --out {shlex.quote(place)}"
    return (
        f"{bare:,} of {total} {verb} no trained model in {place}/models. To train them again, "
        f"compare and bring them back: {command}"
    )
