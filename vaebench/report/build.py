"""Builds the report: reads a result database, writes figures, tables and one HTML page."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from vaebench.analysis import jobs
from vaebench.errors import OutputError, UsageError, VaebenchError, unknown
from vaebench.files import anything, check_replaceable, unwritable, write_atomically
from vaebench.fingerprint import other_code
from vaebench.report import explorers
from vaebench.report.page import SECTIONS, Part, make
from vaebench.report.pages import FIRST, Heading, write
from vaebench.report.pages import FOLDER as OWN_PAGES
from vaebench.report.processes import Advance
from vaebench.report.rendering import FORMATS
from vaebench.report.sections import state_text
from vaebench.store import Reader, chosen, made_by_other_code, other_plugins

MANIFEST = "manifest.txt"
"""Lists the files of a report, so that the next one in the same folder can clear them away."""
PAGE = FIRST
FOLDERS = ("figures", "tables", OWN_PAGES, explorers.FOLDER)
INSTEAD = "Free some space or name another folder with --out."

Explorer = Callable[[str, Path], object]
"""Writes an explorer's page of a job key to a file, or raises a `VaebenchError`."""

_NAME = re.compile(rf"{re.escape(PAGE)}|(?:{'|'.join(FOLDERS)})/[^/\0]+")


@dataclass(frozen=True)
class ReportSummary:
    """What a report was made of and where it lies.

    Attributes:
        index: The page.
        settings: Number of settings, each a section of its own.
        complete: Runs that are in it.
        failed: Jobs that failed.
        pending: Jobs to come, running ones included.
        figures: Names of the figures, without endings.
        tables: Names of the tables, without endings.
        remark: How many runs other code of vaebench made, in a sentence; empty for none.
        explorers: Pages that explore a model, that were made.
        problems: Why others could not be made, a line each.
    """

    index: Path
    settings: int
    complete: int
    failed: int
    pending: int
    figures: tuple[str, ...]
    tables: tuple[str, ...]
    remark: str = ""
    explorers: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        apart = (("failed", self.failed), ("pending", self.pending))
        rest = "".join(f", {count:,} {word}" for word, count in apart if count)
        runs_done = f"{self.complete:,} run{'' if self.complete == 1 else 's'}{rest}"
        return f"{runs_done}: {len(self.figures)} figures, {len(self.tables)} tables"


def build_report(
    reader: Reader,
    out: Path,
    *,
    formats: Sequence[str] = ("png",),
    where: str = "",
    only: Sequence[str] = (),
    explore: Sequence[str] = (),
    explorer: Explorer | None = None,
    follow: bool = False,
    on_progress: Advance = lambda what, done, total: None,
) -> ReportSummary:
    """Writes the report of a database.

    `out/index.html` holds all figures and needs no other file and no network; where it would
    pass 8 MB, those for which it has no room are in `out/pages/NAME.html`, a page a setting.
    `out/figures/NAME.{png,svg,pdf}` and `out/tables/NAME.csv` (tables of runs as `md` and `tex`
    too) hold them apart. The same
    database gives the same bytes. A database that is empty or half-finished, or in which jobs
    failed, gives a report that says so. Files of an earlier report in `out` that this one does
    not have are removed; any other file there is left alone.

    Args:
        reader: The database.
        out: Folder to write to; made where it is missing.
        formats: File formats of the figures, of `png`, `svg` and `pdf`.
        where: Of which jobs it is; see `vaebench.store.chosen`. Of all where it is empty.
        only: Of which parts of the page, of `SECTIONS`; of all where it is empty.
        explore: Whose models get an explorer's page in `out/explore`: `best` (of each model on each
            data set the one run, see `vaebench.report.explorers.best`), `all`, or job keys.
        explorer: Writes an explorer's page of a job key to a file.
        follow: Whether the page looks for a newer one by itself while jobs are to come.
        on_progress: Is told what is being done, how much of it is done and how much there is.

    Returns:
        What was made.

    Raises:
        UsageError: A format or part is unknown, `where` is no condition, or `out` is a file.
        StoreError: A job key of `explore` is not in the database.
        VaebenchError: No job is left by `where`.
        OutputError: The folder cannot be written, or holds files by the report's names that no
            earlier report made.
    """
    for kind in formats:
        if kind not in FORMATS:
            raise unknown("figure format", kind, FORMATS)
    for name in only:
        if name not in SECTIONS:
            raise unknown("part of the report", name, SECTIONS)
    named = explorers.named(reader, explore)
    out = Path(out)
    try:
        if out.exists() and not out.is_dir():
            raise UsageError(f"{out} is a file: give a folder for the report with --out.")
        _listed(out)  # what cannot be written is said before the figures are drawn
    except OSError as error:
        raise unwritable(out, error, INSTEAD) from error
    part = Part(frozenset(chosen(reader, where)) if where else None, tuple(only))
    if part.keys is not None and not part.keys:
        raise VaebenchError(
            f"--where {where!r} leaves no job of {reader.location}: there is nothing to report."
        )
    all_jobs = part.of(jobs(reader))
    counts = {str(s): int(n) for s, n in all_jobs["state"].value_counts().items()}
    old = len(made_by_other_code(reader, set(all_jobs["job_key"])))
    plugins = other_plugins(reader) if old else []
    remark = other_code(old, counts.get("COMPLETE", 0), plugins) if old else ""
    page = make(reader, all_jobs, formats, on_progress, part)
    places: dict[str, str] = {}
    problems: list[str] = []
    if explorer is not None and explore:
        wanted = explorers.wanted(page.browsable.runs, explore, named)
        places, problems = _explorers(out, wanted, explorer, on_progress)
    page = replace(page, browsable=replace(page.browsable, explorers=places))
    files = dict(page.files)
    state, alarming = state_text(counts)
    keys = set(all_jobs["job_key"])
    every = list(dict.fromkeys(row.command for row in reader.sweeps()))
    commands = reader.commands(keys) if part.keys is not None else every
    unreadable = list(reader.unreadable.items())
    to_come = counts.get("PENDING", 0) + counts.get("RUNNING", 0)
    said = _part_text(where, only)
    follow = follow and to_come > 0
    heading = Heading(state, alarming, remark, unreadable, commands, said, follow)
    files |= write(page, heading)
    try:
        _write(out, files, {*places.values()})
    except OSError as error:
        raise OutputError(
            f"The report cannot be written to {out}: {error.strerror or error}. {INSTEAD}"
        ) from error
    return ReportSummary(
        index=out / PAGE,
        settings=len(page.titles),
        complete=counts.get("COMPLETE", 0),
        failed=counts.get("FAILED", 0),
        pending=to_come,
        figures=page.figures,
        tables=page.tables,
        remark=remark,
        explorers=tuple(places.values()),
        problems=tuple(problems),
    )


