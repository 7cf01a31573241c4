"""`vaebench.sweep`: what `vaebench sweep` does, called from Python."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from vaebench import lists
from vaebench.errors import UsageError
from vaebench.hints import folder_of
from vaebench.outputs import is_url
from vaebench.passwords import hidden
from vaebench.plugging import use_plugins
from vaebench.study import PLAIN
from vaebench.study_files import load_study
from vaebench.sweeping.planning import FIELDS
from vaebench.sweeping.progress import Progress
from vaebench.sweeping.running import Place, carried_out, planned
from vaebench.sweeping.telling import Silence

if TYPE_CHECKING:
    import pandas as pd

    from vaebench.report import ReportSummary

Names = str | Iterable[str]
Numbers = float | Iterable[float]
Files = str | Path | Iterable[str | Path]


@dataclass(frozen=True)
class SweepResult:
    """A sweep that has come to its end.

    Attributes:
        db: Its database: a file, or a URL.
        out: Folder of its models, or URL.
        keys: The keys of its jobs, in the order they were trained in.
        counts: Its jobs by state.
        failed: Key -> what went wrong, of jobs that failed.
    """

    db: str
    out: str | Path
    keys: tuple[str, ...]
    counts: Mapping[str, int]
    failed: Mapping[str, str]

    @property
    def runs(self) -> pd.DataFrame:
        """Its finished runs, one row each, in the order of `keys`: the columns of `results`."""
        from vaebench.frames import runs

        found = runs(self.db)
        place = {key: number for number, key in enumerate(self.keys)}
        mine = found[found["job_key"].isin(place)]
        return mine.sort_values("job_key", key=lambda keys: keys.map(place), ignore_index=True)

    def report(self, out: str | Path | None = None, **options: Any) -> ReportSummary:
        """Writes the report of the whole database, as `vaebench report` does.

        Args:
            out: Folder to write to; None for `report` beside the models, or beside the database
                where those lie at a URL.
            options: As of `vaebench.report.build_report`.
        """
        from vaebench.report import build_report
        from vaebench.store import Reader

        with Reader.open(self.db) as reader:
            beside = folder_of(self.db) if is_url(self.out) else Path(self.out)
            return build_report(reader, Path(out or beside / "report"), **options)


def sweep(
    models: Names | None = None,
    betas: Numbers | None = None,
    *,
    grid: Mapping[str, Mapping[str, Numbers]] | None = None,
    seeds: int | Iterable[int] | None = None,
    dataset: Names | None = None,
    label: str | None = None,
    study: str | None = None,
    folds: int | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    weight_decay: float | None = None,
    latent_dim: int | None = None,
    network: str | None = None,
    likelihood: str | None = None,
    warmup: int | None = None,
    initialisation: str | None = None,
    eval_size: int | None = None,
    scores: str | None = None,
    dci: str | None = None,
    solver: str | None = None,
    precision: str = "auto",
    device: str = "auto",
    workers: int | None = None,
    out: str | Path = "results",
    db: str | Path | None = None,
    data_dir: str | Path | None = None,
    checkpoint_every: float = 20.0,
    skip_broken: bool = False,
    retries: int = 0,
    fail_fast: bool = False,
    executor: str = "processes",
    address: str | None = None,
    renew: bool = False,
    plugins: Files | None = None,
    progress: bool = True,
) -> SweepResult:
    """Trains models × strengths × seeds and stores every metric, as `vaebench sweep` does.

    The same call again does no work, a larger one does only what is missing, and one that was
    interrupted or killed goes on where it stopped; so does the same sweep from a shell, and the
    other way round. Ctrl-C, or a notebook's stop button, checkpoints what runs and then raises
    KeyboardInterrupt. It may be called in a script (without a guard of `__main__`), in a notebook
    and in a thread; a signal ends it in order only in the main one.

    Args:
        models: Names or aliases of models; None for cvae and betavae_h, or the study's.
        betas: Values of beta for the models that have one.
        grid: Values of any hyperparameter, by model and name: `{"betavae_b": {"c_max": [5, 25]}}`.
        seeds: How many, from 0 on, or which; None for 3, or the study's.
        dataset: Names of data sets, `npz:PATH` and `folder:PATH` too; None for dsprites.
        label: Which of CelebA's 40 attributes is the label, as in Eyeglasses; None for Smiling.
        study: A paper's experiment by name, or a TOML file; all else changes or narrows it.
        folds: Parts of the training set in cross-validation.
        steps: Optimiser steps of a job.
        epochs: Passes over the training set, instead of steps.
        batch_size: Examples a step.
        lr: Adam's learning rate.
        weight_decay: L2 penalty, added to the gradient.
        latent_dim: Number of latents.
        network: Architecture; None for the one that fits the images.
        likelihood: `bernoulli` or `gaussian`.
        warmup: Steps over which beta grows from 0.
        initialisation: `glorot` or `torch`.
        eval_size: Points that train the BetaVAE and FactorVAE scores.
        scores: `core`, or `all` with those that train classifiers.
        dci: `reference` for DCI by the study's own gradient boosting.
        solver: `lbfgs` for today's multinomial logistic regression.
        precision: `fp32`, `tf32`, `bf16`, or `auto`.
        device: `auto`, `cpu`, `cuda` (every GPU), `cuda:1` or `mps`.
        workers: Jobs at once; None for one a core, or one a GPU.
        out: Folder for checkpoints, models and report, or URL for checkpoints and models.
        db: The database, a file or a PostgreSQL URL; None for `out/results.db`, where that is a
            folder.
        data_dir: Folder of downloaded data sets; None for VAEBENCH_DATA, or ./data.
        checkpoint_every: Wall time in seconds between a job's checkpoints.
        skip_broken: Leave out images of a folder that cannot be read.
        retries: How often a failed job is tried again.
        fail_fast: Stop at the first failure.
        executor: What trains the jobs: `processes` of this machine, this process (`inline`), or a
            `ray` cluster.
        address: Of the Ray cluster, such as `auto`, `host:6379` or `ray://host:10001`; None for
            one of this machine's own.
        renew: Train those jobs again that other code of vaebench made.
        plugins: Files whose models, networks, data sets and scores are added; the database
            remembers them.
        progress: Show a bar, and what is noticed on the way.

    Returns:
        The sweep, with its runs as a table. Jobs may have failed: see `failed`.

    Raises:
        UsageError: A name or a value is not one that vaebench takes, or does not fit the data.
        DataError: A data set is missing or damaged.
        StoreError: The database cannot be used.
        OutputError: The folder cannot be written.
        KeyboardInterrupt: It was stopped; what ran is checkpointed.

    Example:
        >>> result = sweep("vae", seeds=1, steps=2, eval_size=10, network="mlp", out=folder,
        ...                progress=False)
        >>> result.runs[["model", "seed"]].values.tolist()
        [['vae', 0]]
    """
    arguments = {name: value for name, value in locals().items() if value is not None}
    from vaebench.store import recall_plugins

    if steps is not None and epochs is not None:
        raise UsageError("steps and epochs exclude each other: give one of them.")
    telling = Progress() if progress else Silence()
    use_plugins(*_files(plugins))
    place = Place(
        out=out if is_url(out) else Path(out),
        db=None if db is None else str(db),
        data_dir=None if data_dir is None else Path(data_dir),
        device=device,
        precision=precision,
        workers=workers,
        checkpoint_every=checkpoint_every,
        skip_broken=skip_broken,
        retries=retries,
        fail_fast=fail_fast,
        executor=executor,
        address=address,
    )
    recall_plugins(place.location)
    asked = (PLAIN if study is None else load_study(study)).over(
        models=_names(models),
        betas=_numbers("betas", betas),
        grid={
            model: {name: _numbers(f"{model}.{name}", value) for name, value in values.items()}
            for model, values in (grid or {}).items()
        },
        seeds=_seeds(seeds),
        datasets=_names(dataset),
        folds=folds,
        label=label,
        setting={FIELDS[name]: arguments[name] for name in FIELDS if name in arguments},
    )
    found = planned(asked, place, telling)
    finished = carried_out(found, as_command(arguments), telling, renew=renew)
    finished.ended.check()
    return SweepResult(
        db=place.location,
        out=place.out,
        keys=tuple(job.key for job in found.jobs),
        counts=finished.counts,
        failed=dict(finished.failed),
    )


def as_command(arguments: Mapping[str, Any]) -> str:
    """Returns the shell's command that does the same as a call of `sweep`.

    Args:
        arguments: The call's, without those that are None.
    """
    words = ["vaebench", "sweep"]
    signature = inspect.signature(sweep).parameters
    for name, value in arguments.items():
        option = "--" + name.replace("_", "-")
        if name == "progress" or (not _many(value) and value == signature[name].default):
            continue
        if value is True:
            words.append(option)
        elif name == "plugins":
            words += [word for file in _files(value) for word in ("--plugin", str(file))]
        elif name == "grid":
            for model, values in value.items():
                for parameter, numbers in values.items():
                    words += ["--set", f"{model}.{parameter}={_listed(numbers)}"]
        elif name == "seeds":
            words += [option, str(value) if isinstance(value, int) else _listed(value) + ","]
        else:
            words += [option, str(value) if isinstance(value, Path) else _listed(value)]
    return shlex.join(map(hidden, words))


def _listed(values: object) -> str:
    return lists.written(values) if _many(values) else str(values)


def _many(values: object) -> TypeGuard[Iterable[Any]]:
    return isinstance(values, Iterable) and not isinstance(values, str)


def _files(given: Files | None) -> tuple[str | Path, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str | Path) else tuple(given)


def _names(given: Names | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    return tuple(dict.fromkeys(map(str, given))) if _many(given) else lists.names(str(given))


def _numbers(what: str, given: Numbers | None) -> tuple[float, ...]:
    return () if given is None else lists.numbers(what, _listed(given))


def _seeds(given: int | Iterable[int] | None) -> tuple[int, ...] | None:
    if given is None:
        return None
    return lists.seeds(f"{_listed(given)}," if _many(given) else str(given))
