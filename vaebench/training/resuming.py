"""Resuming: what a checkpoint holds of a job in training, and whether a file's values are that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vaebench.adam import MOMENTS
from vaebench.errors import DamagedError
from vaebench.outcome import CurvePoint
from vaebench.protocols import Optimiser
from vaebench.training.checkpoints import read_tensors

if TYPE_CHECKING:
    from vaebench.training.loop import Trainer


def snapshot(trainer: Trainer) -> dict[str, Any]:
    """Returns all that the rest of a run depends on, as tensors and plain values."""
    nan = math.nan
    points = [
        [p.step, p.loss, p.reconstruction, nan if p.kl is None else p.kl] for p in trainer.curve
    ]
    return {
        "job": trainer.spec.to_json(),
        "code": trainer.code,
        "step": trainer.step,
        "seconds": trainer.seconds,
        "model": trainer.model.state_dict(),
        "optimiser": trainer.optimiser.state_dict(),
        "adversary": None if trainer.adversary is None else trainer.adversary.state_dict(),
        "curve": torch.tensor(points, dtype=torch.float64).reshape(-1, 4),
        "sums": trainer.sums,
        "first_bad": trainer.first_bad,
    }


def restore(trainer: Trainer, values: Mapping[str, Any], name: object) -> None:
    """Takes a trainer to where a snapshot was made, or leaves it as it is.

    Args:
        trainer: The job at its first step.
        values: What `snapshot` returned.
        name: Of the file that they are from.

    Raises:
        DamagedError: The values are another job's, other code's, or not those of a snapshot.
    """
    if fault := _fault(trainer, values):
        raise DamagedError(f"{name} {fault}")
    trainer.model.load_state_dict(values["model"])
    trainer.optimiser.load_state_dict(values["optimiser"])
    if trainer.adversary is not None:
        trainer.adversary.discriminator.load_state_dict(values["adversary"]["discriminator"])
        trainer.adversary.optimiser.load_state_dict(values["adversary"]["optimiser"])
    trainer.step = values["step"]
    trainer.seconds = values["seconds"]
    trainer.curve = [
        CurvePoint(int(step), loss, reconstruction, None if math.isnan(kl) else kl)
        for step, loss, reconstruction, kl in values["curve"].tolist()
    ]
    trainer.sums.copy_(values["sums"])
    trainer.first_bad.copy_(values["first_bad"])


def steps_done(path: Path, job: str, code: str) -> int:
    """Returns the step of a checkpoint; -1 where it is none of this job and this code.

    Args:
        path: The file.
        job: The job, as JSON.
        code: Digest of the code that trains.
    """
    try:
        values = read_tensors(path) or {}
    except DamagedError:
        return -1
    mine = values.get("job") == job and values.get("code") == code
    step = values.get("step")
    return step if mine and type(step) is int else -1


def _fault(trainer: Trainer, values: Mapping[str, Any]) -> str | None:
    """Says why values are no snapshot of a trainer; None where they are one."""
    if values.get("job") != trainer.spec.to_json():
        return "is the checkpoint of another job."
    if values.get("code") != trainer.code:  # one of before there was a digest has none
        return (
            "was written by other code of vaebench or of a plug-in: gone on with, it would be "
            "neither's result."
        )
    expected, step = snapshot(trainer), values.get("step")
    optimisers: list[tuple[Optimiser, Any]] = [(trainer.optimiser, values.get("optimiser"))]
    beside = values.get("adversary")
    if isinstance(beside, Mapping) and trainer.adversary is not None:
        optimisers.append((trainer.adversary.optimiser, beside.get("optimiser")))
        beside = {**beside, "optimiser": expected["adversary"]["optimiser"]}
    good = (
        type(step) is int
        and 0 <= step <= trainer.spec.steps
        and type(values.get("seconds")) is float
        and math.isfinite(values["seconds"])
        and _alike(values.get("model"), expected["model"])
        and _alike(beside, expected["adversary"])
        and all(_moments(optimiser, found, step) for optimiser, found in optimisers)
        and _alike(values.get("sums"), expected["sums"])
        and _alike(values.get("first_bad"), expected["first_bad"])
        and _curve(trainer, values.get("curve"), step)
    )
    return None if good else "is damaged: it does not hold what a checkpoint of this job holds."


def _alike(found: Any, expected: Any) -> bool:
    """Says whether values have the same names, kinds and shapes."""
    if isinstance(expected, Tensor):
        same_kind = isinstance(found, Tensor) and found.dtype == expected.dtype
        return same_kind and found.shape == expected.shape
    if isinstance(expected, Mapping):
        if not isinstance(found, Mapping) or set(found) != set(expected):
            return False
        return all(_alike(found[name], expected[name]) for name in expected)
    if isinstance(expected, list):
        same_length = isinstance(found, list) and len(found) == len(expected)
        return same_length and all(map(_alike, found, expected))
    return type(found) is type(expected)


def _moments(optimiser: Optimiser, found: Any, step: int) -> bool:
    """Says whether values are Adam's of these parameters, all of them once a step is done."""
    parameters = optimiser.parameters
    state = found.get("state") if isinstance(found, Mapping) else None
    if not isinstance(state, Mapping) or set(state) != set(range(len(parameters) * (step > 0))):
        return False
    for place, parameter in enumerate(parameters[: len(state)]):
        kept = {"step": torch.tensor(0.0), **dict.fromkeys(MOMENTS, parameter)}
        if not _alike(state[place], kept):
            return False
    return True


def _curve(trainer: Trainer, found: Any, step: int) -> bool:
    """Says whether a table is the curve of a job that has done so many steps."""
    every = trainer.curve_every
    steps = list(range(every, step + 1, every))
    if step == trainer.spec.steps and step % every:
        steps.append(step)
    if not isinstance(found, Tensor) or found.dtype != torch.float64:
        return False
    if not steps:
        return found.numel() == 0
    return found.shape == (len(steps), 4) and found[:, 0].tolist() == steps