def _explorers(
    out: Path, wanted: Sequence[str], explorer: Explorer, on_progress: Advance
) -> tuple[dict[str, str], list[str]]:
    """Writes explorers' pages: returns their places by job key, and why some cannot be made."""
    places, problems = {}, []
    for number, key in enumerate(wanted):
        on_progress("Writing explorers", number, len(wanted))
        name = explorers.place(key)
        _list(out, {*_listed(out), name})
        try:
            explorer(key, out / name)
            places[key] = name
        except OutputError:
            raise
        except VaebenchError as error:
            problems.append(f"No explorer of {key}: {error}")
    on_progress("Writing explorers", len(wanted), len(wanted))
    return places, problems


def _part_text(where: str, only: Sequence[str]) -> str:
    """Says of what part of the database, and of what parts of a report, a page is."""
    said = [f"Of the jobs with {where} alone."] if where else []
    return " ".join(said + ([f"Of the report’s parts only: {', '.join(only)}."] if only else []))


def _listed(out: Path) -> set[str]:
    """Reads which files of a folder an earlier report made.

    Raises:
        OutputError: The list, or the page, that is there is not a report's.
    """
    manifest = out / MANIFEST
    check_replaceable(manifest, mine=_is_manifest, instead=INSTEAD)
    check_replaceable(out / PAGE, mine=_is_page, instead=INSTEAD)
    lines = manifest.read_text(errors="replace").splitlines() if manifest.exists() else []
    return {line for line in lines if _NAME.fullmatch(line)}


def _is_manifest(start: bytes) -> bool:
    """Says by a file's first bytes whether it lists the files of a report."""
    return _NAME.fullmatch(start.decode(errors="replace").partition("\n")[0]) is not None


def _is_page(start: bytes) -> bool:
    """Says by a file's first bytes whether it is the page of a report."""
    return b"<title>vaebench report</title>" in start


def _write(out: Path, files: Mapping[str, bytes], there: Collection[str]) -> None:
    """Writes a report's files; those that are `there` already stay, an earlier report's go."""
    before = _listed(out)
    for name in sorted(files.keys() - {PAGE}):
        ours = anything if name in before else _nothing
        check_replaceable(out / name, mine=ours, instead=INSTEAD)
    for folder in {"figures", "tables", *(name.partition("/")[0] for name in files if "/" in name)}:
        (out / folder).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".report-", dir=out) as beside:
        # All of it is on the disk before any of it takes the place of an earlier report.
        whole = {name: Path(beside) / str(number) for number, name in enumerate(files)}
        for name, content in files.items():
            write_atomically(whole[name], content, instead=INSTEAD)
        for name in before - files.keys() - {PAGE, *there}:
            (out / name).unlink(missing_ok=True)
        _list(out, {*files, *before, *there})
        for name, place in whole.items():
            place.replace(out / name)
    _list(out, {*files, *there})


def _nothing(start: bytes) -> bool:
    del start
    return False


def _list(out: Path, names: Iterable[str]) -> None:
    content = "".join(f"{name}\n" for name in sorted(names)).encode()
    write_atomically(out / MANIFEST, content, mine=_is_manifest, instead=INSTEAD)
