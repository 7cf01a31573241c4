"""`vaebench report`: figures, tables and the page of a database."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from vaebench.cli import tables
from vaebench.cli.bars import Steps
from vaebench.cli.options import DEFAULT_DATABASE, DatabaseOption, DataDirOption, TrainedOption
from vaebench.cli.reading import opened
from vaebench.cli.status import RENEW
from vaebench.hints import folder_of
from vaebench.lists import names

LOOK_SECONDS = 5.0
"""How often `--watch` looks at the database, and how long it rests at least between two reports."""


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
    where: Annotated[
        str,
        typer.Option(
            metavar="CONDITION",
            help="Only these jobs, as in \"dataset = 'dsprites' AND seed < 3\".",
        ),
    ] = "",
    only: Annotated[
        str, typer.Option(metavar="PARTS", help="Only these parts, as in answers,browse,runs.")
    ] = "",
    explore: Annotated[
        str,
        typer.Option(
            metavar="best|all|KEYS",
            help="Pages to explore models, linked: of the best run of each model, of all, of some.",
        ),
    ] = "",
    watch: Annotated[
        bool, typer.Option("--watch", help="Make it anew whenever runs finish, until Ctrl-C.")
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    models: TrainedOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Write the figures, tables and the page of a sweep's results.

    Example: vaebench report --db results/results.db --out results/report --format png,pdf
    """
    from vaebench.store import DatabaseLockedError, revision
    from vaebench.sweeping.stored import explorer_of

    folder = out or folder_of(db) / "report"
    asked = {
        "formats": names(formats),
        "where": where,
        "only": names(only),
        "explore": names(explore),
        "explorer": explorer_of(db, models, data_dir),
        "follow": watch,
    }
    seen: tuple[Any, ...] | None = None
    while True:
        start = time.monotonic()
        try:
            with opened(db) as reader:
                now = revision(reader)
                if now != seen:
                    _write(reader, folder, asked)
        except DatabaseLockedError:
            if seen is None:
                raise
            now = seen
        if seen is None:
            tables.echo(str(folder / "index.html"))
            if show and not webbrowser.open((folder / "index.html").absolute().as_uri()):
                tables.note("There is no browser that could be opened: open the page yourself.")
        if not watch:
            return
        seen = now
        time.sleep(max(LOOK_SECONDS, time.monotonic() - start))


def _write(reader: Any, folder: Path, asked: dict[str, Any]) -> None:
    """Writes the report once, and says what was made and what could not be."""
    from vaebench.report import build_report

    with Steps() as steps:
        summary = build_report(reader, folder, on_progress=steps.show, **asked)
    tables.note(str(summary))
    for problem in summary.problems:
        tables.note(problem)
    if summary.remark:
        tables.note(f"{summary.remark} {RENEW}")
