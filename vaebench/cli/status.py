"""`vaebench status`: how far the jobs are, how fast they go, and when they will be done."""

from __future__ import annotations

import heapq
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from vaebench.cli import tables
from vaebench.cli.options import DEFAULT_DATABASE, DatabaseOption
from vaebench.cli.parsing import duration
from vaebench.cli.tables import Column
from vaebench.errors import UsageError
from vaebench.spec import JobSpec

if TYPE_CHECKING:
    from vaebench.store import JobRow, Reader

REFRESH_SECONDS = 2.0
FAILURES_SHOWN = 5


@dataclass(frozen=True)
class Forecast:
    """What is left to do, as far as the times of the jobs so far tell.

    Attributes:
        jobs: Jobs that are waiting or running.
        running: Those of them that somebody runs.
        steps_per_second: Of all that run, together; None while none of them has told.
        seconds: Until the last of them is done, with as many at a time as run now (one, where
            none does); None while it cannot be known.
        evaluation_known: Whether `seconds` counts the evaluations.
    """

    jobs: int
    running: int
    steps_per_second: float | None
    seconds: float | None
    evaluation_known: bool


def forecast(rows: Iterable[JobRow]) -> Forecast:
    """Works out speed and time left from the running jobs' steps and the finished jobs' times."""
    every = list(rows)
    done = [row for row in every if row.state == "COMPLETE"]
    running = [row for row in every if row.state == "RUNNING" and not row.abandoned]
    waiting = [
        row for row in every if row.state == "PENDING" or (row.state == "RUNNING" and row.abandoned)
    ]
    speeds = [1 / row.step_seconds for row in running if _is_training(row) and row.step_seconds]
    step_cost = _costs(
        [(row.spec, row.step_seconds) for row in running]
        + [(row.spec, (row.train_seconds or 0) / row.spec.steps) for row in done]
    )
    eval_cost = _costs([(row.spec, row.eval_seconds) for row in done])
    known = True

    def seconds(row: JobRow) -> float | None:
        nonlocal known
        evaluation = eval_cost(row.spec)
        known = known and evaluation is not None
        if row.state == "RUNNING" and row.phase == "evaluating":
            return evaluation or 0.0
        step = step_cost(row.spec)
        if step is None:
            return None
        return step * max(0, row.spec.steps - row.step) + (evaluation or 0.0)

    lanes = [seconds(row) for row in running]
    queue = [seconds(row) for row in waiting]
    return Forecast(
        jobs=len(running) + len(waiting),
        running=len(running),
        steps_per_second=sum(speeds) if speeds else None,
        seconds=_makespan(lanes, queue),
        evaluation_known=known,
    )


def _is_training(row: JobRow) -> bool:
    return row.phase == "training"


def _costs(seen: Sequence[tuple[JobSpec, float | None]]) -> Callable[[JobSpec], float | None]:
    """Returns a function from a job to a cost: the median of its likes, the most alike first."""

    def likenesses(spec: JobSpec) -> tuple[tuple[object, ...], ...]:
        setting = (spec.dataset, spec.network, spec.batch_size, spec.precision, spec.eval_size)
        return (spec.model, *setting), setting, ()

    found: dict[tuple[object, ...], list[float]] = {}
    for spec, cost in seen:
        if cost:
            for likeness in likenesses(spec):
                found.setdefault(likeness, []).append(cost)

    def cost_of(spec: JobSpec) -> float | None:
        for likeness in likenesses(spec):
            if likeness in found:
                return statistics.median(found[likeness])
        return None

    return cost_of


