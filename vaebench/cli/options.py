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
    str | None,
    typer.Option(
        "--out",
        metavar="FOLDER|URL",
        help="Where the models lie, as of the sweep. Default: beside the database.",
    ),
]

TrainedOption = Annotated[
    str | None,
    typer.Option(
        "--models",
        metavar="FOLDER|URL",
        help="Folder of trained models, or a sweep's URL. Default: models, beside the database.",
    ),
]

MovedOption = Annotated[
    str | None,
    typer.Option(metavar="npz:PATH", help="Where your own images lie now, if they were moved."),
]

WHERE = "Where and when"

DeviceOption = Annotated[
    str,
    typer.Option(
        help="auto takes CUDA, then MPS, then the CPU; or cpu, cuda (every GPU, each with "
        "workers of its own), cuda:1, mps.",
        rich_help_panel=WHERE,
    ),
]

WorkersOption = Annotated[
    int | None,
    typer.Option(
        help="Jobs trained at once. Default: one a core, or one a GPU, where evaluation "
        "runs beside the next training.",
        rich_help_panel=WHERE,
    ),
]

CheckpointEveryOption = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", help="Time between a job's checkpoints.", rich_help_panel=WHERE
    ),
]

BEYOND = "Beyond this machine"

ExecutorOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What trains the jobs: processes of this machine; inline, this process, one job "
        "after the other; slurm, a queue; or ray, a Ray cluster.",
        rich_help_panel=BEYOND,
    ),
]

AddressOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="With --executor ray: auto, HOST:6379 or ray://HOST:10001. Default: a Ray on this "
        "machine, which ends with the command.",
        rich_help_panel=BEYOND,
    ),
]

SlurmOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME=VALUE,...",
        help="With --executor slurm, what each of --workers allocations asks for, as in "
        "partition=gpu,time=4:00:00,gpus=1,mem=16G. Default: time=60, minutes.",
        rich_help_panel=BEYOND,
    ),
]

DetachOption = Annotated[
    bool,
    typer.Option(
        "--detach",
        help="With --executor slurm: submit and leave. `vaebench status --watch` joins again.",
        rich_help_panel=BEYOND,
    ),
]

MixedOption = Annotated[
    bool,
    typer.Option(
        "--mixed",
        help="Work beside machines that have another vaebench or torch, too.",
        rich_help_panel=BEYOND,
    ),
]
