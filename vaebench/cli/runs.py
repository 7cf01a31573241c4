"""`vaebench runs`: the jobs of a database as a list, with filters."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaebench.cli import tables
from vaebench.cli.export import to_csv, to_json
from vaebench.cli.options import DEFAULT_DATABASE, DatabaseOption
from vaebench.cli.reading import opened
from vaebench.cli.status import prefix_length
from vaebench.cli.tables import Column, figure
from vaebench.digits import duration
from vaebench.errors import unknown
from vaebench.lists import names, numbers
from vaebench.models import find_model
from vaebench.passwords import hidden

if TYPE_CHECKING:
    from vaebench.store import JobRow

FORMATS = ("table", "csv", "json")
FEW = 500
"""Runs whose figures are read by their keys; of more, those of all are."""

MAIN_SCORES = {
    "reconstruction": Column("recon", right=True, spare=1),
    "kl": Column("kl", right=True, spare=2),
    "elbo": Column("elbo", right=True, spare=7),
    "udr": Column("udr", right=True, spare=5),
    "mig": Column("mig", right=True, spare=1),
    "mig_label": Column("mig_label", right=True, spare=1),
    "beta_vae_score": Column("beta_vae", right=True, spare=4),
    "factor_vae_score": Column("factor_vae", right=True, spare=4),
}
"""Scores that `runs` shows as a table; the other formats have all."""


def runs(
    model: Annotated[str, typer.Option(help="Only these models, as in cvae,vae.")] = "",
    dataset: Annotated[str, typer.Option(help="Only these data sets.")] = "",
    state: Annotated[
        str, typer.Option(help="Only these states: pending, running, complete, failed.")
    ] = "",
    seed: Annotated[str, typer.Option(help="Only these seeds, as in 0,3.")] = "",
    strength: Annotated[str, typer.Option(help="Only these strengths, as in 0.5,1.")] = "",
    beta: Annotated[str, typer.Option(help="Only these values of beta.")] = "",
    sort: Annotated[
        str, typer.Option(metavar="COLUMN", help="Lowest first; -COLUMN for highest first.")
    ] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="|".join(FORMATS), help="How to print them.")
    ] = "table",
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """List the runs, with filters.

    Example: vaebench runs --model cvae --state complete --sort -mig --limit 10
    """
    from vaebench.store import STATES, table_of

    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    wanted_states = tuple(name.upper() for name in names(state))
    for name in wanted_states:
        if name not in STATES:
            raise unknown("state", name.lower(), [known.lower() for known in STATES])
    with opened(db) as reader:
        every = reader.jobs()
        keep: dict[str, set[Any]] = {
            "model": {find_model(name).name for name in names(model)},
            "dataset": _datasets(names(dataset), {row.spec.dataset for row in every}),
            "state": set(wanted_states),
            "seed": set(numbers("--seed", seed)) if seed else set(),
            "strength": set(numbers("--strength", strength)) if strength else set(),
            "beta": set(numbers("--beta", beta)) if beta else set(),
        }
        keep = {name: wanted for name, wanted in keep.items() if wanted}
        kept = [row for row in every if _kept(row, keep)] if keep else every
        if not sort:
            kept = kept[:limit]
        few = [row.key for row in kept] if len(kept) < FEW else None
        columns, lines = table_of(reader, "results", few)
    strengths = {row.key: row.spec.strength_text for row in kept}
    results = {line[0]: dict(zip(columns, line, strict=True)) for line in lines}
    records = [_record(row, results.get(row.key, {}), list(columns)) for row in kept]
    records = _sorted(records, sort, [*columns, "state", "error"])[:limit]
    if form == "json":
        sys.stdout.write(to_json(records))
    elif form == "csv":
        header = _record_columns(list(columns))
        sys.stdout.write(to_csv(header, [[record[name] for name in header] for record in records]))
    else:
        _runs_table(records, strengths, prefix_length(row.key for row in every))
        if not records:
            tables.note("No run matches." if every else f"{hidden(db)} has no jobs yet.")
    _said_of_sorting(records, sort)


def _kept(row: JobRow, keep: Mapping[str, set[Any]]) -> bool:
    """Says whether a job passes all filters."""
    return all(_known(row, name) in wanted for name, wanted in keep.items())


def _known(row: JobRow, name: str) -> Any:
    """Returns what is known of any job, be it finished or not."""
    if name == "state":
        return row.state
    if name == "beta":
        return 1.0 if row.spec.model == "vae" else row.spec.parameters.get("beta")
    return getattr(row.spec, name)


def _datasets(wanted: Sequence[str], known: set[str]) -> set[str]:
    """Returns the data sets that were meant; own data by their file, too, wherever that lies."""
    found = set(wanted) & known
    for name in wanted:
        alike = []
        if ":" in name and name not in known:
            from vaebench.data.own.identity import named_alike

            alike = named_alike(name, known)
        if name not in known and not alike and known:
            raise unknown("data set", name, sorted(known))
        found |= {*alike, name}
    return found


def _record_columns(columns: Sequence[str]) -> list[str]:
    rest = [name for name in columns if name != "job_key"]
    return ["job_key", "state", *rest, "error"]


def _record(row: JobRow, result: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """Returns a job with the columns of `results`, those of unfinished jobs from its spec."""
    spec = row.spec
    known = {
        "job_key": row.key,
        "state": row.state,
        "cell": spec.cell,
        "setting": spec.setting,
        "parameters": json.dumps(dict(spec.parameters)),
        "beta": _known(row, "beta"),
        "error": row.error,
    }
    return {
        name: known.get(name, result.get(name, getattr(spec, name, None)))
        for name in _record_columns(columns)
    }


def _sorted(records: list[dict[str, Any]], sort: str, known: Sequence[str]) -> list[dict[str, Any]]:
    """Sorts by a column; what has no value there comes last."""
    name = _column(sort)
    if not name:
        return records
    if name not in known:
        raise unknown("column", name, sorted(known))
    there = [record for record in records if record[name] is not None]
    there.sort(key=lambda record: record[name], reverse=sort.startswith("-"))
    return there + [record for record in records if record[name] is None]


def _column(sort: str) -> str:
    """Returns the column that `--sort` names, by its own name or by its title in the table."""
    name = sort.removeprefix("-")
    short = {column.title: score for score, column in MAIN_SCORES.items()}
    return {"key": "job_key", "wall": "wall_seconds", **short}.get(name, name)


def _said_of_sorting(records: Sequence[Mapping[str, Any]], sort: str) -> None:
    """Says it where no run has what they were to be sorted by, and what they have."""
    from vaebench.measures import MEASURES, TIMES

    name = _column(sort)
    if not name or not records or any(record[name] is not None for record in records):
        return
    there = [
        score
        for score in MEASURES
        if score not in TIMES and any(record.get(score) is not None for record in records)
    ]
    instead = f"They have: {', '.join(there)}." if there else "None of them has a score yet."
    tables.note(f"Not sorted: no run listed has a value of {name}. {instead}")


def _runs_table(
    records: Sequence[Mapping[str, Any]], strengths: Mapping[str, str], length: int
) -> None:
    folds = any(record["fold"] is not None for record in records)
    columns = [
        Column("key"),
        Column("dataset", spare=6),
        Column("model"),
        Column("strength"),
        Column("seed", right=True),
        *[Column("fold", right=True)] * folds,
        Column("state"),
        Column("steps", right=True, spare=5),
        *MAIN_SCORES.values(),
        Column("wall", right=True, spare=3),
    ]
    rows = [
        [
            record["job_key"][:length],
            record["dataset"],
            record["model"],
            strengths[record["job_key"]] or "-",
            str(record["seed"]),
            *["-" if record["fold"] is None else str(record["fold"])] * folds,
            tables.state(record["state"]),
            str(record["steps"]),
            *(figure(record[score]) for score in MAIN_SCORES),
            "-" if record["wall_seconds"] is None else duration(record["wall_seconds"]),
        ]
        for record in records
    ]
    if tables.is_terminal():
        empty = {
            place
            for place in range(len(columns))
            if columns[place].spare and all(row[place] == "-" for row in rows)
        }
        if len({record["dataset"] for record in records}) == 1:
            empty.add(1)
        columns = [column for place, column in enumerate(columns) if place not in empty]
        rows = [[cell for place, cell in enumerate(row) if place not in empty] for row in rows]
    tables.emit_table(columns, rows, whole="use --format csv")
