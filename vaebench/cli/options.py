"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
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

DataDirOption = Annotated[
    Path | None, typer.Option(envvar="VAEBENCH_DATA", help="Folder of downloaded data.")
]

ModelsOption = Annotated[
    Path | None,
    typer.Option(
        "--out", help="Folder of the models, as of the sweep. Default: beside the database."
    ),
]

TrainedOption = Annotated[
    Path | None,
    typer.Option(
        "--models",
        metavar="FOLDER",
        help="Folder of trained models. Default: models, beside the database.",
    ),
]

MovedOption = Annotated[
    str | None,
    typer.Option(metavar="npz:PATH", help="Where your own images lie now, if they were moved."),
]
