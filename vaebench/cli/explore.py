"""`vaebench explore`: a trained model as a page in which it decodes live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaebench.cli import tables
from vaebench.cli.options import (
    DEFAULT_DATABASE,
    DatabaseOption,
    DataDirOption,
    MovedOption,
    TrainedOption,
)
from vaebench.spec import JobSpec
from vaebench.sweeping.stored import write_explorer


def explore(
    key: Annotated[str, typer.Argument(help="Key of a finished run, or its first digits.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page to write. Default: KEY.html."),
    ] = None,
    models: TrainedOption = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    data_dir: DataDirOption = None,
    dataset: MovedOption = None,
) -> None:
    """Write a page in which anybody can move a trained model's latents.

    One HTML file that opens from disk and needs no network: the decoder runs in it.

    Example: vaebench explore 3f2a --out model.html
    """
    begun: list[JobSpec] = []

    def on_begin(spec: JobSpec) -> None:
        begun.append(spec)
        tables.note(f"Encoding held-out images of {spec.dataset} …")

    page = write_explorer(
        key, db, out=out, models=models, data_dir=data_dir, dataset=dataset, on_begin=on_begin
    )
    size = page.stat().st_size / 1e6
    tables.note(f"{begun[0].label} on {begun[0].dataset}: {size:.1f} MB")
    typer.echo(str(page))
