"""`vaebench data`: which data sets there are, what each is, and whether its files are whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vaebench.cli import tables
from vaebench.cli.bars import Bars
from vaebench.cli.options import DataFolder
from vaebench.cli.tables import Column
from vaebench.cli.telling import Terminal
from vaebench.errors import DataError, UsageError
from vaebench.files import check_replaceable, write_atomically
from vaebench.hints import hint_data
from vaebench.sweeping.own import make_ready

if TYPE_CHECKING:
    from vaebench.data import DatasetInfo
    from vaebench.data.cards import Card

DEFAULT_FOLDER = "data"
NAMES_SHOWN = 10
"""Labels that `show` names, at most."""

app = typer.Typer(
    help="List, show, download and check data sets.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list")
def list_(data_dir: DataFolder = DEFAULT_FOLDER) -> None:
    """List the data sets: which are here, where, how large, and how to get the others."""
    from vaebench.cli.known import with_sources
    from vaebench.data import all_datasets
    from vaebench.data.cards import card

    columns = (
        Column("name"),
        Column("here"),
        Column("images", right=True, spare=2),
        Column("download", right=True, spare=1),
        Column("where"),
    )
    rows: list[list[tables.Cell]] = []
    missing = False
    for name in [info.name for info in all_datasets()]:
        found = card(name, data_dir)
        here = Text("yes", style="green") if found.available else Text("no", style="yellow")
        absent = found.where == _command(name, data_dir)
        missing |= absent
        where = "-" if absent else found.where
        rows.append([name, here, f"{found.contents.images:,}", _download_size(found), where])
    shown, cells = with_sources(columns, rows, all_datasets())
    tables.emit(tables.table(shown, cells, width=tables.terminal_width())[0])
    for info in all_datasets():
        if info.attributes:
            tables.note(
                f"`sweep --label` chooses which of {info.name}'s {len(info.attributes)} attributes "
                "is its label."
            )
    if missing:
        tables.note(f"To get one that is not here: {_command('NAME', data_dir)}")


def _command(name: str, data_dir: str) -> str:
    """What downloads a data set."""
    from vaebench.data import data_folder

    return hint_data("download", name, data_folder(data_dir))


def _download_size(found: Card) -> str:
    """How much must be downloaded; where some files' sizes are not known, that of the others."""
    if found.download_bytes is not None:
        return _size(found.download_bytes) if found.download_bytes else "-"
    known = sum(file.bytes or 0 for file in found.about.needed) if found.about else 0
    return f"> {_size(known)}" if known else "unknown"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Data set; also npz:PATH or folder:PATH.")],
    data_dir: DataFolder = DEFAULT_FOLDER,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE.png", help="Write a picture of 24 images."),
    ] = None,
) -> None:
    """Show what a data set is: size, factors, files, licence, citation, and some of its images.

    Example: vaebench data show shapes3d --picture shapes3d.png
    """
    from vaebench.cli.preview import preview, why_not
    from vaebench.data import DatasetInfo, find_dataset, find_own
    from vaebench.data.cards import card

    if picture is not None and picture.suffix.lower() != ".png":
        raise UsageError(f"--picture is {str(picture)!r}; the name of a PNG file ends in .png.")
    own = find_own(name)
    if own is not None:
        make_ready([name], data_dir, Terminal())
    found = card(name, data_dir)
    if picture is not None:
        _write_picture(name, data_dir, picture)
    known = find_dataset(name) if own is None else own
    title = known.title if isinstance(known, DatasetInfo) else name
    tables.emit(Text(title, style="bold"), tables.pairs(_facts(found, known.what)))
    if picture is not None:
        tables.note(f"Sample picture: {picture}")
    elif (reason := why_not(found)) is not None:
        tables.note(f"No preview: {reason}.")
    else:
        try:
            tables.emit(Text(), preview(name, data_dir, tables.terminal_width() or 80))
        except DataError as error:
            tables.note(f"No preview: {error}")


