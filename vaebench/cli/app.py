"""The command line `vaebench` from the first word to the exit code: errors become one line."""

from __future__ import annotations

import errno
import gc
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NoReturn, TextIO

import typer

from vaebench.cli import stopping, tables
from vaebench.cli.commands import application
from vaebench.errors import PluginWarning, UsageError, VaebenchError
from vaebench.harmless import visible
from vaebench.hints import DATABASE_VARIABLE
from vaebench.passwords import scrubbed, without_secrets

_SURROUNDINGS = {
    getattr(errno, name)
    for name in (
        "EACCES EPERM EROFS ENOSPC EDQUOT EIO ENAMETOOLONG ELOOP ENOTDIR EISDIR ENXIO ENODEV EBUSY "
        "ETXTBSY EFBIG EMFILE ENFILE ENOMEM ENOTEMPTY ESTALE ETIMEDOUT"
    ).split()
    if hasattr(errno, name)
}
"""Errors of files that their names, the disk or the system are the cause of, not vaebench."""

_LONGEST_PLACE = 160
"""Characters of a path in a message; of a longer one both ends are shown."""

_GARBAGE = 100_000
"""Objects made, beyond those let go of, before circles among them are looked for."""


def main() -> NoReturn:
    """Runs the command line of this process and exits with its code.

    Garbage is looked for seldom, and never among what is imported: a look at a database is over
    before there is any, and looking for it took a fifth of the time.
    """
    words = sys.argv[1:]
    application(_first(words))  # imported before a signal can cut it in two
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    gc.enable()
    try:
        stopping.while_working()
        code = run(words)
    except KeyboardInterrupt:  # while the last line was being printed
        code = stopping.INTERRUPTED
    stopping.leave(code)


def run(arguments: Sequence[str]) -> int:
    """Runs the command line.

    Args:
        arguments: The words after `vaebench`.

    Returns:
        The exit code: 0 done, 1 a job failed or an error, 2 wrong usage, 130 interrupted.
    """
    words, debug = _without_debug(arguments)
    words, files = _without_plugins(words)
    named = [*words, os.environ.get(DATABASE_VARIABLE, "")]
    urls = [word for word in named if "://" in word]
    complain = partial(_complain, debug=debug, urls=urls)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        with _plugin_warnings_as_lines():
            if "" in files:
                raise UsageError("--plugin names no file: give one, as in --plugin mine.py.")
            if files:
                from vaebench.plugging import use_plugins

                use_plugins(*files)
            command = application(_first(words))
            code = command(args=words, prog_name="vaebench", standalone_mode=False)
        sys.stdout.flush()
    except VaebenchError as error:
        return complain(str(error), error.exit_code)
    except typer.TyperException as error:
        if not error.format_message():  # nothing was typed, and typer has printed the help
            return error.exit_code
        return complain(_usage(error, words), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return complain("interrupted.", stopping.INTERRUPTED)
    except BrokenPipeError:
        return _reader_left()
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):
            return _reader_left()
        raise
    except OSError as error:
        if stopping.came() or error.errno not in _SURROUNDINGS:
            return _defect(urls)
        place = os.fsdecode(error.filename) if error.filename else "the output"
        half = _LONGEST_PLACE // 2
        short = place if len(place) <= _LONGEST_PLACE else f"{place[:half]} … {place[-half:]}"
        return complain(f"{short} cannot be used: {error.strerror}.", 1)
    except Exception:
        return _defect(urls)
    return code if isinstance(code, int) else 0


def _first(words: Sequence[str]) -> str:
    """Returns the word that names the command, if one does."""
    return next((word for word in words if word != "--debug"), "")


def _without_debug(words: Sequence[str]) -> tuple[list[str], bool]:
    """Takes `--debug` out of the words, wherever it stands before a `--`."""
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != "--debug"]
    return [*kept, *words[end:]], len(kept) < end


def _without_plugins(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Takes every `--plugin FILE` out of the words, wherever it stands before a `--`."""
    kept: list[str] = []
    files: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*kept, word, *rest], files
        name, equals, value = word.partition("=")
        if name != "--plugin":
            kept.append(word)
        else:
            files.append(value if equals else next(rest, ""))
    return kept, files


@contextmanager
def _plugin_warnings_as_lines() -> Iterator[None]:
    """Prints what is to be said of plug-ins as vaebench prints what it says, each once."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", PluginWarning)
        usual = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, PluginWarning):
                tables.note(f"vaebench: {message}")
            else:
                usual(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def _usage(error: typer.TyperException, words: Sequence[str]) -> str:
    """Says what typer found wrong, with the value it leaves out, and where help is."""
    message = error.format_message().rstrip(".")
    for option in getattr(getattr(error, "param", None), "opts", ()):
        for word, value in zip(words, [*words[1:], ""], strict=True):
            if word == option or word.startswith(f"{option}="):
                seen = value if word == option else word.partition("=")[2]
                message = f"{option} {seen!r} is not taken: {error.message.rstrip('.')}"
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "vaebench"
    end = "" if message.endswith(("?", "!")) else "."
    return f"{message}{end} See `{command} --help`."


def _complain(message: str, code: int, *, debug: bool, urls: Sequence[str]) -> int:
    """Prints an error's line, and its traceback where asked for, without the URLs' passwords."""
    if debug:
        sys.stderr.write(visible(without_secrets(traceback.format_exc(), urls)))
    tables.note(f"vaebench: {scrubbed(message, urls)}")
    return code


def _defect(urls: Sequence[str]) -> int:
    if stopping.came():  # a library has made another exception of it
        tables.note("vaebench: interrupted.")
        return stopping.INTERRUPTED
    kind, error, _ = sys.exc_info()
    sys.stderr.write(visible(without_secrets(traceback.format_exc(), urls)))
    what = without_secrets(f"{kind.__name__ if kind else 'error'}: {error}", urls)
    tables.note(
        f"vaebench: this is a defect of vaebench: {what}. Please report it with the lines above."
    )
    return 1


def _reader_left() -> int:
    """Ends quietly once the reader of a pipe has gone, as in `vaebench runs | head`."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    main()
