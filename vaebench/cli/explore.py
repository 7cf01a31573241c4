"""`vaebench explore`: a trained model as a page in which it decodes live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaebench.cli import tables
from vaebench.cli.options import DEFAULT_DATABASE, DatabaseOption, DataDirOption, MovedOption
from vaebench.cli.reading import opened
from vaebench.errors import VaebenchError
from vaebench.hints import folder_of, hint
from vaebench.sweeping.own import trained_on

if TYPE_CHECKING:
    from vaebench.store import JobRow

SHOWN = ("reconstruction", "kl", "elbo", "mig", "mig_label")
"""Scores in the page's head, as far as the run has them."""


def explore(
    key: Annotated[str, typer.Argument(help="Key of a finished run, or its first digits.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page to write. Default: KEY.html."),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            "--models",
            metavar="FOLDER",
            help="Folder of trained models. Default: models, beside the database.",
        ),
    ] = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    data_dir: DataDirOption = None,
    dataset: MovedOption = None,
) -> None:
    """Write a page in which anybody can move a trained model's latents.

    One HTML file that opens from disk and needs no network: the decoder runs in it.

    Example: vaebench explore 3f2a --out model.html
    """
    from vaebench.files import check_replaceable, write_atomically
    from vaebench.measures import measure

    with opened(db) as reader:
        row = reader.find(key)
        _check_finished(row, db)
        page = out or Path(f"{row.key}.html")
        instead = "Name another file with --out."
        check_replaceable(page, mine=_is_page, instead=instead)
        folder = models or folder_of(db) / "models"
        model = folder / f"{row.key}.pt"
        if not model.exists():
            restore = hint(f"vaebench reproduce {row.key} --restore", db)
            raise VaebenchError(
                f"{model}, the run's trained model, is missing: name the folder that has it with "
                f"--models, or bring it back: {restore}"
            )
        own = trained_on(reader, [row], dataset, data_dir)
        scores = {score.name: score.value for score in reader.scores(row.key)}

    from vaebench.explore import build_page

    tables.note(f"Encoding held-out images of {row.spec.dataset} …")
    shown = [
        (measure(name).title, measure(name).text(value))
        for name in SHOWN
        if (value := scores.get(name)) is not None
    ]
    content = build_page(model, data_dir=data_dir, own=own[0] if own else None, scores=shown)
    write_atomically(page, content, mine=_is_page, instead=instead)
    tables.note(f"{row.spec.label} on {row.spec.dataset}: {len(content) / 1e6:.1f} MB")
    typer.echo(str(page))


def _check_finished(row: JobRow, db: str) -> None:
    """Refuses a run without a trained model."""
    if row.state == "COMPLETE":
        return
    advice = "the command of its sweep goes on with it."
    if row.state == "FAILED":
        advice = f"to train it again: {hint(f'vaebench retry {row.key}', db)}"
    raise VaebenchError(
        f"Run {row.key} is {row.state}: only a finished run can be explored; {advice}"
    )


def _is_page(start: bytes) -> bool:
    """Whether a file begins like a page of this command."""
    return b'<meta name="generator" content="vaebench explore">' in start
