"""`vaebench status`: how far the jobs are, how fast they go, and when they will be done."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from vaebench.cli import tables
from vaebench.cli.options import DEFAULT_DATABASE, DatabaseOption
from vaebench.cli.reading import unreadable
from vaebench.cli.tables import Column
from vaebench.digits import duration
from vaebench.errors import UsageError, VaebenchError
from vaebench.fingerprint import other_code
from vaebench.forecast import Forecast, TimeLeft
from vaebench.hints import hint

if TYPE_CHECKING:
    from vaebench.slurm import Waiting
    from vaebench.spec import JobSpec
    from vaebench.store import Claimant, JobRow, Reader

REFRESH_SECONDS = 2.0
FAILURES_SHOWN = 5
RENEW = "The sweep's command with --renew trains them again."


@dataclass(frozen=True)
class Outlook:
    """What is left to do, as far as the times of the jobs so far tell.

    Attributes:
        jobs: Jobs that are waiting or running.
        running: Those of them that somebody runs.
        training: Those of them that train, and have told how fast.
        steps_per_second: Of these, together; None where there are none.
        left: Until the last of them is done, with as many at a time as run now (one, where none
            does); None while it cannot be known.
    """

    jobs: int
    running: int
    training: int
    steps_per_second: float | None
    left: TimeLeft | None


def outlook(rows: Iterable[JobRow]) -> Outlook:
    """Works out speed and time left from the running jobs' steps and the finished jobs' times."""
    running = 0
    speeds: list[float] = []
    waiting: list[JobSpec] = []
    forecast = Forecast()
    for row in rows:
        if row.state == "COMPLETE":
            forecast.finished(row.spec, row.train_seconds or 0.0, row.eval_seconds or 0.0)
        elif row.state == "RUNNING" and not row.abandoned:
            running += 1
            evaluating = row.phase == "evaluating"
            forecast.running(row.spec, row.step, row.step_seconds or 0.0, evaluating=evaluating)
            if row.step_seconds and row.phase == "training":
                speeds.append(1 / row.step_seconds)
        elif row.state in {"PENDING", "RUNNING"}:
            waiting.append(row.spec)
    return Outlook(
        jobs=running + len(waiting),
        running=running,
        training=len(speeds),
        steps_per_second=sum(speeds) if speeds else None,
        left=forecast.remaining(forecast.counted(waiting), max(1, running)),
    )


def status(
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it anew every two seconds, until Ctrl-C.")
    ] = False,
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Show how far the jobs are: counts, running jobs, speed, time left, failures."""
    from vaebench.store import DatabaseLockedError, Reader

    with Reader.open(db) as reader:
        if not watch:
            tables.emit(*_page(reader, tables.terminal_width()))
            return
        if not tables.is_terminal():
            raise UsageError("--watch needs a terminal: leave it out to write to a file or a pipe.")
        console = tables.Terminal(highlight=False, markup=False, emoji=False)
        try:
            page = _page(reader, console.width)
            with Live(Group(*page), console=console, auto_refresh=False) as live:
                while True:
                    time.sleep(REFRESH_SECONDS)
                    try:
                        page = _page(reader, console.width)
                    except DatabaseLockedError:
                        continue
                    live.update(Group(*page), refresh=True)
        except KeyboardInterrupt:
            return


def _page(reader: Reader, width: int | None) -> list[RenderableType]:
    """Returns the whole page, top to bottom."""
    from vaebench.store import at_work, made_by_other_code, other_plugins

    reader.unreadable.clear()
    rows = reader.jobs()
    sweeps = reader.sweeps()
    length = prefix_length(row.key for row in rows)
    page: list[RenderableType] = [_counts(reader.location, rows, len(reader.unreadable))]
    if old := made_by_other_code(reader, {row.key for row in rows}):
        done = sum(row.state == "COMPLETE" for row in rows)
        said = other_code(len(old), done, other_plugins(reader))
        page.append(Text(f"{said} {RENEW}", style="yellow"))
    running = [row for row in rows if row.state == "RUNNING"]
    failed = [row for row in rows if row.state == "FAILED"]
    if running:
        page += [tables.heading("Running"), _running(running, at_work(reader), length, width)]
    open_jobs = any(row.state in {"PENDING", "RUNNING"} for row in rows)
    if open_jobs and (queued := _queue(reader)):
        page += [tables.heading("Queue"), tables.pairs(queued)]
    members = reader.keys(sweeps[-1].id) if sweeps else []
    if left := _left(rows, members):
        page += [tables.heading("To do"), tables.pairs(left)]
    if failed:
        page += [tables.heading("Failed"), *_failed(failed, length, reader.location)]
    if lines := unreadable(reader):
        page += [tables.heading("Unreadable"), tables.pairs(lines)]
    if sweeps:
        last = sweeps[-1]
        page.append(tables.heading("Last sweep"))
        page.append(
            tables.pairs(
                [
                    ("command", last.command),
                    ("started", f"{tables.moment(last.created_at)}, {_jobs(len(members))}"),
                ]
            )
        )
    return page


