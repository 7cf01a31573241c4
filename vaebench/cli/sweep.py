"""`vaebench sweep`: a grid of jobs, from options or a study, to a filled database."""

from __future__ import annotations

import contextlib
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from vaebench.cli import parsing
from vaebench.cli.bars import make_ready
from vaebench.cli.dry_run import say_plan, states_of
from vaebench.cli.own import own_data
from vaebench.cli.planning import Request, plan
from vaebench.cli.running import cores, run_jobs
from vaebench.devices import resolve_device, resolve_precision
from vaebench.errors import StoreError, UsageError
from vaebench.passwords import hidden
from vaebench.spec import Setting
from vaebench.study import Entry, Study, load_study

WHAT, HOW, WHERE = "What to train", "How to train it", "Where and when"


def sweep(
    models: Annotated[
        str | None,
        typer.Option(
            help="Models, as in cvae,betavae_h; `vaebench models` lists them. "
            "Default: cvae,betavae_h, or the study's.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    betas: Annotated[
        str | None,
        typer.Option(
            help="Values of beta for the models that have one, as in 0.5,1,3,10.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="MODEL.PARAM=V1,V2",
            help="Values of any parameter of a model. Repeatable.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="5 is seeds 0 to 4; 0,3,7 or 0-9 names them. Default: 3, or the study's.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "--datasets",
            help="Data sets; `vaebench data list` lists them. Default: dsprites, or the study's.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A paper's experiment (`vaebench studies`), or a TOML file of your own; "
            "the other options change or narrow it.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(help="Cross-validation in so many folds.", rich_help_panel=WHAT),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help=f"Steps of a job. Default: {Setting.steps}.", rich_help_panel=HOW),
    ] = None,
    epochs: Annotated[
        float | None,
        typer.Option(help="Passes over the training set, not --steps.", rich_help_panel=HOW),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help=f"Examples a step. Default: {Setting.batch_size}.", rich_help_panel=HOW),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(
            help=f"Adam's learning rate. Default: {Setting.learning_rate}.", rich_help_panel=HOW
        ),
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option(help="L2 penalty in Adam's gradient. Default: 0.", rich_help_panel=HOW),
    ] = None,
    latent_dim: Annotated[
        int | None,
        typer.Option(help=f"Latents. Default: {Setting.latent_dim}.", rich_help_panel=HOW),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="locatello (64 px), burgess (64, 32), conv28 (28) or mlp. "
            "Default: by the data set's size.",
            rich_help_panel=HOW,
        ),
    ] = None,
    likelihood: Annotated[
        str | None,
        typer.Option(help="bernoulli or gaussian. Default: bernoulli.", rich_help_panel=HOW),
    ] = None,
    warmup: Annotated[
        int | None,
        typer.Option(help="Steps over which beta grows from 0. Default: 0.", rich_help_panel=HOW),
    ] = None,
    initialisation: Annotated[
        str | None,
        typer.Option(
            help="glorot (the study's) or torch (PyTorch's). Default: glorot.", rich_help_panel=HOW
        ),
    ] = None,
    eval_size: Annotated[
        int | None,
        typer.Option(
            help="Points that train the BetaVAE and FactorVAE scores; the study's: 10000. "
            f"Default: {Setting.eval_size}.",
            rich_help_panel=HOW,
        ),
    ] = None,
    scores: Annotated[
        str | None,
        typer.Option(
            help="core, or all: with DCI, SAP, explicitness and downstream tasks, which train "
            "classifiers. Default: core.",
            rich_help_panel=HOW,
        ),
    ] = None,
    dci: Annotated[
        str | None,
        typer.Option(
            metavar="reference",
            help="DCI by the study's own gradient boosting: minutes a run, with --scores all.",
            rich_help_panel=HOW,
        ),
    ] = None,
    solver: Annotated[
        str | None,
        typer.Option(
            metavar="lbfgs",
            help="Scores by today's multinomial logistic regression, not the study's one-vs-rest.",
            rich_help_panel=HOW,
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            help="fp32, bf16, or auto: bf16 where the device computes it natively.",
            rich_help_panel=HOW,
        ),
    ] = "auto",
    device: Annotated[
        str,
        typer.Option(
            help="auto takes CUDA, then MPS, then the CPU; or cpu, cuda, cuda:1, mps.",
            rich_help_panel=WHERE,
        ),
    ] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            help="Jobs at once. Default: one a core, or one a GPU.", rich_help_panel=WHERE
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(help="Folder for checkpoints, models and report.", rich_help_panel=WHERE),
    ] = Path("results"),
    db: Annotated[
        str | None,
        typer.Option(
            envvar="VAEBENCH_DB",
            metavar="FILE",
            help="Result database: a file, or a PostgreSQL URL. Default: OUT/results.db.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="VAEBENCH_DATA",
            metavar="FOLDER",
            help="Folder of downloaded data sets. Default: data.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    checkpoint_every: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="Time between a job's checkpoints.", rich_help_panel=WHERE
        ),
    ] = 20.0,
    skip_broken: Annotated[
        bool,
        typer.Option("--skip-broken", help="Leave out broken images.", rich_help_panel=WHERE),
    ] = False,
    retries: Annotated[
        int,
        typer.Option(help="How often a failed job is tried again.", rich_help_panel=WHERE),
    ] = 0,
    fail_fast: Annotated[
        bool,
        typer.Option("--fail-fast", help="Stop at the first failure.", rich_help_panel=WHERE),
    ] = False,
    renew: Annotated[
        bool,
        typer.Option(
            "--renew",
            help="Train those jobs again that are done, but were made by other code of vaebench; "
            "the old figures stay until the new ones are whole.",
            rich_help_panel=WHERE,
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="List the jobs, measure how long they would take, and train none.",
            rich_help_panel=WHERE,
        ),
    ] = False,
) -> None:
    """Train models × strengths × seeds and store every metric.

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
    typed: dict[str, Any] = {
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": lr,
        "weight_decay": weight_decay,
        "latent_dim": latent_dim,
        "network": network,
        "likelihood": likelihood,
        "warmup_steps": warmup,
        "initialisation": initialisation,
        "eval_size": eval_size,
        "scores": scores,
        "dci": dci,
        "solver": solver,
    }
    request = Request(
        study=PLAIN if study is None else load_study(study),
        models=() if models is None else parsing.names(models) or _none("model", "--models vae"),
        betas=parsing.numbers("--betas", betas) if betas is not None else (),
        grid=parsing.grid(set_ or ()),
        seeds=seeds,
        datasets=()
        if dataset is None
        else parsing.names(dataset) or _none("data set", "--dataset dsprites"),
        folds=folds,
        epochs=epochs,
        setting={name: value for name, value in typed.items() if value is not None},
    )

    resolved = resolve_device(device)
    named = request.datasets or request.study.datasets
    location = db or str(out / "results.db")
    own = own_data(named, data_dir, location, skip_broken=skip_broken, dry_run=dry_run)
    jobs = plan(request, data_dir, resolve_precision(precision, resolved), own)
    count = min(workers or (cores() if resolved == "cpu" else 1), len(jobs))
    if dry_run:
        say_plan(jobs, location, request.betas, resolved, count, own.values())
        return

    from vaebench.context import WorkerContext
    from vaebench.data import load_dataset

    states: dict[str, str] = {}
    with contextlib.suppress(StoreError):  # whoever opens it for writing says what is wrong
        states = {} if renew else states_of(location)
    wanted = {job.dataset for job in jobs if states.get(job.key) != "COMPLETE"}
    published = [name for name in named if name not in own and name in wanted]
    make_ready(published, data_dir)
    for name in published:
        load_dataset(name, data_dir)  # what is missing is said before a job is stored
    context = WorkerContext(
        out=out,
        device=resolved,
        data_dir=data_dir,
        checkpoint_seconds=checkpoint_every,
        own=tuple(own.values()),
    )
    run_jobs(
        jobs,
        location,
        context,
        command=shlex.join(map(hidden, ["vaebench", *sys.argv[1:]])),
        workers=count,
        retries=retries,
        fail_fast=fail_fast,
        renew=renew,
    )


PLAIN = Study(name="", entries=(Entry("cvae"), Entry("betavae_h")))
"""What is trained where neither a study nor a model is named."""


def _none(kind: str, example: str) -> tuple[str, ...]:
    raise UsageError(f"No {kind} given: name at least one, as in {example}.")
