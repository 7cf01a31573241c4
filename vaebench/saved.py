"""Trained models as files: a job's weights, and how they were trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from vaebench.errors import DamagedError, VaebenchError
from vaebench.networks.vae import VAE
from vaebench.outcome import CurvePoint
from vaebench.spec import JobSpec
from vaebench.training import build_model, read_tensors, write_tensors


@dataclass(frozen=True)
class Training:
    """How a model was trained.

    Attributes:
        code: Digest of the code that trained it.
        seconds: Wall time of all sittings.
        curve: Its training curve.
        environment: What it was trained in.
    """

    code: str
    seconds: float
    curve: tuple[CurvePoint, ...]
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class SavedModel:
    """What a model's file holds.

    Attributes:
        spec: The job.
        model: Its model, on the CPU, ready to encode and decode.
        training: How it was trained; None where an older vaebench saved it, which did not keep it.
    """

    spec: JobSpec
    model: VAE
    training: Training | None


def save_model(path: Path, spec: JobSpec, model: VAE, training: Training) -> None:
    """Writes a trained model to its file.

    Raises:
        OutputError: The folder cannot be written, or the disk is full.
    """
    assert model.network.shape is not None
    values = {
        "job": spec.to_json(),
        "shape": list(model.network.shape),
        "labels": model.labels,
        "model": model.state_dict(),
        "code": training.code,
        "training": json.dumps(asdict(training)),
    }
    write_tensors(path, values)


def read_model(path: Path) -> SavedModel:
    """Reads a trained model with all that is kept beside it.

    Raises:
        DamagedError: The file is damaged, or is none of vaebench's.
        VaebenchError: There is no file, or it is of a job that this vaebench does not know.
    """
    values = read_tensors(path)
    if values is None:
        raise VaebenchError(
            f"There is no trained model at {path}: name a file KEY.pt in the folder `models` of a "
            f"sweep's output, as in results/models."
        )
    if not {"job", "shape", "labels", "model"} <= set(values):
        raise DamagedError(f"{path} is not a trained model of vaebench.")
    try:
        spec = JobSpec.from_dict(json.loads(values["job"]))
        with torch.device("meta"):  # what a damaged file promises is compared, not allocated
            model = build_model(spec, tuple(values["shape"]), values["labels"])
        model.load_state_dict(values["model"], assign=True)
        model = model.float().to(memory_format=torch.channels_last)
        training = _training(values["training"]) if "training" in values else None
    except VaebenchError as error:
        raise VaebenchError(f"{path} cannot be used by this vaebench: {error}") from error
    except (TypeError, ValueError, RuntimeError, AttributeError, KeyError) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedError(f"{path} is not a trained model of vaebench ({line}).") from error
    return SavedModel(spec, model.eval(), training)


def load_model(path: Path) -> tuple[JobSpec, VAE]:
    """Loads a trained model from the folder `models` of a sweep's output.

    What the model's `decode` returns are logits: `torch.sigmoid` of them is the picture in [0, 1]
    of a model trained with the Bernoulli likelihood; with the Gaussian they are the picture.

    Args:
        path: The file, named after the job's key.

    Returns:
        The job and its model, on the CPU, ready to encode and decode.

    Raises:
        DamagedError: The file is damaged, or is none of vaebench's.
        VaebenchError: There is no file, or it is of a job that this vaebench does not know.
    """
    saved = read_model(Path(path))
    return saved.spec, saved.model


def _training(text: str) -> Training:
    values = json.loads(text)
    curve = tuple(CurvePoint(**point) for point in values.pop("curve"))
    return Training(**values, curve=curve)
