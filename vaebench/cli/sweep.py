"""`vaebench sweep`: a grid of jobs from options to a filled database."""

from __future__ import annotations

import dataclasses
import math
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from vaebench.cli import parsing
from vaebench.cli.display import SweepDisplay
from vaebench.cli.summary import closing, job_table, results_table
from vaebench.errors import UsageError
from vaebench.spec import JobSpec, Setting, SweepSpec, model_info

if TYPE_CHECKING:
    from vaebench.data import Dataset
    from vaebench.runner import Beat, JobEnded, Runner
    from vaebench.worker import WorkerContext

DEFAULT_NETWORKS = {64: "locatello", 32: "burgess", 28: "burgess"}
"""Network for observations of a size, where none is named."""


def sweep(
    models: Annotated[
        str,
        typer.Option(help="Models to train, as in cvae,betavae_h. `vaebench models` lists them."),
    ] = "cvae,betavae_h",
    betas: Annotated[
        str | None,
        typer.Option(help="Values of beta for the models that have one, as in 0.5,1,3,10."),
    ] = None,
    seeds: Annotated[str, typer.Option(help="5 is seeds 0 to 4; 0,3,7 or 0-9 names them.")] = "3",
    dataset: Annotated[str, typer.Option(help="Data set. `vaebench data list` lists them.")] = (
        "dsprites"
    ),
    steps: Annotated[
        int | None, typer.Option(help=f"Optimiser steps a job. Default: {Setting.steps}.")
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the training set, instead of --steps.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Examples a step.")] = Setting.batch_size,
    lr: Annotated[float, typer.Option(help="Adam's learning rate.")] = Setting.learning_rate,
    weight_decay: Annotated[
        float, typer.Option(help="L2 penalty in Adam's gradient.")
    ] = Setting.weight_decay,
    latent_dim: Annotated[int, typer.Option(help="Number of latents.")] = Setting.latent_dim,
    network: Annotated[
        str | None,
        typer.Option(
            help="Architecture: locatello (64 px), burgess (64, 32 px) or mlp.  "
            "[default: by the data set's size]"
        ),
    ] = None,
    likelihood: Annotated[
        str, typer.Option(help="Of the pixels: bernoulli or gaussian.")
    ] = Setting.likelihood,
    warmup: Annotated[
        int, typer.Option(help="Steps over which beta grows from 0.")
    ] = Setting.warmup_steps,
    initialisation: Annotated[
        str, typer.Option(help="glorot (as the study) or torch (PyTorch's default).")
    ] = Setting.initialisation,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Values of a model's parameter: MODEL.PARAM=v1,v2. Repeatable."),
    ] = None,
    eval_size: Annotated[
        int,
        typer.Option(
            help="Points that train the BetaVAE and FactorVAE scores; the study's: 10000."
        ),
    ] = Setting.eval_size,
    precision: Annotated[
        str, typer.Option(help="fp32, bf16, or auto: bf16 where the device computes it natively.")
    ] = "auto",
    out: Annotated[
        Path, typer.Option(help="Folder for checkpoints, models and the report.")
    ] = Path("results"),
    db: Annotated[
        str | None,
        typer.Option(
            envvar="VAEBENCH_DB", help="Database: a file or a URL. Default: OUT/results.db."
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="VAEBENCH_DATA", help="Folder of downloaded data. Default: data."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Jobs at once. Default: one a core, or one a GPU.")
    ] = None,
    device: Annotated[
        str,
        typer.Option(help="auto takes CUDA, then MPS, then the CPU; or cpu, cuda, cuda:1, mps."),
    ] = "auto",
    checkpoint_every: Annotated[
        float, typer.Option(metavar="SECONDS", help="Wall time between a job's checkpoints.")
    ] = 20.0,
    retries: Annotated[int, typer.Option(help="How often a failed job is tried again.")] = 0,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first job that fails.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the jobs and train nothing.")
    ] = False,
) -> None:
    """Train models × betas × seeds and store every metric.

    The same command again does no work, a larger one does only what is missing, and one that was
    interrupted or killed goes on where it stopped.

    Example: vaebench sweep --models cvae,betavae_h --betas 0.5,1,3,10 --seeds 5
    """
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}: it must be 1 or more.")
    if not checkpoint_every >= 0:
        raise UsageError(f"--checkpoint-every is {checkpoint_every}: it must be 0 or more.")
    if retries < 0:
        raise UsageError(f"--retries is {retries}: it must be 0 or more.")
    if steps is not None and epochs is not None:
        raise UsageError("--steps and --epochs exclude each other: give one of them.")
    plan = SweepSpec(
        models=parsing.names(models),
        seeds=parsing.seeds(seeds),
        betas=parsing.numbers("--betas", betas) if betas is not None else (),
        grid=parsing.grid(set_ or ()),
    )

    from vaebench.data import load_dataset
    from vaebench.training import resolve_device, resolve_precision

    data = load_dataset(dataset, data_dir)
    native = data.observation_shape[1]
    resolved = resolve_device(device)
    setting = Setting(
        dataset=dataset,
        steps=_steps(steps, epochs, len(data.train_indices), batch_size),
        batch_size=batch_size,
        learning_rate=lr,
        weight_decay=weight_decay,
        latent_dim=latent_dim,
        network=network or DEFAULT_NETWORKS.get(native, "mlp"),
        likelihood=likelihood,
        warmup_steps=warmup,
        initialisation=initialisation,
        precision=resolve_precision(precision, resolved),
        eval_size=eval_size,
    )
    jobs = dataclasses.replace(plan, setting=setting).expand()
    _check(jobs, data)
    location = db or str(out / "results.db")
    if dry_run:
        job_table(jobs, _states(location), plan.betas)
        return

    from vaebench.worker import WorkerContext

    context = WorkerContext(
        out=out, device=resolved, data_dir=data_dir, checkpoint_seconds=checkpoint_every
    )
    count = workers or (_cores() if resolved == "cpu" else 1)
    run_jobs(
        jobs,
        location,
        context,
        command=shlex.join(["vaebench", *sys.argv[1:]]),
        workers=min(count, len(jobs)),
        retries=retries,
        fail_fast=fail_fast,
    )


