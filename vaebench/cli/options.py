"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_DATABASE = "results/results.db"

DatabaseOption = Annotated[
    str,
    typer.Option(
        "--db",
        envvar="VAEBENCH_DB",
        metavar="FILE",
        help="Result database: a file, or a PostgreSQL URL.",
    ),
]

DataFolder = Annotated[
    str,
    typer.Option(
        "--data-dir",
        envvar="VAEBENCH_DATA",
        metavar="FOLDER",
        help="Folder of downloaded data sets.",
    ),
]
