"""`vaebench show`, `diff` and `retry`: single runs from up close."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from vaebench.cli import tables
from vaebench.cli.export import finite
from vaebench.cli.options import DEFAULT_DATABASE, DataDirOption, MovedOption, TrainedOption
from vaebench.cli.options import DatabaseOption as DatabaseOption
from vaebench.cli.reading import opened, say_unreadable
from vaebench.cli.status import prefix_length
from vaebench.cli.tables import Column, figure
from vaebench.digits import duration, written
from vaebench.errors import StoreError, UsageError
from vaebench.harmless import json_visible
from vaebench.hints import hint, hint_again, password_hint

if TYPE_CHECKING:
    from vaebench.outcome import Score
    from vaebench.spec import JobSpec
    from vaebench.store import JobRow, Reader


def show(
    key: Annotated[str, typer.Argument(help="Job key, or its first digits.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="FOLDER",
            help="Write its pictures there: PNG, SVG, and GIF of its traversals.",
        ),
    ] = None,
    models: TrainedOption = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    data_dir: DataDirOption = None,
    dataset: MovedOption = None,
) -> None:
    """Show everything about one run: spec, scores, environment, curves, traceback.

    Example: vaebench show 3f2a --figures pictures
    """
    if figures is not None:
        if as_json:
            raise UsageError("--json and --figures are two things: give one of them.")
        _write_figures(key, figures, db, models, data_dir, dataset)
        return
    with opened(db) as reader:
        row = reader.find(key)
        if as_json:
            record = finite(_everything(reader, row))
            text = json.dumps(record, indent=2, ensure_ascii=False)
            sys.stdout.write(f"{json_visible(text)}\n")
            return
        tables.emit(*_portrait(reader, row))


def _write_figures(
    key: str,
    folder: Path,
    db: str,
    models: str | None,
    data_dir: Path | None,
    dataset: str | None,
) -> None:
    """Writes a run's pictures and names the files; what is missing is said beside."""
    from vaebench.sweeping.picturing import write_pictures

    def on_encode(spec: JobSpec) -> None:
        tables.note(f"Making pictures that are not stored with {spec.label} on {spec.dataset} …")

    found = write_pictures(
        key, folder, db, models=models, data_dir=data_dir, dataset=dataset, on_encode=on_encode
    )
    for file in found.files:
        tables.echo(str(file))
    for text in found.lacks:
        tables.note(text)


def _everything(reader: Reader, row: JobRow) -> dict[str, Any]:
    """Returns a run as JSON types; pictures as their sizes."""
    environment = dict(reader.environment(row.key))
    running = row.state == "RUNNING"
    return {
        "key": row.key,
        "state": row.state,
        "spec": row.spec.to_dict(),
        "attempts": row.attempts,
        "step": row.spec.steps if row.state == "COMPLETE" else row.step,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "train_seconds": row.train_seconds,
        "eval_seconds": row.eval_seconds,
        "host": _where(reader, row)[0] or None if running else environment.get("host", row.host),
        "environment": environment,
        "scores": [vars(score) for score in reader.scores(row.key)],
        "curve": [vars(point) for point in reader.curve(row.key)],
        "artifacts": [
            {
                "name": artifact.name,
                "rows": artifact.rows,
                "columns": artifact.columns,
                "bytes": len(artifact.png),
                "detail": dict(artifact.detail),
            }
            for artifact in reader.artifacts(row.key)
        ],
        "error": row.error,
        "traceback": row.traceback,
    }


def _where(reader: Reader, row: JobRow) -> tuple[str, str]:
    """Returns the host and the device that train a job; "" where they are not known.

    Of a cluster's jobs that is the node, not the command that claims them for it.
    """
    from vaebench.store import at_work

    at = at_work(reader).get(row.key)
    return (at.host, at.devices) if at else (row.host or "", "")


def _portrait(reader: Reader, row: JobRow) -> list[RenderableType]:
    """Returns all that `show` prints of a run, top to bottom."""
    spec = row.spec
    page: list[RenderableType] = [
        Text.assemble((spec.label, "bold"), " on ", spec.dataset, "  ", tables.state(row.state))
    ]
    facts: list[tuple[str, str | Text]] = [("key", row.key)]
    if row.state != "COMPLETE" and (row.step or row.phase):
        facts.append(("progress", f"{row.phase or '-'}, step {row.step} of {spec.steps}"))
    if row.state == "RUNNING" and row.abandoned:
        facts.append(("", Text("stale: nobody runs it any more", style="bold yellow")))
    if row.state == "RUNNING" and (where := ", ".join(filter(None, _where(reader, row)))):
        facts.append(("host", where))
    for name, time in (("started", row.started_at), ("finished", row.finished_at)):
        if time:
            facts.append((name, tables.moment(time)))
    if row.train_seconds is not None:
        facts.append(("training", duration(row.train_seconds)))
    if row.eval_seconds is not None:
        facts.append(("evaluation", duration(row.eval_seconds)))
    if row.attempts:
        facts.append(("failures", str(row.attempts)))
    page.append(tables.pairs(facts))
    page += [tables.heading("Spec"), tables.pairs(list(flat(spec.to_dict()).items()))]
    if environment := reader.environment(row.key):
        page += [tables.heading("Environment"), tables.pairs(list(flat(environment).items()))]
    if scores := reader.scores(row.key):
        columns = (
            Column("score"),
            Column("value", right=True),
            Column("95 % interval", spare=2),
            Column("points", right=True, spare=3),
        )
        lines = []
        for score in scores:
            points = "-" if score.points is None else str(score.points)
            lines.append((score.name, *_value_and_interval(score), points))
        width = tables.terminal_width()
        page += [tables.heading("Scores"), tables.table(columns, lines, width=width, indent=2)[0]]
        if notes := [(score.name, score.note) for score in scores if score.note]:
            page += [Text(), tables.pairs(notes)]
    if curve := reader.curve(row.key):
        page.append(tables.heading(f"Curves, steps {curve[0].step} to {curve[-1].step}"))
        drawn: list[tuple[str, str | Text]] = []
        for name in ("loss", "reconstruction", "kl"):
            values = [value for point in curve if (value := getattr(point, name)) is not None]
            if values:
                ends = f"{figure(values[0])} to {figure(values[-1])}"
                drawn.append((name, f"{tables.sparkline(values)}  {ends}"))
        page.append(tables.pairs(drawn))
    if artifacts := reader.artifacts(row.key):
        lines_of = [
            (a.name, f"{a.rows} × {a.columns} tiles, {len(a.png) / 1000:.0f} kB") for a in artifacts
        ]
        page += [tables.heading("Pictures"), tables.pairs(lines_of)]
    if row.error:
        page += [tables.heading("Error"), tables.indented(row.error)]
    if row.traceback and row.traceback != row.error:
        page += [tables.heading("Traceback"), Text(row.traceback.rstrip())]
    return page