def run_jobs(
    jobs: Sequence[JobSpec],
    location: str,
    context: WorkerContext,
    *,
    command: str,
    workers: int,
    retries: int = 0,
    fail_fast: bool = False,
) -> None:
    """Trains jobs into a database, with a live display and a summary at the end.

    Args:
        jobs: The jobs, in order.
        location: The database.
        context: Where and how workers work.
        command: What the user typed, kept in the database.
        workers: Jobs at once.
        retries: How often a failed job is tried again.
        fail_fast: Stop at the first failure.

    Raises:
        typer.Exit: With 1 where a job failed, with 130 where the user stopped the sweep.
    """
    from vaebench.executors import ProcessExecutor
    from vaebench.runner import JobEnded, Runner
    from vaebench.store import Store
    from vaebench.worker import run_pack

    with Store(location) as store:
        added = store.add_sweep(jobs, command)
        display = SweepDisplay(len(jobs), workers, context.device)

        def on_event(event: JobEnded | Beat) -> None:
            if isinstance(event, JobEnded) and event.state == "complete":
                context.forget(event.spec.key)
            display.show(event)

        runner: Runner
        executor = ProcessExecutor(
            run_pack,
            context,
            workers=workers,
            on_event=lambda progress: runner.progressed(progress),
        )
        runner = Runner(
            store,
            added.sweep_id,
            executor,
            retries=retries,
            fail_fast=fail_fast,
            on_event=on_event,
        )
        with _stopping(runner, display) as stopped, display:
            counts = runner.run()
        rows = [row for row in store.results() if row["job_key"] in {job.key for job in jobs}]
        failed = store.jobs(sweep_id=added.sweep_id, states=["FAILED"])
    results_table(rows)
    report = (
        "vaebench report"
        if location == "results/results.db"
        else f"vaebench report --db {location}"
    )
    closing(counts, [(row.key, row.error or "") for row in failed], location, command, report)
    if stopped:
        raise typer.Exit(130)
    if failed or counts["PENDING"]:
        raise typer.Exit(1)


@contextmanager
def _stopping(runner: Runner, display: SweepDisplay) -> Iterator[list[int]]:
    """Lets Ctrl-C and SIGTERM end a sweep in order: once to checkpoint, twice at once.

    Yields:
        The signals that came, filled while the block runs.
    """
    seen: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        seen.append(number)
        if len(seen) > 1:
            raise KeyboardInterrupt
        display.say("Stopping: what runs is being checkpointed. Ctrl-C again stops at once.")
        runner.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    clean = False
    try:
        yield seen
        clean = True
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        runner.close(kill=not clean)


def _steps(steps: int | None, epochs: float | None, examples: int, batch_size: int) -> int:
    if epochs is None:
        return Setting.steps if steps is None else steps
    if not math.isfinite(epochs) or epochs <= 0:
        raise UsageError(f"--epochs is {epochs}: it must be a number above 0.")
    return math.ceil(epochs * examples / max(batch_size, 1))


def _cores() -> int:
    """Returns the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check(jobs: Sequence[JobSpec], data: Dataset) -> None:
    """Refuses jobs that cannot be trained before anything is stored."""
    from vaebench.models import build_network, input_size

    channels, native, _ = data.observation_shape
    for name in {job.network for job in jobs}:
        size = input_size(name, native)
        build_network(name, (channels, size, size), 2)
    for model in {job.model for job in jobs}:
        if model_info(model).conditional and not data.label_names:
            raise UsageError(f"Model {model!r} needs labels, and {data.name} has none.")


def _states(location: str) -> dict[str, str]:
    """Returns the states of the jobs that a database knows; of none where it does not exist."""
    from vaebench.store import Reader

    if "://" not in location and not Path(location).exists():
        return {}
    with Reader.open(location) as reader:
        return reader.states()
