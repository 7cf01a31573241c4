"""`vaebench data`: which data sets are here, how to get the others, and whether files are whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from vaebench.cli import tables
from vaebench.cli.options import DataFolder
from vaebench.cli.tables import Column
from vaebench.errors import DataError

if TYPE_CHECKING:
    from vaebench.data.download import DownloadEvent

DEFAULT_FOLDER = "data"

app = typer.Typer(
    help="List, download and check data sets.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list")
def list_(data_dir: DataFolder = DEFAULT_FOLDER) -> None:
    """List the data sets: which are here, where, how large, and how to get the others."""
    from vaebench.data import DATASETS

    columns = (
        Column("name"),
        Column("here"),
        Column("size", right=True, spare=1),
        Column("where, or how to get it"),
    )
    rows = [(name, *_whereabouts(name, data_dir)) for name in DATASETS]
    tables.emit(tables.table(columns, rows, width=None)[0])


def _whereabouts(name: str, data_dir: str) -> tuple[Text, str, str]:
    """Says whether a data set is here, its size on disk, and where or how to get it."""
    from vaebench.data.dsprites import OFFICIAL_FILE
    from vaebench.data.mnist import COLLECTIONS, file_problem

    folder = Path(data_dir).expanduser()
    if name not in COLLECTIONS:
        for path in (folder / OFFICIAL_FILE, folder / name / OFFICIAL_FILE):
            if path.is_file():
                return _mark(True), _size(path.stat().st_size), str(path)
        return _mark(True), "-", "drawn from formulas, no file needed"
    collection = COLLECTIONS[name]
    raw = collection.folder(folder)
    size = _size(sum(file.bytes for file in collection.files))
    if all(file_problem(raw / file.name, file) is None for file in collection.files):
        return _mark(True), size, str(raw)
    if any((raw / file.name).exists() for file in collection.files):
        return _mark(False), size, f"files in {raw} are not whole: vaebench data check {name}"
    option = "" if data_dir == DEFAULT_FOLDER else f" --data-dir {data_dir}"
    return _mark(False), size, f"vaebench data download {name}{option}"


def _mark(here: bool) -> Text:
    return Text("yes", style="green") if here else Text("no", style="yellow")


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB"


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="Data set, such as fashion-mnist.")],
    data_dir: DataFolder = DEFAULT_FOLDER,
) -> None:
    """Download a data set; what is here and whole stays."""
    from vaebench.data import download as downloads

    console = Console(stderr=True)
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(pulse_style="cyan"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )

    def tell(event: DownloadEvent) -> None:
        if event.stage == "removed":
            console.print(f"Removed a damaged file: {event.path}", soft_wrap=True, highlight=False)
        if event.stage == "started":
            bar.add_task(f"Downloading {event.dataset} into {event.path}", total=None)

    with bar:
        files = downloads.download(name, data_dir, tell)
    tables.emit(Text(f"{name} is here and whole: {files[0].path.parent}"))


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