def _value_and_interval(score: Score) -> tuple[str, str]:
    """Writes a figure and its interval alike; a figure without one with six digits."""
    low, high, value = score.low, score.high, score.value
    if value is None or low is None or high is None or not 0 < high - low < math.inf:
        ends = "-" if low is None or high is None else f"{low:.6g} to {high:.6g}"
        return "-" if value is None else f"{value:.6g}", ends
    value_text, *ends_text = (written(number, 0, high - low) for number in (value, low, high))
    return value_text, " to ".join(ends_text)


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Writes nested values as texts by dotted names, in their order; None is `-`."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}.")
        elif isinstance(value, float):
            found[before + name] = f"{value:g}"
        else:
            found[before + name] = "-" if value is None else str(value)
    return found


def diff(
    first: Annotated[str, typer.Argument(metavar="KEY", help="A run.")],
    second: Annotated[str, typer.Argument(metavar="KEY", help="Another run.")],
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Show only what differs between two runs: spec, environment, scores."""
    with opened(db) as reader:
        left, right = reader.find(first), reader.find(second)
        if left.key == right.key:
            raise UsageError(f"{first!r} and {second!r} are the same run, {left.key}.")
        length = prefix_length(reader.states())
        specs = [{"state": row.state, **flat(row.spec.to_dict())} for row in (left, right)]
        environments = [flat(reader.environment(row.key)) for row in (left, right)]
        scores = [{s.name: s.value for s in reader.scores(row.key)} for row in (left, right)]
    columns = [
        Column("", right=False),
        Column(left.key[:length], right=True),
        Column(right.key[:length], right=True),
    ]
    rows: list[list[str]] = []
    for one, other in (specs, environments):
        rows += [
            [name, one.get(name, "-"), other.get(name, "-"), ""]
            for name in dict.fromkeys([*one, *other])
            if one.get(name) != other.get(name)
        ]
    for name in sorted({*scores[0], *scores[1]}) if all(scores) else ():
        a, b = scores[0].get(name), scores[1].get(name)
        if a != b:
            change = "" if a is None or b is None else f"{b - a:+.4g}"
            rows.append([name, *("-" if v is None else f"{v:.6g}" for v in (a, b)), change])
    columns.append(Column("difference", right=True))
    tables.emit(tables.table(columns, rows, width=tables.terminal_width())[0])
    for row, figures in zip((left, right), scores, strict=True):
        if not figures:
            tables.note(f"{row.key[:length]} is {row.state} and has no scores to compare.")


def retry(
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY]...", help="Runs that failed, or that cannot be read."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All failed runs.")] = False,
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Make failed jobs pending again; the sweep's command then trains them."""
    from vaebench.store import ELSEWHERE, Store

    if bool(keys) == every:
        raise UsageError("Name the failed runs to retry, or give --all for all of them.")
    with Store(db, create=False) as store:
        chosen = [store.key(key) for key in keys or ()]
        renewed = [key for key in chosen if store.check(key)]
        if foreign := [key for key in store.foreign() if key in renewed]:
            raise StoreError(f"Run {foreign[0]} cannot be read. {ELSEWHERE}")
        rows = store.jobs(keys=chosen) if chosen else store.jobs(states=["FAILED"])
        if wrong := [r for r in rows if r.state != "FAILED" and r.key not in renewed]:
            raise StoreError(
                f"Run {wrong[0].key} is {wrong[0].state}, not FAILED: there is nothing to retry. "
                f"`{hint('vaebench runs --state failed', db)}` lists those that failed."
            )
        again = list(dict.fromkeys([*renewed, *(row.key for row in rows)]))
        changed = store.retry(again)
        commands = store.commands(again)
        if every:
            say_unreadable(store)
    if not changed:
        tables.note("No run has failed: there is nothing to retry.")
        return
    tables.note(f"{changed} {'job is' if changed == 1 else 'jobs are'} pending again. To train:")
    for command in commands:
        tables.echo(hint_again(command, db))
    if advice := password_hint(db):
        tables.note(advice)
