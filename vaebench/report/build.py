"""Builds the report: reads a result database, writes figures, tables and one HTML page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from vaebench.analysis import jobs
from vaebench.errors import OutputError, UsageError, unknown
from vaebench.files import anything, check_replaceable, unwritable, write_atomically
from vaebench.fingerprint import other_code
from vaebench.report.page import make
from vaebench.report.pages import FIRST, Heading, write
from vaebench.report.pages import FOLDER as OWN_PAGES
from vaebench.report.processes import Advance
from vaebench.report.rendering import FORMATS
from vaebench.report.sections import state_text
from vaebench.store import Reader, made_by_other_code, other_plugins

MANIFEST = "manifest.txt"
"""Lists the files of a report, so that the next one in the same folder can clear them away."""
PAGE = FIRST
FOLDERS = ("figures", "tables", OWN_PAGES)
INSTEAD = "Free some space or name another folder with --out."

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
    """

    index: Path
    settings: int
    complete: int
    failed: int
    pending: int
    figures: tuple[str, ...]
    tables: tuple[str, ...]
    remark: str = ""

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
        on_progress: Is told what is being done, how much of it is done and how much there is.

    Returns:
        What was made.

    Raises:
        UsageError: A format is unknown, or `out` is a file.
        OutputError: The folder cannot be written, or holds files by the report's names that no
            earlier report made.
    """
    for kind in formats:
        if kind not in FORMATS:
            raise unknown("figure format", kind, FORMATS)
    out = Path(out)
    try:
        if out.exists() and not out.is_dir():
            raise UsageError(f"{out} is a file: give a folder for the report with --out.")
        _listed(out)  # what cannot be written is said before the figures are drawn
    except OSError as error:
        raise unwritable(out, error, INSTEAD) from error
    all_jobs = jobs(reader)
    counts = {str(s): int(n) for s, n in all_jobs["state"].value_counts().items()}
    old = len(made_by_other_code(reader, set(all_jobs["job_key"])))
    plugins = other_plugins(reader) if old else []
    remark = other_code(old, counts.get("COMPLETE", 0), plugins) if old else ""
    page = make(reader, all_jobs, formats, on_progress)
    files = dict(page.files)
    state, alarming = state_text(counts)
    commands = list(dict.fromkeys(row.command for row in reader.sweeps()))
    unreadable = list(reader.unreadable.items())
    files |= write(page, Heading(state, alarming, remark, unreadable, commands))
    try:
        _write(out, files)
    except OSError as error:
        raise OutputError(
            f"The report cannot be written to {out}: {error.strerror or error}. {INSTEAD}"
        ) from error
    return ReportSummary(
        index=out / PAGE,
        settings=len(page.titles),
        complete=counts.get("COMPLETE", 0),
        failed=counts.get("FAILED", 0),
        pending=counts.get("PENDING", 0) + counts.get("RUNNING", 0),
        figures=page.figures,
        tables=page.tables,
        remark=remark,
    )


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


def _write(out: Path, files: Mapping[str, bytes]) -> None:
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
        for name in before - files.keys() - {PAGE}:
            (out / name).unlink(missing_ok=True)
        _list(out, {*files, *before})
        for name, place in whole.items():
            place.replace(out / name)
    _list(out, files)


def _nothing(start: bytes) -> bool:
    del start
    return False


def _list(out: Path, names: Iterable[str]) -> None:
    content = "".join(f"{name}\n" for name in sorted(names)).encode()
    write_atomically(out / MANIFEST, content, mine=_is_manifest, instead=INSTEAD)