def _facts(found: Card, what: str) -> list[tuple[str, str | Text]]:
    """What a card says, by row; a user's own images have no publisher to speak of."""
    contents, about = found.contents, found.about
    channels, height, width = contents.observation_shape
    sizes = zip(contents.factor_names, contents.factor_sizes, strict=True)
    split = "published: training and test images" if contents.train_images else "none"
    random = "drawn anew at each visit in training, always the same in evaluation"
    here = Text.assemble(("yes", "green") if found.available else ("no", "yellow"))
    here.append(f", {found.where}" if found.available else f": {found.where}")
    facts: list[tuple[str, str | Text]] = [
        ("name", found.name),
        ("what", what),
        ("images", f"{contents.images:,}"),
        ("shape", f"{channels}×{height}×{width} ({'grey' if channels == 1 else 'colour'})"),
        ("factors", ", ".join(f"{name} {size}" for name, size in sizes) or "none known"),
        ("labels", _labels(contents.label_names)),
        *_choices(about),
        ("split", split),
        ("random part", random if contents.stochastic else "none"),
        ("here", here),
    ]
    if about is None:
        return facts[1:]
    unpacked = found.unpacked_bytes
    return [
        *facts,
        ("download", _download_size(found) if found.download_bytes != 0 else "none needed"),
        ("unpacked", f"{_size(unpacked)}, written once at first use" if unpacked else "no"),
        ("licence", about.licence),
        ("citation", about.citation),
        ("home page", about.url),
    ]


def _choices(about: DatasetInfo | None) -> list[tuple[str, str]]:
    """The attributes of which any can be the label, where there are some."""
    names = [one.name for one in about.attributes] if about else []
    said = f"{len(names)}, of which `sweep --label` chooses the label: {', '.join(names)}"
    return [("attributes", said)] if names else []


def _labels(names: tuple[str, ...]) -> str:
    """The number of labels and their names, the first ones of many."""
    if not names:
        return "none"
    more = ", …" if len(names) > NAMES_SHOWN else ""
    return f"{len(names)}: {', '.join(names[:NAMES_SHOWN])}{more}"


def _write_picture(name: str, data_dir: str, path: Path) -> None:
    """Writes the sample picture, after getting the images ready where they are not."""
    from vaebench.data import load_dataset
    from vaebench.data.cards import sample_picture

    instead = "Name another file with --picture."
    check_replaceable(path, mine=_png, instead=instead)
    make_ready([name], data_dir, Terminal())
    content = sample_picture(load_dataset(name, data_dir))
    write_atomically(path, content, mine=_png, instead=instead)


def _png(start: bytes) -> bool:
    return start.startswith(b"\x89PNG\r\n\x1a\n")


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="Data set, such as fashion-mnist.")],
    data_dir: DataFolder = DEFAULT_FOLDER,
) -> None:
    """Download a data set; what is here and whole stays, what was cut off goes on."""
    from vaebench import download as downloads

    with Bars() as bars:
        files = downloads.download(name, data_dir, bars.show)
    tables.emit(Text(f"{name} is here and whole: {files[0].path.parent}"))


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(help="Data set; all of them without it.")] = None,
    data_dir: DataFolder = DEFAULT_FOLDER,
) -> None:
    """Check the files of data sets: size, header and checksum."""
    from vaebench import download as downloads
    from vaebench.data import dataset_names, find_own

    rows: list[tuple[str, str | Text]] = []
    broken = []
    for chosen in [name] if name else dataset_names():
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
    if broken and name and find_own(name) is not None:
        raise DataError(
            f"{name} is missing or not whole. Mend what is said of it, or save it again."
        )
    if broken:
        files_are = "1 file is" if len(broken) == 1 else f"{len(broken)} files are"
        raise DataError(
            f"{files_are} missing or not whole. Where there is a network, "
            f"`{_command(name or 'NAME', data_dir)}` replaces them."
        )