def prefix_length(keys: Iterable[str]) -> int:
    """Returns how many digits, 8 or more, tell every key from the others."""
    known = set(keys)
    length = 8
    while len({key[:length] for key in known}) < len(known):
        length += 1
    return length


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"


def _counts(location: str, rows: Sequence[JobRow], damaged: int) -> Text:
    text = Text(f"{location}: {_jobs(len(rows) + damaged)}")
    counts: Counter[str] = Counter(row.state for row in rows)
    for name in tables.STATE_STYLES:
        if counts[name]:
            text.append(", ")
            text.append(f"{counts[name]} {name}", style=tables.STATE_STYLES[name])
    if damaged:
        text.append(f", {damaged} unreadable")
    return text


def _queue(reader: Reader) -> list[tuple[str, str | Text]]:
    """Returns what is said of a cluster's queue: what its sweeps have in it, and why it waits."""
    from vaebench.slurm import look
    from vaebench.store import allocations_of

    try:
        found = look(allocations_of(reader))
    except VaebenchError as error:
        return [("slurm", Text(str(error), style="yellow"))]
    lines: list[tuple[str, str | Text]] = []
    for state, some in itertools.groupby(sorted(found, key=lambda each: each.state), _state):
        named = list(some)
        names = ", ".join(each.name for each in named[:4])
        more = f" and {len(named) - 4} more" if len(named) > 4 else ""
        where = ", ".join(dict.fromkeys(each.reason for each in named))
        lines.append((state.lower(), f"{len(named)} on Slurm ({names}{more}): {where}"))
    return lines


def _state(waiting: Waiting) -> str:
    return waiting.state


def _running(
    rows: Sequence[JobRow], who: Mapping[str, Claimant], length: int, width: int | None
) -> RenderableType:
    apart = {one.allocation for one in who.values()} - {None}
    columns = (
        Column("key"),
        Column("job"),
        Column("phase", spare=3),
        Column("step", right=True, spare=1),
        Column("done", right=True),
        Column("host", spare=4),
        *([Column("allocation", spare=5)] if apart else []),
        Column("device", spare=6),
        Column("last sign of life", spare=2),
    )
    lines: list[list[str | Text]] = []
    for row in rows:
        age = None if row.heartbeat_at is None else max(0.0, time.time() - row.heartbeat_at)
        seen = Text("none" if age is None else f"{duration(age)} ago")
        if row.abandoned:
            seen = Text.assemble(seen, (", stale", "bold yellow"))
        at = who.get(row.key)
        lines.append(
            [
                row.key[:length],
                row.spec.label,
                row.phase or "-",
                f"{row.step}/{row.spec.steps}",
                f"{100 * row.step // row.spec.steps} %",
                (at.host if at else row.host) or "-",
                *([(at.allocation if at else None) or "-"] if apart else []),
                (at.devices if at else None) or "-",
                seen,
            ]
        )
    return tables.table(columns, lines, width=width, indent=2)[0]


def _left(rows: Sequence[JobRow], members: Sequence[str]) -> list[tuple[str, str | Text]]:
    """Returns what is said of the jobs left: those of the last sweep, or else all of them."""
    unfinished = {row.key for row in rows if row.state in {"PENDING", "RUNNING"}}
    ours = unfinished.intersection(members)
    if not unfinished:
        return []
    chosen = ours or unfinished
    plan = outlook(row for row in rows if row.key in chosen or row.state == "COMPLETE")
    speed = "unknown yet"
    if plan.steps_per_second is not None:
        speed = f"{plan.steps_per_second:.1f} steps/s by {plan.training} training"
    elif not plan.running:
        speed = "no job is running"
    lines: list[tuple[str, str | Text]] = [("jobs", str(plan.jobs)), ("speed", speed)]
    if plan.left is None:
        lines.append(("time left", "unknown yet"))
    else:
        pace = "" if plan.running else ", with one worker, once the sweep is run again"
        end = " (what evaluations take is not known yet)" if math.isinf(plan.left.high) else ""
        lines.append(("time left", plan.left.text + pace + end))
    stale = sum(row.abandoned for row in rows)
    if stale:
        lines.append(("stale", f"{stale} with no sign of life: the next sweep takes them up again"))
    others = len(unfinished) - len(chosen)
    if others:
        lines.append(("besides", f"{others} of earlier sweeps: run their commands again"))
    return lines


def _failed(rows: Sequence[JobRow], length: int, db: str) -> list[RenderableType]:
    shown = rows[-FAILURES_SHOWN:]
    lines: list[tuple[str, str | Text]] = [
        (row.key[:length], f"{row.spec.label}: {row.error or 'no message'}") for row in shown
    ]
    if len(rows) > len(shown):
        every = hint("vaebench runs --state failed", db)
        lines.append(("", f"and {len(rows) - len(shown)} more: {every}"))
    lines.append(("trace", hint(f"vaebench show {shown[-1].key[:length]}", db)))
    lines.append(("again", f"{hint('vaebench retry --all', db)}, then the sweep's command"))
    return [tables.pairs(lines)]
