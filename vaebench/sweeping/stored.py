"""What is made of finished runs: an explorer, a report, a comparison, one database of two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vaebench.errors import UsageError, VaebenchError
from vaebench.hints import DEFAULT_DATABASE, folder_of, hint
from vaebench.outputs import Outputs, is_url
from vaebench.spec import JobSpec
from vaebench.sweeping.own import trained_on

if TYPE_CHECKING:
    from vaebench.analysis import Comparison
    from vaebench.report import ReportSummary
    from vaebench.store import JobRow, Merged

SHOWN = ("reconstruction", "kl", "elbo", "mig", "mig_label")
"""Scores in the head of an explorer's page, as far as the run has them."""


def write_explorer(
    key: str,
    db: str | Path = DEFAULT_DATABASE,
    *,
    out: str | Path | None = None,
    models: str | Path | None = None,
    data_dir: str | Path | None = None,
    dataset: str | None = None,
    on_begin: Callable[[JobSpec], None] = lambda spec: None,
) -> Path:
    """Writes a page in which anybody can move a trained model's latents; no network is needed.

    Args:
        key: Key of a finished run, or its first digits.
        db: A file, or a PostgreSQL URL.
        out: The page; None for `KEY.html`.
        models: Folder of trained models, or a sweep's URL; None for `models` beside the database.
        data_dir: Folder of downloaded data sets.
        dataset: Where the user's own images lie now, if they were moved.
        on_begin: Is told whose page is made.

    Returns:
        The page.

    Raises:
        StoreError: The database cannot be read, or has no such run.
        VaebenchError: The run is not finished, or its model is missing.
        OutputError: The page cannot be written, or another file is in its place.

    Example:
        >>> write_explorer(key, db, out=folder / "model.html").name
        'model.html'
    """
    from vaebench.files import check_replaceable, write_atomically
    from vaebench.measures import measure
    from vaebench.store import Reader

    data = None if data_dir is None else Path(data_dir)
    with Reader.open(db) as reader:
        row = reader.find(key)
        location = reader.location
        refuse_unfinished(row, location, "can be explored")
        page, instead = Path(out or f"{row.key}.html"), "Name another file with --out."
        check_replaceable(page, mine=_is_page, instead=instead)
        model = model_file(row, db, models, location)
        own = trained_on(reader, [row], dataset, data)
        scores = {score.name: score.value for score in reader.scores(row.key)}

    from vaebench.explore import build_page

    on_begin(row.spec)
    shown = [
        (measure(name).title, measure(name).text(value))
        for name in SHOWN
        if (value := scores.get(name)) is not None
    ]
    content = build_page(model, data_dir=data, own=own[0] if own else None, scores=shown)
    write_atomically(page, content, mine=_is_page, instead=instead)
    return page


def refuse_unfinished(row: JobRow, location: str, what: str) -> None:
    """Raises where a run is not finished.

    Args:
        row: The run.
        location: Its database, for commands.
        what: What only finished ones can or have.

    Raises:
        VaebenchError: It is not finished.
    """
    if row.state == "COMPLETE":
        return
    advice = "the command of its sweep goes on with it."
    if row.state == "FAILED":
        advice = f"to train it again: {hint(f'vaebench retry {row.key}', location)}"
    raise VaebenchError(f"Run {row.key} is {row.state}: only a finished run {what}; {advice}")


def model_file(row: JobRow, db: str | Path, models: str | Path | None, location: str) -> Path:
    """Returns the file of a run's trained model.

    Args:
        row: The run.
        db: Its database, as typed.
        models: Folder of trained models, or a sweep's URL; None for `models` beside the database.
        location: Its database, for commands.

    Raises:
        VaebenchError: It is not there.
        OutputError: The URL cannot be read.
    """
    if models is not None and is_url(models):
        path = Outputs.of_models(models).fetch(f"models/{row.key}.pt")
    else:
        folder = Path(models) if models is not None else folder_of(str(db)) / "models"
        path = folder / f"{row.key}.pt"
    if not path.exists():
        restore = hint(f"vaebench reproduce {row.key} --restore", location)
        raise VaebenchError(
            f"{path}, the run's trained model, is missing: name the folder that has it with "
            f"--models, or bring it back: {restore}"
        )
    return path


