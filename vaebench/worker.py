"""The worker: data → training → evaluation of a pack of jobs; the one place where all meet."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vaebench.context import WorkerContext
from vaebench.data import load_dataset
from vaebench.data.own.opened import OwnData
from vaebench.environment import environment
from vaebench.errors import DamagedError, DeviceError, OutputError, VaebenchError
from vaebench.evaluation import (
    Encoder,
    held_out,
    likelihood_scores,
    pictures,
    representation_scores,
    shared_examples,
)
from vaebench.fingerprint import code_digest
from vaebench.gpu import first_sign
from vaebench.memory import last_sign, ran_out
from vaebench.networks import fitting_size
from vaebench.networks.vae import VAE
from vaebench.outcome import JobOutcome, Progress, Representation
from vaebench.outputs import JobFiles
from vaebench.plugging import of_scores, of_training, trained_by
from vaebench.saved import Training, load_model, read_model, save_model
from vaebench.signs import Interrupted, while_evaluating, while_training
from vaebench.spec import JobSpec
from vaebench.training import (
    Feed,
    GlobalGenerators,
    Trainer,
    build_model,
    prepare,
    set_precision,
    split,
)


def run_pack(
    pack: Sequence[JobSpec],
    context: WorkerContext,
    on_event: Callable[[Progress], Any],
    should_stop: Callable[[], bool],
) -> list[JobOutcome]:
    """Trains and evaluates jobs, going on from their checkpoints.

    Args:
        pack: The jobs.
        context: Where and how.
        on_event: Called with signs of life.
        should_stop: Asked often; once true, what is unfinished is checkpointed and handed back.

    Returns:
        One outcome a job, in order. A job's failure is an outcome, not an exception. After one
        of status `memory` or `lost` there are no more: the worker is not good for another job.
    """
    return _outcomes(_run, pack, context, on_event, should_stop)


def train_pack(
    pack: Sequence[JobSpec],
    context: WorkerContext,
    on_event: Callable[[Progress], Any],
    should_stop: Callable[[], bool],
) -> list[JobOutcome]:
    """Trains jobs and leaves their evaluation to `run_pack`, which goes on from the checkpoint.

    It is called as `run_pack` is, and does as that with a job that needs no training any more.

    Returns:
        One outcome a job, of status `trained` where its evaluation is left to others.
    """
    return _outcomes(_train_alone, pack, context, on_event, should_stop)


def evaluate_pack(
    pack: Sequence[JobSpec],
    context: WorkerContext,
    on_event: Callable[[Progress], Any],
    should_stop: Callable[[], bool],
) -> list[JobOutcome]:
    """Evaluates the trained models of finished jobs anew; it is called as `run_pack` is.

    Returns:
        One outcome a job, without a training curve and training time.
    """
    return _outcomes(_evaluate_again, pack, context, on_event, should_stop)


def _outcomes(
    one: Callable[..., JobOutcome],
    pack: Sequence[JobSpec],
    context: WorkerContext,
    on_event: Callable[[Progress], Any],
    should_stop: Callable[[], bool],
) -> list[JobOutcome]:
    """Does the same with each job of a pack; what fails is an outcome."""
    try:
        prepare(context.device, context.threads)
    except DeviceError as error:
        return [JobOutcome(spec.key, "blocked", error=str(error)) for spec in pack]
    code_digest()  # of the code that this process has just imported, not of later edits
    context, outcomes = context.here(), []
    for spec in pack:
        try:
            set_precision(spec.precision, context.device)
            outcomes.append(one(spec, context, on_event, should_stop))
        except OutputError as error:
            outcomes.append(JobOutcome(spec.key, "blocked", error=str(error)))
        except Exception as error:
            expected = isinstance(error, VaebenchError)
            line = str(error) if expected else f"{type(error).__name__}: {error}"
            if ran_out(line):
                sign = last_sign(line)
                outcomes.append(JobOutcome(spec.key, "memory", error=f"Out of memory: {sign}"))
                return outcomes
            if not expected and (sign := first_sign(str(error))):
                outcomes.append(JobOutcome(spec.key, "lost", error=sign))
                return outcomes
            outcomes.append(
                JobOutcome(
                    spec.key,
                    "failed",
                    environment=environment(context.device, context.threads, None),
                    error=line.splitlines()[0] if line else type(error).__name__,
                    traceback=traceback.format_exc(),
                )
            )
    return outcomes


def _train_alone(
    spec: JobSpec,
    context: WorkerContext,
    on_event: Callable[[Progress], Any],
    should_stop: Callable[[], bool],
) -> JobOutcome:
    phases = set()

    def seen(sign: Progress) -> None:
        phases.add(sign.phase)
        on_event(sign)

    if spec.key not in context.twins:
        files = JobFiles(spec, context.outputs, seen, should_stop, context.patience_seconds)
        feed, _ = _feed(spec, context, files.watch)
        _, training = _train(spec, feed, context, {}, files, should_stop)
        if training is None:
            return JobOutcome(spec.key, "interrupted")
        if "training" in phases:
            return JobOutcome(spec.key, "trained")
    return _run(spec, context, on_event, should_stop)


def _run(
    spec: JobSpec,
    context: WorkerContext,
    on_event: Callable[[Progress], Any],
    should_stop: Callable[[], bool],
) -> JobOutcome:
    files = JobFiles(spec, context.outputs, on_event, should_stop, context.patience_seconds)
    feed, own = _feed(spec, context, files.watch)
    data = feed.data
    digest = own.digest if own else None
    known = environment(context.device, context.threads, data.source, digest, of_training(spec))
    found = _twin(spec, context, on_event)
    model, training = found or _train(spec, feed, context, known, files, should_stop)
    if training is None:
        return JobOutcome(spec.key, "interrupted")
    start = time.perf_counter()
    try:
        figures = _evaluate(spec, model.to(feed.device), feed, files.watch, should_stop)
    except Interrupted:
        return JobOutcome(spec.key, "interrupted")
    eval_seconds = time.perf_counter() - start
    save_model(context.model(spec.key), spec, model, training)
    if not files.publish_model():
        return JobOutcome(spec.key, "interrupted")
    known = known | _scorers(figures)
    if found:
        known = {**training.environment, "code": code_digest(), "evaluation": known}
    return JobOutcome(
        spec.key,
        "complete",
        curves=training.curve,
        environment=known,
        train_seconds=training.seconds,
        eval_seconds=eval_seconds,
        **figures,
    )


def _train(
    spec: JobSpec,
    feed: Feed,
    context: WorkerContext,
    known: Mapping[str, Any],
    files: JobFiles,
    should_stop: Callable[[], bool],
) -> tuple[VAE, Training | None]:
    """Trains a job from its checkpoint on; no training is told of where it was interrupted."""
    data = feed.data
    model = build_model(spec, data.observation_shape, len(data.label_names))
    train, _ = split(spec, data)
    trainer = Trainer(spec, model, feed, torch.from_numpy(train), feed.device)
    if not files.bring_checkpoint(trainer.further):
        return model, None
    finished = trainer.run(
        checkpoint=context.checkpoint(spec.key),
        every_seconds=context.checkpoint_seconds,
        on_step=while_training(files.watch),
        should_stop=should_stop,
        on_note=files.note,
        on_save=files.checkpoint_written,
    )
    if not finished:
        files.leave_checkpoint()
        return model, None
    return model, Training(trainer.code, trainer.seconds, tuple(trainer.curve), known)


def _twin(
    spec: JobSpec, context: WorkerContext, on_event: Callable[[Progress], Any]
) -> tuple[VAE, Training] | None:
    """Returns the model of a finished run with the same training, where it can be used."""
    if spec.key not in context.twins:
        return None
    path = context.model(context.twins[spec.key])
    try:
        context.outputs.fetch(f"models/{path.name}")
        saved = read_model(path)
        training = saved.training
        if training is None or training.code != trained_by(spec):
            raise VaebenchError(f"{path} was trained by other code of vaebench.")
        if saved.spec.training_key != spec.training_key:
            raise DamagedError(f"{path} is the model of another job, {saved.spec.key}.")
    except VaebenchError as error:
        note = f"{error} So this job is trained, not only evaluated."
        on_event(Progress(spec.key, "loading", 0, note=note))
        return None
    return saved.model, training


def _evaluate_again(
    spec: JobSpec,
    context: WorkerContext,
    on_event: Callable[[Progress], Any],
    should_stop: Callable[[], bool],
) -> JobOutcome:
    context.outputs.fetch(f"models/{spec.key}.pt")
    trained, model = load_model(context.model(spec.key))
    if trained != spec:
        raise DamagedError(f"{context.model(spec.key)} is the model of another job, {trained.key}.")
    feed, own = _feed(spec, context, on_event)
    start = time.perf_counter()
    try:
        figures = _evaluate(spec, model.to(feed.device), feed, on_event, should_stop)
    except Interrupted:
        return JobOutcome(spec.key, "interrupted")
    digest = own.digest if own else None
    used = of_training(spec)
    known = environment(context.device, context.threads, feed.data.source, digest, used)
    known = known | _scorers(figures)
    seconds = time.perf_counter() - start
    return JobOutcome(spec.key, "complete", environment=known, eval_seconds=seconds, **figures)


def _scorers(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the plug-ins that scored a run, as its environment has them; nothing for none."""
    scored = of_scores(score.name for score in figures["scores"])
    return {"score_plugins": scored} if scored else {}


