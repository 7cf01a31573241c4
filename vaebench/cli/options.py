"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from vaebench.hints import DATABASE_VARIABLE
from vaebench.hints import DEFAULT_DATABASE as DEFAULT_DATABASE

DatabaseOption = Annotated[
    str,
    typer.Option(
        "--db",
        envvar=DATABASE_VARIABLE,
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
