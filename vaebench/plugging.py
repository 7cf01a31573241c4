"""Files as plug-ins: named by a user, remembered as theirs, and read again where that is safe.

A database says which files its sweeps used. It may come from anybody, and a file of anybody's may
lie where it says, as in a shared `/tmp`: so a file is run only where this user has named it
before, with the content that it has now.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from vaebench import plugins
from vaebench.data import DATASETS, DatasetInfo
from vaebench.declared import Record
from vaebench.errors import PluginWarning, UsageError
from vaebench.fingerprint import training_digest
from vaebench.metrics import METRICS, SAMPLED, Metric
from vaebench.models import MODELS
from vaebench.networks import NETWORKS
from vaebench.plugins.plugin import Plugin, Reference, digest_of, taken
from vaebench.plugins.versions import with_versions
from vaebench.records import Model, Network
from vaebench.spec import JobSpec

OWN: tuple[Record, ...] = (*MODELS, *NETWORKS, *DATASETS, *METRICS)
"""All of vaebench's own records."""

_NAMES = {(record.kind, name) for record in OWN for name in record.names}


def use_plugins(*files: str | Path) -> None:
    """Adds the records of plug-in files to those of this process, all of the files or none.

    Args:
        files: Python files, each with a tuple `PLUGIN` of its records; see `docs/plugins.md`.

    Raises:
        UsageError: One is missing, cannot be run, declares no well-formed records, or one of a
            name that is taken.

    Example:
        >>> use_plugins(plugin_file)
        >>> load_dataset("blobs").observation_shape
        (1, 32, 32)
    """
    found = [plugins.read(file) for file in files]
    _admit(found)
    for plugin in found:
        _trust(plugin)


def _admit(found: Sequence[Plugin]) -> None:
    """Adds plug-ins to those of this process, unless a record of theirs has a name of our own."""
    for plugin in found:
        for record in plugin.records:
            if clash := taken(record, OWN):
                raise UsageError(
                    f"Plug-in {plugin.path} cannot be used: vaebench has a {record.kind} "
                    f"{clash!r} of its own. Rename it."
                )
    plugins.admit(found)


def recall(recorded: Iterable[Reference]) -> None:
    """Reads the files again that a database's sweeps used, as far as that is safe.

    Of each that is not, a warning says why; those that this process has stay as they are.

    Args:
        recorded: Plug-ins of the database, those that were used last at the end.
    """
    known: dict[str, list[Reference]] = {}
    for one in recorded:
        if one.path is not None:
            known.setdefault(one.name, []).insert(0, one)
    here = {plugin.name for plugin in plugins.named()}
    for name, places in known.items():
        problems = [] if name in here else [_unread(one, places) for one in places]
        if problems and None not in problems:
            warnings.warn(str(problems[0]), PluginWarning, stacklevel=2)


def _unread(one: Reference, known: Sequence[Reference]) -> str | None:
    """Reads a file that a database names; returns why it is not read, or None where it is.

    What is run is what was looked at, and not what may lie there a moment later.

    Args:
        one: The file.
        known: What the database knows of its name, newest first.
    """
    path = one.path
    assert path is not None
    if any(plugin.name == one.name for plugin in plugins.named()):
        return None  # from where it was named last
    name = f"--plugin {path}"
    if not path.is_absolute() or not path.is_file():
        return (
            f"Plug-in {path}, which runs were made with, is missing: name the place where it is "
            f"now, as in --plugin {path.name}."
        )
    try:
        content = plugins.content_of(path)
        digest = digest_of(content)
        if digest not in {other.version for other in known}:
            return (
                f"Plug-in {path} has changed since runs were made with it ({one.version}, now "
                f"{digest}): to use it as it is now, add {name}."
            )
        if not _trusted(path, digest):
            return (
                f"Plug-in {path}, which runs were made with, is not run: you have not named it "
                f"here yet. If you know what it does, add {name} once."
            )
        _admit([plugins.read(path, content)])
    except UsageError as error:
        return str(error)
    return None


def _memory() -> Path:
    """The file with what this user has named: a digest and a path a line."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "vaebench" / "plugins"


def _trusted(path: Path, digest: str) -> bool:
    with contextlib.suppress(OSError, UnicodeDecodeError, RuntimeError):
        return f"{digest} {path}" in _memory().read_text(encoding="utf-8").splitlines()
    return False


def _trust(plugin: Plugin) -> None:
    """Remembers that this user has named a file; where no home can be written, nothing is."""
    assert plugin.path is not None
    line = f"{plugin.version} {plugin.path}"
    if _trusted(plugin.path, plugin.version) or "\n" in line:
        return
    with contextlib.suppress(OSError, RuntimeError, UnicodeEncodeError):
        memory = _memory()
        memory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with memory.open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")


def of_training(spec: JobSpec) -> dict[str, str]:
    """Returns the plug-ins that decide what a job's trained model is: name -> version."""
    things: tuple[tuple[type[Record], str], ...] = (
        (Model, spec.model),
        (Network, spec.network),
        (DatasetInfo, spec.dataset),
    )
    found = [plugins.owner(kind, name) for kind, name in things if (kind.kind, name) not in _NAMES]
    return {plugin.name: plugin.version for plugin in found if plugin is not None}


def of_scores(names: Iterable[str]) -> dict[str, str]:
    """Returns the plug-ins that computed scores of these names: name -> version."""
    asked = {name.removeprefix(SAMPLED) for name in names}
    asked -= {name for metric in METRICS for name in metric.names}
    return {
        plugin.name: plugin.version
        for plugin in plugins.loaded()
        if any(asked.intersection(each.names) for each in plugin.records if _is_metric(each))
    }


def _is_metric(record: Record) -> bool:
    return isinstance(record, Metric)


def score_columns(plugin: Plugin) -> list[str]:
    """Returns the scores of a plug-in that have a column in `results`."""
    metrics = [record for record in plugin.records if isinstance(record, Metric)]
    return [one.name for metric in metrics for one in metric.measures if one.column]


def in_use(jobs: Iterable[JobSpec]) -> list[Plugin]:
    """Returns the plug-ins that a sweep's runs depend on, by its jobs or by their scores."""
    cells = {(job.model, job.network, job.dataset): job for job in jobs}
    names = {name for job in cells.values() for name in of_training(job)}
    scoring = [plugin for plugin in plugins.loaded() if any(map(_is_metric, plugin.records))]
    return [plugin for plugin in plugins.loaded() if plugin.name in names or plugin in scoring]


def trained_by(spec: JobSpec) -> str:
    """Returns the digest of all the code that trains a job: vaebench's, and that of plug-ins."""
    return with_versions(training_digest(), of_training(spec))