def _feed(
    spec: JobSpec, context: WorkerContext, on_event: Callable[[Progress], Any]
) -> tuple[Feed, OwnData | None]:
    """Returns a job's data, and the user's own data that they are, if any."""
    on_event(Progress(spec.key, "loading", 0))
    own = next((mine for mine in context.own if mine.name == spec.dataset), None)
    place = context.data_dir, spec.network, context.device
    return load_feed(spec.dataset, own, *place, held=context.holds_data), own


@cache
def load_feed(
    dataset: str,
    own: OwnData | None,
    data_dir: Path | None,
    network: str,
    device: str,
    *,
    held: bool = True,
) -> Feed:
    """Loads a data set once a process, padded to what the network takes.

    Args:
        dataset: Its name.
        own: The user's own data that it is, or None.
        data_dir: The data folder, or None for the default.
        network: The network that it is for.
        device: Where batches are wanted.
        held: Whether the data set may lie on the device.
    """
    opened = partial(load_dataset, dataset) if own is None else own.open
    data = opened(data_dir)
    size = fitting_size(network, data.observation_shape)
    if size != data.observation_shape[1]:
        data = opened(data_dir, size)
    return Feed(data, torch.device(device), held=held)


def _evaluate(
    spec: JobSpec,
    model: VAE,
    feed: Feed,
    on_event: Callable[[Progress], Any],
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    """Evaluates a trained model; returns those attributes of its outcome that say how it is."""
    on_batch = while_evaluating(spec, on_event, should_stop)
    import_module("sklearn.linear_model")  # which draws from Python's generator when imported
    watched = GlobalGenerators(feed.device)
    encoder = Encoder(model.eval(), feed, spec.precision, on_batch)
    indices = held_out(spec, feed.data)
    scores, kl = likelihood_scores(spec, encoder, indices)
    importances: list[NDArray[np.float64] | None] = [None]
    scores += representation_scores(spec, encoder, indices, on_importances=importances.append)
    codes = encoder.codes(shared_examples(feed.data)).astype("<f4")
    drawn = tuple(pictures(spec, encoder, indices, kl, importances[-1]))
    watched.check(f"Evaluating {spec.label}", "A score draws from a generator that it is given.")
    return {
        "scores": tuple(scores),
        "artifacts": drawn,
        "representation": Representation(len(codes), spec.latent_dim, codes.tobytes()),
    }
