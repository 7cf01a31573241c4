"""`vaebench report`: figures, tables and the page of a database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def report(
    db: Annotated[
        str, typer.Option(envvar="VAEBENCH_DB", help="Database: a file or a URL.")
    ] = "results/results.db",
    out: Annotated[
        Path | None, typer.Option(help="Folder to write.  [default: report beside the database]")
    ] = None,
) -> None:
    """Write the figures, tables and the page of a sweep's results.

    Example: vaebench report --db results/results.db --out results/report
    """
    from vaebench.report import build_report
    from vaebench.store import Reader

    folder = out or (Path("results") if "://" in db else Path(db).parent) / "report"
    with Reader.open(db) as reader:
        summary = build_report(reader, folder)
    Console(stderr=True, highlight=False, soft_wrap=True).print(str(summary))
    typer.echo(str(folder / "index.html"))
