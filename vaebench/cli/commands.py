"""The commands of `vaebench`: which there are, in which file, and that one alone imported."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Annotated

import typer

from vaebench.version import __version__

_RUN, _LOOK, _KEEP, _KNOWN = "Run", "Look at results", "Keep results", "Models and data"

_COMMANDS = {
    "sweep": ("sweep", _RUN),
    "work": ("work", _RUN),
    "stop": ("queue", _RUN),
    "retry": ("inspect", _RUN),
    "reproduce": ("reproduce", _RUN),
    "status": ("status", _LOOK),
    "runs": ("runs", _LOOK),
    "show": ("inspect", _LOOK),
    "diff": ("inspect", _LOOK),
    "compare": ("compare", _LOOK),
    "report": ("report", _LOOK),
    "explore": ("explore", _LOOK),
    "export": ("export", _LOOK),
    "evaluate": ("evaluate", _KEEP),
    "merge": ("upkeep", _KEEP),
    "remove": ("upkeep", _KEEP),
    "prune": ("upkeep", _KEEP),
    "files": ("files", _KEEP),
    "models": ("known", _KNOWN),
    "networks": ("known", _KNOWN),
    "scores": ("known", _KNOWN),
    "studies": ("studies", _KNOWN),
    "data": ("data", _KNOWN),
}
"""By name, in the order of the help: the file that has a command, and where the help lists it.

The file has a function of that name; that of a group of commands has an `app` with them.
"""

_EXAMPLES = """
[bold]Examples[/bold]

vaebench sweep --models cvae,betavae_h --betas 0.5,1,3,10

vaebench status --watch

vaebench runs --model cvae --sort -mig

vaebench report
"""


def application(word: str) -> typer.Typer:
    """Returns the command line, for one command as if there were no others.

    Importing all of them, and having typer read the options of each, takes a fifth of the time
    that `vaebench status` takes.

    Args:
        word: The first word typed; where it is no command all of them are there, for the help and
            for what is said of a mistyped one.
    """
    return _application(word if word in _COMMANDS else "")


@cache
def _application(chosen: str) -> typer.Typer:
    app = typer.Typer(
        name="vaebench",
        help="Sweeps of variational autoencoders with a result database: train, compare, report.",
        epilog=_EXAMPLES,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_everywhere)
    for name, (file, panel) in _COMMANDS.items():
        if chosen not in ("", name):
            continue
        module = import_module(f"vaebench.cli.{file}")
        if hasattr(module, name):
            app.command(rich_help_panel=panel)(getattr(module, name))
        else:
            app.add_typer(module.app, name=name, rich_help_panel=panel)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vaebench {__version__}")
        raise typer.Exit


def _everywhere(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors; before or after a command.")
    ] = False,
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE.py",
            help="Add the models, networks, data sets and scores of a file (docs/plugins.md); "
            "before or after a command. Repeatable.",
        ),
    ] = None,
) -> None:
    """Takes options that stand before a command; `run` has acted on `--debug` and `--plugin`."""
