"""`vaebench data`: which data sets are here, how to get the others, and whether files are whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from vaebench.cli import tables
from vaebench.cli.options import DataFolder
from vaebench.cli.tables import Column
from vaebench.errors import DataError

if TYPE_CHECKING:
    from vaebench.data.download import DownloadEvent

DEFAULT_FOLDER = "data"
STAGES = {"progress": "Downloading", "unpacking": "Unpacking", "preparing": "Preparing"}

app = typer.Typer(
    help="List, download and check data sets.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list")
def list_(data_dir: DataFolder = DEFAULT_FOLDER) -> None:
    """List the data sets: which are here, where, how large, and how to get the others."""
    from vaebench.data import DATASETS
    from vaebench.data.cards import card

    columns = (
        Column("name"),
        Column("here"),
        Column("images", right=True, spare=2),
        Column("download", right=True, spare=1),
        Column("where, or how to get it"),
    )
    rows = []
    for name in DATASETS:
        found = card(name, data_dir)
        here = Text("yes", style="green") if found.available else Text("no", style="yellow")
        images = f"{found.contents.images:,}"
        rows.append((name, here, images, _size(found.download_bytes), found.where))
    tables.emit(tables.table(columns, rows, width=tables.terminal_width())[0])


def _size(count: int | None) -> str:
    if count is None:
        return "unknown"
    if count == 0:
        return "-"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="Data set, such as fashion-mnist.")],
    data_dir: DataFolder = DEFAULT_FOLDER,
) -> None:
    """Download a data set; what is here and whole stays, what was cut off goes on."""
    from vaebench.data import download as downloads

    with Bars() as bars:
        files = downloads.download(name, data_dir, bars.show)
    tables.emit(Text(f"{name} is here and whole: {files[0].path.parent}"))


class Bars(Progress):
    """Shows a download: bars on a terminal, a line for each file elsewhere; all on stderr."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bars: dict[tuple[str, Path], TaskID] = {}

    def show(self, event: DownloadEvent) -> None:
        """Shows an event."""
        if event.stage == "removed":
            tables.note(f"Removed a damaged file: {event.path}")
        if event.stage not in STAGES:
            return
        place = event.stage, event.path
        if place not in self._bars:
            what = event.dataset if event.stage == "preparing" else event.path.name
            text = f"{STAGES[event.stage]} {what}"
            self._bars[place] = self.add_task(text, total=None, amount="")
            if self.disable:
                tables.note(text)
        self.update(
            self._bars[place], completed=event.done or 0, total=event.total, amount=_amount(event)
        )


def _amount(event: DownloadEvent) -> str:
    """Says how much of how much is done: megabytes of a download, else a number of things."""
    scale, unit = (1e6, " MB") if event.stage == "progress" else (1.0, "")
    texts = [f"{count / scale:,.0f}" for count in (event.done, event.total) if count is not None]
    return " of ".join(texts) + unit if texts else ""


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(help="Data set; all of them without it.")] = None,
    data_dir: DataFolder = DEFAULT_FOLDER,
) -> None:
    """Check the files of data sets: size, header and checksum."""
    from vaebench.data import DATASETS
    from vaebench.data import download as downloads

    rows: list[tuple[str, str | Text]] = []
    broken = []
    for chosen in [name] if name else DATASETS:
        files = downloads.check(chosen, data_dir)
        if not files:
            rows.append((chosen, "no file, none needed: it is drawn from formulas"))
            continue
        if name is None and not any(file.path.exists() for file in files):
            rows.append((chosen, "not here"))
            continue
        for file in files:
            rows.append((chosen, file.problem or f"{file.path} is whole"))
            if file.problem:
                broken.append(file.path)
    tables.emit(tables.pairs(rows, indent=0))
    if broken:
        files_are = "1 file is" if len(broken) == 1 else f"{len(broken)} files are"
        raise DataError(
            f"{files_are} missing or not whole. Where there is a network, "
            "`vaebench data download NAME` replaces them."
        )
