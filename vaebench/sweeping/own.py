"""A user's own data in a sweep: opened, known by their content, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vaebench.errors import DataError, UsageError
from vaebench.hints import hint_data

if TYPE_CHECKING:
    from vaebench.data.own.identity import Then
    from vaebench.data.own.opened import OwnData
    from vaebench.store import JobRow, Reader
    from vaebench.sweeping.telling import Telling


def make_ready(
    names: Iterable[str],
    data_dir: str | Path | None,
    telling: Telling,
    *,
    skip_broken: bool = False,
) -> None:
    """Unpacks or scales the images of data sets where that must be done.

    Args:
        names: Names that `load_dataset` takes.
        data_dir: Folder of downloaded data sets.
        telling: Is shown how far that is.
        skip_broken: Leave out images of a user's own folder that cannot be read.

    Raises:
        DataError: A file is missing or damaged, or there is no room.
    """
    from vaebench.download import prepare

    with telling.preparing() as shown:
        for name in names:
            prepare(name, data_dir, shown.show, skip_broken=skip_broken)


def own_data(
    names: Iterable[str],
    data_dir: Path | None,
    location: str,
    telling: Telling,
    *,
    skip_broken: bool = False,
    dry_run: bool = False,
) -> dict[str, OwnData]:
    """Opens those of the data sets that are a user's own, and finds what the database calls them.

    Args:
        names: Data sets as typed; all but `npz:` and `folder:` are passed over.
        data_dir: Folder of downloaded data sets.
        location: The database.
        telling: Is told what is left out, and what other names runs may be found under.
        skip_broken: Leave out images of folders that cannot be read.
        dry_run: Make no tables on a server that has none.

    Returns:
        What was opened, by the names that were typed.

    Raises:
        DataError: They cannot be read.
        StoreError: The database cannot be read.
    """
    wanted = [name for name in dict.fromkeys(names) if ":" in name]
    if not wanted:
        return {}
    make_ready(wanted, data_dir, telling, skip_broken=skip_broken)
    from vaebench.data.own.opened import recognised

    stored = _stored(location, dry_run=dry_run)
    found = {name: recognised(name, data_dir, stored, skip_broken=skip_broken) for name in wanted}
    for typed, own in found.items():
        _say(typed, own, stored, telling)
    return found


def trained_on(
    reader: Reader, rows: Sequence[JobRow], moved: str | None, data_dir: Path | None
) -> tuple[OwnData, ...]:
    """Opens the data sets of runs that are to be trained again, before a worker starts.

    Args:
        reader: The database of the runs.
        rows: The runs.
        moved: Where the user's own images lie now, or None for where they lay then.
        data_dir: Folder of downloaded data sets.

    Returns:
        Those that are a user's own, known to be what the runs were trained on.

    Raises:
        UsageError: A place is given, and not for one data set of the user's own.
        DataError: A data set is missing, or is another one.
    """
    from vaebench.data import load_dataset

    first = {row.spec.dataset: row for row in reversed(rows)}
    own = [name for name in first if ":" in name]
    if moved is not None and len(own) != 1:
        raise UsageError(f"--dataset is for one data set of your own; here are {', '.join(first)}.")
    for name in first.keys() - set(own):
        load_dataset(name, data_dir)
    return tuple(_as_then(reader, first[name], moved, data_dir) for name in own)


def _as_then(reader: Reader, row: JobRow, moved: str | None, data_dir: Path | None) -> OwnData:
    """Opens the own data that a run was trained on."""
    from vaebench.data.own.identity import place_of
    from vaebench.data.own.opened import must_be, recognised

    known = reader.environment(row.key)
    source = str(known.get("data") or "")
    kind, before = row.spec.dataset.partition(":")[0], place_of(source)
    then = row.spec.dataset if before is None else f"{kind}:{before}"
    try:
        found = recognised(moved or then, data_dir, {}, skip_broken=True)
    except DataError as error:
        hint = f" If it lies elsewhere now, add --dataset {kind}:PATH"
        raise DataError(f"{error}{'' if moved else hint}") from error
    return must_be(found, row.spec.dataset, (source, known.get("data_digest")))


def _stored(location: str, *, dry_run: bool) -> dict[str, list[Then]]:
    """Returns the own data that a database has runs of; none where there is no database yet."""
    from vaebench.store import Reader, Store

    file = "://" not in location
    if file and (not Path(location).is_file() or not Path(location).stat().st_size):
        return {}
    with Reader.open(location) if file or dry_run else Store(location) as reader:
        return reader.own_data()


def _say(typed: str, own: OwnData, stored: dict[str, list[Then]], telling: Telling) -> None:
    """Says what is left out or not compared, and what other name runs may be found under."""
    from vaebench.data.own.identity import named_alike, parsed, seems, skipped

    if left_out := skipped(own.source):
        check = hint_data("check", own.place)
        telling.say(f"{typed}: {left_out} left out as broken. {check} lists them.")
    if own.name in stored:
        unknown = parsed(own.name) is None and any(digest is None for _, digest in stored[own.name])
        if unknown and own.kind == "npz":
            telling.say(
                f"{typed}: its older runs know a checksum of the images alone. These are the same; "
                "whether factors and labels are could not be compared."
            )
        return
    others = [name for name in (*named_alike(typed, stored), typed) if stored.get(name)]
    if others:
        telling.say(
            f"{typed} is not what finished runs of that name were trained on "
            f"({_listed(others)}): it is another data set, {own.name}."
        )
        return
    alike = [
        name
        for name, runs in stored.items()
        if parsed(name) is None and any(seems(run, own.source, own.digest) for run in runs)
    ]
    if alike:
        telling.say(
            f"{typed} is called {own.name}. It may be what older runs call {_listed(alike)}: type "
            "that name, where it leads to the file, to go on with those."
        )


def _listed(names: Sequence[str]) -> str:
    """Names some of many names."""
    return ", ".join(dict.fromkeys(names[:3])) + (", …" if len(names) > 3 else "")
