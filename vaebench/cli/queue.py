"""`vaebench sweep --executor slurm` and `vaebench stop`: sweeps in a cluster's queue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from vaebench.cli import tables
from vaebench.cli.options import DEFAULT_DATABASE, DatabaseOption
from vaebench.cli.summary import say_finished
from vaebench.errors import UsageError
from vaebench.hints import hint, hint_again
from vaebench.slurm import Request, request

if TYPE_CHECKING:
    from vaebench.sweeping.running import Planned
    from vaebench.sweeping.telling import Telling


def asked(
    executor: str,
    slurm: str | None,
    *,
    detach: bool,
    renew: bool,
    workers: int | None,
    precision: str,
) -> Request | None:
    """Returns what a sweep asks of Slurm; None where it is to be trained otherwise.

    Raises:
        UsageError: The options do not fit each other.
    """
    if executor != "slurm":
        if slurm is not None or detach:
            name = "--detach" if slurm is None else "--slurm"
            raise UsageError(f"{name} is of Slurm's queue: add --executor slurm, or leave it out.")
        return None
    if workers is None:
        raise UsageError("--executor slurm needs --workers: how many allocations to submit.")
    if renew:
        raise UsageError("--renew trains on this machine: leave --executor slurm out.")
    wanted = Request() if slurm is None else request(slurm)
    if wanted.gpus and precision == "auto":
        raise UsageError(
            "--precision auto asks the GPU at hand, which is not the cluster's: name one, as in "
            "--precision bf16."
        )
    return wanted


def train_in_queue(
    sweep: Planned, command: str, wanted: Request, telling: Telling, *, detach: bool
) -> None:
    """Submits a sweep to Slurm's queue, and shows how far it is, unless it is to leave.

    Args:
        sweep: The sweep.
        command: What the user typed.
        wanted: What each allocation asks for.
        telling: Is told, and shown how far it is.
        detach: Leave once it is submitted.

    Raises:
        VaebenchError: The queue takes no allocation, or has lost all of them.
        typer.Exit: With 1 where a job failed, with 130 at Ctrl-C; the allocations go on.
    """
    from vaebench.sweeping.submitting import followed, submitted, words_folder

    location = sweep.place.location
    sent = submitted(sweep, command, telling, wanted)
    if sent.new:
        besides = f"; with those that it had: {_shown(sent.names)}" * (sent.new < len(sent.names))
        new = sent.names[-sent.new :]
        tables.note(f"Submitted {_number(sent.new)} to Slurm, {_shown(new)}{besides}.")
    elif sent.names:
        has = _number(len(sent.names))
        tables.note(
            f"Nothing submitted: {has} of it in Slurm's queue already, {_shown(sent.names)}."
        )
    watch = hint("vaebench status --watch", location)
    end = hint("vaebench stop", location)
    if detach:
        said = words_folder(sweep.place.out)
        tables.note(f"To watch: {watch}. To end: {end}. What they say: {said}")
        return
    shown = replace(sweep, devices=("Slurm",))
    try:
        say_finished(sweep, followed(shown, sent, telling), command)
    except KeyboardInterrupt:
        tables.note(f"The allocations go on. To watch: {watch}. To end: {end}.")
        raise typer.Exit(130) from None


def stop(
    sweep: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="The sweep. Default: all of the database."),
    ] = None,
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Cancel what sweeps have in Slurm's queue.

    What is trained there is checkpointed, and its jobs are pending again: the
    sweep's command goes on with them.

    Example: vaebench stop --sweep 3
    """
    from vaebench.store import Reader
    from vaebench.sweeping.submitting import cancelled

    names = cancelled(db, sweep)
    if not names:
        where = "" if sweep is None else f" of sweep {sweep}"
        tables.note(f"Nothing{where} is in Slurm's queue.")
        return
    said = "What is trained there is being checkpointed."
    tables.note(f"Cancelled {_number(len(names))}, {_shown(names)}. {said}")
    with Reader.open(db) as reader:
        of = [row for row in reader.sweeps() if row.id == sweep] if sweep else reader.sweeps()[-1:]
    tables.note(f"To go on: {hint_again(of[-1].command, db)}")


def _number(allocations: int) -> str:
    return "1 allocation" if allocations == 1 else f"{allocations} allocations"


def _shown(names: tuple[str, ...] | list[str]) -> str:
    few = list(names[:4])
    return ", ".join(few) + (f" and {len(names) - len(few)} more" if len(names) > len(few) else "")