def _makespan(lanes: Sequence[float | None], queue: Sequence[float | None]) -> float | None:
    """Returns when the last job ends, each of the queue starting where one ends first."""
    ends = [end for end in lanes if end is not None] or [0.0]
    waits = [wait for wait in queue if wait is not None]
    if len(waits) < len(queue) or None in lanes:
        return None
    heapq.heapify(ends)
    for wait in waits:
        heapq.heapreplace(ends, ends[0] + wait)
    return max(ends)


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
        console = Console(highlight=False, markup=False, emoji=False)
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
    rows = reader.jobs()
    sweeps = reader.sweeps()
    length = prefix_length(row.key for row in rows)
    page: list[RenderableType] = [_counts(reader.location, rows)]
    running = [row for row in rows if row.state == "RUNNING"]
    failed = [row for row in rows if row.state == "FAILED"]
    if running:
        page += [tables.heading("Running"), _running(running, length, width)]
    members = reader.jobs(sweep_id=sweeps[-1].id) if sweeps else []
    if left := _left(rows, members):
        page += [tables.heading("To do"), tables.pairs(left)]
    if failed:
        page += [tables.heading("Failed"), *_failed(failed, length)]
    if sweeps:
        last = sweeps[-1]
        page.append(tables.heading("Last sweep"))
        page.append(
            tables.pairs(
                [
                    ("command", last.command),
                    ("started", f"{last.created_at}, {len(members)} jobs"),
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


def _counts(location: str, rows: Sequence[JobRow]) -> Text:
    text = Text(f"{location}: {len(rows)} {'job' if len(rows) == 1 else 'jobs'}")
    for name in tables.STATE_STYLES:
        count = sum(row.state == name for row in rows)
        if count:
            text.append(", ")
            text.append(f"{count} {name}", style=tables.STATE_STYLES[name])
    return text


def _running(rows: Sequence[JobRow], length: int, width: int | None) -> RenderableType:
    columns = (
        Column("key"),
        Column("job"),
        Column("phase", spare=3),
        Column("step", right=True, spare=1),
        Column("done", right=True),
        Column("host", spare=4),
        Column("last sign of life", spare=2),
    )
    lines = []
    for row in rows:
        age = None if row.heartbeat_at is None else max(0.0, time.time() - row.heartbeat_at)
        seen = Text("none" if age is None else f"{duration(age)} ago")
        if row.abandoned:
            seen = Text.assemble(seen, (", stale", "bold yellow"))
        lines.append(
            (
                row.key[:length],
                row.spec.label,
                row.phase or "-",
                f"{row.step}/{row.spec.steps}",
                f"{100 * row.step // row.spec.steps} %",
                row.host or "-",
                seen,
            )
        )
    return tables.table(columns, lines, width=width, indent=2)[0]


def _left(rows: Sequence[JobRow], members: Sequence[JobRow]) -> list[tuple[str, str | Text]]:
    """Returns what is said of the jobs left: those of the last sweep, or else all of them."""
    unfinished = {row.key for row in rows if row.state in {"PENDING", "RUNNING"}}
    ours = {row.key for row in members} & unfinished
    if not unfinished:
        return []
    chosen = ours or unfinished
    plan = forecast(row for row in rows if row.key in chosen or row.state == "COMPLETE")
    speed = "unknown yet"
    if plan.steps_per_second is not None:
        speed = f"{plan.steps_per_second:.1f} steps/s by {plan.running} running"
    elif not plan.running:
        speed = "no job is running"
    lines: list[tuple[str, str | Text]] = [("jobs", str(plan.jobs)), ("speed", speed)]
    if plan.seconds is None:
        lines.append(("time left", "unknown yet"))
    else:
        end = "" if plan.evaluation_known else ", evaluation not counted (none has been timed yet)"
        pace = "" if plan.running else " with one worker, once the sweep is run again"
        lines.append(("time left", f"about {duration(plan.seconds)}{pace}{end}"))
    stale = sum(row.abandoned for row in rows)
    if stale:
        lines.append(("stale", f"{stale} with no sign of life: the next sweep takes them up again"))
    others = len(unfinished) - len(chosen)
    if others:
        lines.append(("besides", f"{others} of earlier sweeps: run their commands again"))
    return lines


def _failed(rows: Sequence[JobRow], length: int) -> list[RenderableType]:
    shown = rows[-FAILURES_SHOWN:]
    lines: list[tuple[str, str | Text]] = [
        (row.key[:length], f"{row.spec.label}: {row.error or 'no message'}") for row in shown
    ]
    if len(rows) > len(shown):
        lines.append(("", f"and {len(rows) - len(shown)} more: vaebench runs --state failed"))
    lines.append(("trace", f"vaebench show {shown[-1].key[:length]}"))
    lines.append(("again", "vaebench retry --all, then the sweep's command"))
    return [tables.pairs(lines)]
