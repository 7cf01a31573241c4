"""`vaebench sweep`: a grid of jobs, from options or a study, to a filled database."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from vaebench import lists
from vaebench.cli import queue
from vaebench.cli.dry_run import say_plan
from vaebench.cli.options import (
    WHERE,
    AddressOption,
    CheckpointEveryOption,
    DetachOption,
    DeviceOption,
    ExecutorOption,
    MixedOption,
    SlurmOption,
    WorkersOption,
)
from vaebench.cli.summary import say_finished
from vaebench.cli.telling import Terminal
from vaebench.errors import UsageError
from vaebench.passwords import hidden
from vaebench.spec import Setting
from vaebench.study import PLAIN
from vaebench.study_files import load_study
from vaebench.sweeping.engines import PROCESSES
from vaebench.sweeping.planning import FIELDS
from vaebench.sweeping.running import Place, carried_out, planned

TELLING = Terminal()
WHAT, HOW = "What to train", "How to train it"


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
            help="Data sets; `vaebench data list` lists them. A comma in a path is written \\,. "
            "Default: dsprites, or the study's.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Which of CelebA's attributes is the label.", rich_help_panel=WHAT),
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
            help="fp32, tf32, bf16, or auto: bf16 where the device computes it natively.",
            rich_help_panel=HOW,
        ),
    ] = "auto",
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    out: Annotated[
        str,
        typer.Option(
            metavar="FOLDER|URL",
            help="Folder for checkpoints, models and report; or s3://BUCKET/PREFIX, gs://…, "
            "sftp://… for checkpoints and models.",
            rich_help_panel=WHERE,
        ),
    ] = "results",
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
    checkpoint_every: CheckpointEveryOption = 20.0,
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
    executor: ExecutorOption = "processes",
    address: AddressOption = None,
    slurm: SlurmOption = None,
    detach: DetachOption = False,
    mixed: MixedOption = False,
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE.py",
            help="Add the models, networks, data sets and scores of a file; the sweep remembers "
            "it. Repeatable, and of every command.",
            rich_help_panel=WHAT,
        ),
    ] = None,
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
    if steps is not None and epochs is not None:
        raise UsageError("--steps and --epochs exclude each other: give one of them.")
    options = locals()
    wanted = queue.asked(
        executor, slurm, detach=detach, renew=renew, workers=workers, precision=precision
    )
    place = Place(
        out=out,
        db=db,
        data_dir=data_dir,
        device=device,
        precision=precision,
        workers=workers,
        checkpoint_every=checkpoint_every,
        skip_broken=skip_broken,
        retries=retries,
        fail_fast=fail_fast,
        executor=executor if wanted is None else PROCESSES.name,
        address=address,
        mixed=mixed,
    )
    from vaebench.store import recall_plugins

    recall_plugins(place.location)  # before a name is looked up: it may be one of theirs
    strengths = () if betas is None else lists.numbers("--betas", betas)
    asked = (PLAIN if study is None else load_study(study)).over(
        models=None if models is None else lists.names(models),
        betas=strengths,
        grid=lists.grid(set_ or ()),
        seeds=None if seeds is None else lists.seeds(seeds),
        datasets=None if dataset is None else lists.names(dataset),
        folds=folds,
        label=label,
        setting={FIELDS[name]: options[name] for name in FIELDS if options[name] is not None},
    )
    sweep = planned(asked, place, TELLING, dry_run=dry_run)
    if dry_run:
        say_plan(sweep, strengths)
        return
    command = shlex.join(map(hidden, ["vaebench", *sys.argv[1:]]))
    if wanted is not None:
        queue.train_in_queue(sweep, command, wanted, TELLING, detach=detach)
        return
    finished = carried_out(sweep, command, TELLING, renew=renew)
    say_finished(sweep, finished, command)
