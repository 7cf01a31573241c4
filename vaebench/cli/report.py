"""`vaebench report`: figures, tables and the page of a database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaebench.cli import tables
from vaebench.cli.bars import Steps
from vaebench.cli.options import DEFAULT_DATABASE, DatabaseOption
from vaebench.cli.reading import opened
from vaebench.cli.status import RENEW
from vaebench.hints import folder_of
from vaebench.lists import names


def report(
    db: DatabaseOption = DEFAULT_DATABASE,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write. Default: report, beside the database.")
    ] = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format", metavar="NAMES", help="File formats of the figures: png, svg, pdf."
        ),
    ] = "png",
) -> None:
    """Write the figures, tables and the page of a sweep's results.

    Example: vaebench report --db results/results.db --out results/report --format png,pdf
    """
    from vaebench.report import build_report

    folder = out or folder_of(db) / "report"
    with opened(db) as reader, Steps() as steps:
        summary = build_report(reader, folder, formats=names(formats), on_progress=steps.show)
    tables.note(str(summary))
    if summary.remark:
        tables.note(f"{summary.remark} {RENEW}")
    tables.echo(str(folder / "index.html"))
