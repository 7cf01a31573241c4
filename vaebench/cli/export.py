"""`vaebench export`: whole tables of the database as CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from vaebench.cli import tables
from vaebench.cli.options import DEFAULT_DATABASE, DatabaseOption
from vaebench.cli.reading import opened
from vaebench.errors import StoreError, UsageError, unknown
from vaebench.files import check_replaceable, write_atomically
from vaebench.harmless import json_visible, spreadsheet

FORMATS = ("csv", "json", "parquet")
INSTEAD = "Name another file with --out, or leave it out for standard output."


def export(
    form: Annotated[
        str, typer.Option("--format", metavar="|".join(FORMATS), help="File format.")
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write to this file, not to standard output."),
    ] = None,
    table: Annotated[
        str,
        typer.Option(
            "--table",
            metavar="results|scores|curves|jobs",
            help="results: a row per finished run; scores, curves: a row per figure; jobs: all.",
        ),
    ] = "results",
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Write a table of the database as CSV, JSON or Parquet."""
    from vaebench.store import TABLES, table_of

    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    if table not in TABLES:
        raise unknown("table", table, TABLES)
    if form == "parquet" and out is None:
        raise UsageError("Parquet is no text: name a file, as in --out results.parquet.")
    if out is not None:
        check_replaceable(out, mine=earlier, instead=INSTEAD)
    with opened(db) as reader:
        columns, rows = table_of(reader, table)
    if form == "parquet":
        content = parquet(columns, rows)
    elif form == "json":
        content = to_json([dict(zip(columns, row, strict=True)) for row in rows]).encode()
    else:
        content = to_csv(list(columns), rows).encode()
    if out is None:
        sys.stdout.write(content.decode())
        return
    write_atomically(out, content, mine=earlier, instead=INSTEAD)
    tables.note(f"{out}: {len(rows)} {'row' if len(rows) == 1 else 'rows'} of {table}.")


def to_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Writes a table as CSV with a header; what is missing is an empty field.

    Texts that a spreadsheet would take for formulas get an apostrophe; numbers stay numbers.
    """
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    for row in (columns, *rows):
        writer.writerow([spreadsheet(v) if isinstance(v, str) else v for v in row])
    return page.getvalue()


def to_json(records: Sequence[Mapping[str, Any]]) -> str:
    """Writes records as a JSON list, one to a line; what is not a finite number is null."""
    lines = [json_visible(json.dumps(finite(r), ensure_ascii=False)) for r in records]
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"


def finite(value: Any) -> Any:
    """Replaces the numbers that JSON does not know (NaN and the infinities) by None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(entry) for entry in value]
    return value


def parquet(columns: Mapping[str, type], rows: Sequence[Sequence[Any]]) -> bytes:
    """Writes a table as Parquet with the database's types.

    Raises:
        StoreError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet as format_parquet
    except ImportError as error:
        raise StoreError(
            "Parquet needs pyarrow, which is not installed: pip install pyarrow, or use "
            "--format csv."
        ) from error
    kinds = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    values = {
        name: pyarrow.array([row[place] for row in rows], type=schema.field(name).type)
        for place, name in enumerate(columns)
    }
    page = io.BytesIO()
    format_parquet.write_table(pyarrow.table(values, schema=schema), page)
    return page.getvalue()


def earlier(start: bytes) -> bool:
    """Says by its first bytes whether a file is an earlier export, of any format and table."""
    csv_, json_ = (b"job_key,", b"id,job_key,"), (b'[\n{"job_key"', b'[\n{"id"', b"[]")
    return start.startswith((*csv_, *json_, b"PAR1"))
