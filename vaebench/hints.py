"""Commands that messages propose: quoted for the shell, and for the database at hand."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from vaebench.passwords import HIDDEN, hidden, scrubbed_command

DEFAULT_DATABASE = "results/results.db"
"""What commands open where neither `--db` nor `VAEBENCH_DB` names a database."""

DATABASE_VARIABLE = "VAEBENCH_DB"
DEFAULT_OUT = "results"


def folder_of(db: str) -> Path:
    """Returns the folder of a database's models and report where none is named: beside a file."""
    return Path(DEFAULT_OUT) if "://" in db else Path(db).parent


def hint(command: str, db: str) -> str:
    """Completes a command with the `--db` that it needs to open a database.

    Args:
        command: As in `vaebench show KEY`.
        db: The database: a path or a URL, with its password or without.

    Returns:
        The command, to be pasted: with nothing more for the default, with `"$VAEBENCH_DB"` where
        that names the database, else with the name quoted.
    """
    return command + _option(db)


def hint_again(command: str, db: str) -> str:
    """Turns the command of a sweep into one that goes on with it in a database.

    Args:
        command: As it was typed, perhaps for a database that `VAEBENCH_DB` named then.
        db: The database that holds the sweep, as it is called now.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return hint(scrubbed_command(command), db)
    typed = _take(words, "--db")
    if typed is None and not os.environ.get(DATABASE_VARIABLE):
        place = Path(_value(words, "--out") or DEFAULT_OUT) / "results.db"
        option = "" if str(place) == str(Path(db)) else _named(db)
    else:
        option = _option(db) or _named(db)
        if typed is not None and option == _named(typed):
            return scrubbed_command(command)
    return shlex.join(map(hidden, words)) + option


def hint_report(db: str, out: str | Path) -> str:
    """Returns the command that reports on a database whose sweep wrote to the folder `out`."""
    command = hint("vaebench report", db)
    if "://" in db and "://" not in str(out) and Path(out) != Path(DEFAULT_OUT):
        command += f" --out {shlex.quote(str(Path(out) / 'report'))}"
    return command


def hint_data(action: str, name: str, data_dir: str | Path | None = None) -> str:
    """Returns the command that does something to a data set's files.

    Args:
        action: `download` or `check`.
        name: The data set.
        data_dir: Folder of downloaded data sets; None for a user's own, which lie elsewhere.
    """
    folder = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
    return f"vaebench data {action} {shlex.quote(name)}{folder}"


def password_hint(db: str) -> str | None:
    """Says what to do about the password that hints leave out; None where they leave out none."""
    if HIDDEN not in _option(db):
        return None
    return (
        f"{HIDDEN} stands for the password: put the URL into {DATABASE_VARIABLE}, and no command "
        "needs --db."
    )


def _option(db: str) -> str:
    variable = os.environ.get(DATABASE_VARIABLE)
    if variable and hidden(variable) == hidden(db):
        return f' --db "${DATABASE_VARIABLE}"'
    return "" if db == DEFAULT_DATABASE and not variable else _named(db)


def _named(db: str) -> str:
    return f" --db {shlex.quote(hidden(db))}"


def _value(words: list[str], option: str) -> str | None:
    return _take(list(words), option)


def _take(words: list[str], option: str) -> str | None:
    """Takes an option and its value out of a command's words; returns the last value given."""
    value = None
    for place in reversed(range(len(words))):
        word = words[place]
        if word == option and place + 1 < len(words):
            value = words[place + 1] if value is None else value
            del words[place : place + 2]
        elif word.startswith(f"{option}="):
            value = word.partition("=")[2] if value is None else value
            del words[place]
    return value