def _is_page(start: bytes) -> bool:
    """Whether a file begins like an explorer's page."""
    return b'<meta name="generator" content="vaebench explore">' in start


def write_report(
    db: str | Path = DEFAULT_DATABASE,
    out: str | Path | None = None,
    *,
    formats: Sequence[str] = ("png",),
    where: str = "",
    only: Sequence[str] = (),
    explore: Sequence[str] = (),
    models: str | Path | None = None,
    data_dir: str | Path | None = None,
    on_progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> ReportSummary:
    """Writes the report of a database: one page, with its figures and tables beside it.

    Args:
        db: A file, or a PostgreSQL URL.
        out: Folder to write to; None for `report` beside the database.
        formats: File formats of the figures, of `png`, `svg` and `pdf`.
        where: Of which jobs it is, as in `dataset = 'dsprites' AND seed < 3`; empty for all.
        only: Of which parts of the page it is, as in `["answers", "runs"]`; empty for all.
        explore: Whose models get an explorer beside it: `["best"]`, `["all"]`, or keys of runs.
            Why one could not be made is in `problems` of what is returned.
        models: Folder of trained models, or a sweep's URL; None for `models` beside the database.
        data_dir: Folder of downloaded data sets.
        on_progress: Is told what is being done, how much of it is done and how much there is.

    Raises:
        StoreError: The database cannot be read, or has no such run.
        UsageError: A format or part is unknown, `where` is no condition, or `out` is a file.
        VaebenchError: No job is left by `where`.
        OutputError: The folder cannot be written.

    Example:
        >>> write_report(db, folder / "report").index.name
        'index.html'
    """
    from vaebench.report import build_report
    from vaebench.store import Reader

    folder = Path(out) if out is not None else folder_of(str(db)) / "report"
    with Reader.open(db) as reader:
        return build_report(
            reader,
            folder,
            formats=formats,
            where=where,
            only=only,
            explore=explore,
            explorer=explorer_of(db, models, data_dir),
            on_progress=on_progress,
        )


def explorer_of(
    db: str | Path, models: str | Path | None, data_dir: str | Path | None
) -> Callable[[str, Path], None]:
    """Returns what writes a run's explorer for a report, each run's once.

    Args:
        db: A file, or a PostgreSQL URL.
        models: Folder of trained models, or a sweep's URL; None for `models` beside the database.
        data_dir: Folder of downloaded data sets.
    """
    made: set[str] = set()

    def explorer(key: str, page: Path) -> None:
        if key not in made or not page.exists():
            write_explorer(key, db, out=page, models=models, data_dir=data_dir)
            made.add(key)

    return explorer


def compare(first: str | Path, second: str | Path) -> Comparison:
    """Says whether a database repeats another: the same bits, or the same within the seeds' noise.

    Args:
        first: The database to compare with.
        second: The replication.

    Raises:
        StoreError: One cannot be read.
        UsageError: They have no cell in common.

    Example:
        >>> compare(db, db).verdict
        'same bits'
    """
    from vaebench.analysis import compare as compared
    from vaebench.store import Reader

    with Reader.open(first) as a, Reader.open(second) as b:
        found = compared(a, b)
        if found.tests.empty:
            raise UsageError(
                f"{a.location} and {b.location} have no cell in common: no model with the same "
                "hyperparameters was finished on the same data set in both."
            )
    return found


def merge(other: str | Path, db: str | Path = DEFAULT_DATABASE) -> Merged:
    """Takes over the sweeps and runs of another database, such as another machine's.

    Args:
        other: The database to take from; it is not changed.
        db: The database to take them into; made where it is missing.

    Raises:
        StoreError: One of them cannot be used.

    Example:
        >>> merge(db, folder / "both.db").conflicts
        {}
    """
    from vaebench.runner import rank
    from vaebench.store import Reader, Store
    from vaebench.store import merge as take_over

    with Reader.open(other) as theirs, Store(db) as store:
        merged = take_over(store, theirs)
        for sweep in merged.sweeps:
            rank(store, sweep)
    return merged
