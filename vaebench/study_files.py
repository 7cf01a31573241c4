"""Studies as files: the papers' experiments, which come with vaebench, and the user's own."""

from __future__ import annotations

import dataclasses
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaebench import lists
from vaebench.errors import UsageError, unknown
from vaebench.models import find_model
from vaebench.spec import Setting
from vaebench.study import Entry, Study, merged

FOLDER = Path(__file__).parent / "studies"
"""The studies that come with vaebench."""

SETTING_KEYS = tuple(
    f.name for f in dataclasses.fields(Setting) if f.name not in {"dataset", "precision", "folds"}
)
"""What `[setting]` may hold, besides `epochs`."""

LARGEST = sys.float_info.max


def study_names() -> list[str]:
    """Returns the names of the studies that come with vaebench."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def load_study(name: str) -> Study:
    """Reads a study by its name, or a study file of the user's own.

    Args:
        name: One of `study_names`, or the path of a `.toml` file.

    Raises:
        UsageError: There is none of that name, or the file has an unknown key or a wrong value.
    """
    path = study_path(name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise UsageError(f"Study file {path} is nested too deep to be a study.") from error
    except ValueError as error:  # not TOML, not UTF-8, or a number of thousands of digits
        raise UsageError(f"Study file {path} is not TOML: {error}.") from error
    except OSError as error:
        raise UsageError(f"Study file {path} cannot be read: {error.strerror}.") from error
    known = {f.name for f in dataclasses.fields(Study)} - {"name", "entries"} | {"models"}
    _known(path, "key", content, known)
    setting = _table(path, "setting", content.get("setting", {}))
    models = content.get("models", [])
    if not isinstance(models, list) or not models:
        raise UsageError(f"Study file {path} has no [[models]]: it needs at least one.")
    study = Study(
        name=path.stem,
        title=str(content.get("title", "")),
        paper=str(content.get("paper", "")),
        datasets=_datasets(path, content.get("datasets", ["dsprites"])),
        seeds=_seeds(path, content.get("seeds", "3")),
        entries=tuple(_entry(path, table) for table in models),
        setting=setting,
        folds=content.get("folds"),
        label=_label(path, content.get("label")),
    )
    for entry in study.entries:
        values = merged(setting, entry.setting) | {"folds": study.folds}
        epochs = values.pop("epochs", 1)
        try:
            Setting(**values)
        except UsageError as error:
            raise UsageError(f"Study file {path}: {error}") from None
        if isinstance(epochs, bool) or not isinstance(epochs, (int, float)):
            raise UsageError(f"Study file {path}: epochs is {epochs!r}, it must be a number.")
    return study


def study_path(name: str) -> Path:
    """Returns the file of a study.

    Args:
        name: One of `study_names`, or the path of a `.toml` file.

    Raises:
        UsageError: There is none.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            what = "is a folder, no file" if path.is_dir() else "does not exist"
            raise UsageError(f"Study file {name} {what}.")
        return path
    if name not in study_names():
        raise unknown("study", name, study_names())
    return FOLDER / f"{name}.toml"


def _datasets(path: Path, found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not found or not all(isinstance(n, str) for n in found):
        raise UsageError(
            f"Study file {path}: datasets is {found!r}, "
            'it must be a list of names, as in ["dsprites"].'
        )
    return tuple(found)


def _label(path: Path, found: Any) -> str | None:
    if found is not None and not isinstance(found, str):
        raise UsageError(
            f"Study file {path}: label is {found!r}, it must be an attribute's name, as in "
            '"Eyeglasses".'
        )
    return found


def _seeds(path: Path, found: Any) -> tuple[int, ...]:
    if isinstance(found, bool) or not isinstance(found, (str, int)):
        raise UsageError(
            f'Study file {path}: seeds is {found!r}, it must be a text as in "5", "0,3,7" or "0-9".'
        )
    return lists.seeds(str(found))


def _entry(path: Path, table: Any) -> Entry:
    if not isinstance(table, dict) or "name" not in table:
        raise UsageError(f"Study file {path}: each [[models]] needs a name.")
    name = str(table["name"])
    parameters = [each.name for each in find_model(name).parameters]
    _known(path, f"key of model {name!r}", table, {"name", "setting", *parameters})
    grid = {}
    for parameter in parameters:
        if parameter in table:
            values = table[parameter] if isinstance(table[parameter], list) else [table[parameter]]
            if not values or not all(
                isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) <= LARGEST
                for v in values
            ):
                raise UsageError(
                    f"Study file {path}: {name}.{parameter} is {table[parameter]!r}, "
                    "it must be a number or a list of numbers."
                )
            grid[parameter] = tuple(map(float, values))
    return Entry(name, grid, _table(path, f"setting of {name!r}", table.get("setting", {})))


def _table(path: Path, what: str, table: Any) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise UsageError(f"Study file {path}: the {what} must be a table.")
    _known(path, f"key of the {what}", table, {*SETTING_KEYS, "epochs"})
    if {"steps", "epochs"} <= table.keys():
        raise UsageError(f"Study file {path}: the {what} has both steps and epochs, give one.")
    return dict(table)


def _known(path: Path, kind: str, found: Mapping[str, Any], known: set[str]) -> None:
    for key in found:
        if key not in known:
            problem = unknown(kind, key, sorted(known))
            raise UsageError(f"Study file {path}: {problem}")
