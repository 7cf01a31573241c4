"""What a worker hands back: plain, picklable values that the runner writes to the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vaebench.records import Measure

Status = Literal["complete", "trained", "failed", "interrupted", "blocked", "memory", "lost"]
"""How a worker's work on a job ended."""

Phase = Literal["loading", "training", "evaluating"]
"""What a worker does with a job."""

NATS = "nats per image"

FIT = (
    Measure(
        name="reconstruction",
        title="Reconstruction",
        short="reconstr.",
        unit=NATS,
        better="lower",
        digits=1,
    ),
    Measure(name="kl", title="KL", unit=NATS, low=0.0, digits=1),
    Measure(name="elbo", title="ELBO", unit=NATS, better="higher", digits=1),
)
"""How well a model fits the data: the terms of its objective."""

TIMES = (
    Measure(
        name="wall_seconds",
        title="Wall time",
        short="wall s",
        unit="seconds",
        better="lower",
        low=0.0,
        digits=1,
    ),
    Measure(
        name="train_seconds",
        title="Training time",
        unit="seconds",
        better="lower",
        low=0.0,
        digits=1,
    ),
    Measure(
        name="eval_seconds",
        title="Evaluation time",
        unit="seconds",
        better="lower",
        low=0.0,
        digits=1,
    ),
)
"""What a run cost; of a job, not among its scores."""


@dataclass(frozen=True)
class Score:
    """One stored figure of a run.

    Attributes:
        name: Column of the `results` view, such as `mig`.
        value: The figure, or None where it is not defined.
        points: Sample size that it was computed on, where there is a choice.
        low: Lower end of its 95 % bootstrap interval, where there is one.
        high: Upper end of that interval.
        note: Why the value is None, or another remark.
    """

    name: str
    value: float | None
    points: int | None = None
    low: float | None = None
    high: float | None = None
    note: str | None = None


@dataclass(frozen=True)
class CurvePoint:
    """Training figures, averaged over the steps since the point before.

    Attributes:
        step: Steps done.
        loss: The objective.
        reconstruction: Negative log-likelihood, nats per example.
        kl: KL of the posterior from the prior, nats per example; None where there is no KL.
    """

    step: int
    loss: float
    reconstruction: float
    kl: float | None


@dataclass(frozen=True)
class Artifact:
    """A picture made of tiles, such as originals over reconstructions.

    Attributes:
        name: `reconstructions`, `samples`, `traversals`, `marginal`, `interpolation`,
            `attributes` or `plane`.
        png: The tiles in one PNG file, without margins.
        rows: Rows of tiles.
        columns: Columns of tiles.
        detail: Labels of rows and columns and the like, JSON types.
    """

    name: str
    png: bytes
    rows: int
    columns: int
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Representation:
    """Codes of the examples that every run on a data set encodes, so that runs can be compared.

    Attributes:
        points: Examples N.
        latents: Latents D.
        codes: Posterior means [N, D], float32, little-endian, row after row.
    """

    points: int
    latents: int
    codes: bytes


@dataclass(frozen=True)
class JobOutcome:
    """The end of one job.

    Attributes:
        key: The job's key.
        status: `complete`, `trained` (its evaluation is left to another worker), `failed`,
            `interrupted` (checkpointed, to be resumed), `blocked` (its output cannot be written,
            or its device not used: to be resumed when they can), `memory` (there was not enough:
            to be resumed with fewer beside it), or `lost` (its GPU failed: to be resumed by
            another worker).
        scores: The figures.
        curves: Training curves.
        artifacts: Pictures.
        representation: Codes to compare runs by.
        environment: Device, precision, versions, host, threads, git: JSON types.
        train_seconds: Wall time of training, over all its sittings.
        eval_seconds: Wall time of evaluation.
        error: One line on what went wrong.
        traceback: The traceback of a failed job.
    """

    key: str
    status: Status
    scores: tuple[Score, ...] = ()
    curves: tuple[CurvePoint, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    representation: Representation | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    train_seconds: float = 0.0
    eval_seconds: float = 0.0
    error: str | None = None
    traceback: str | None = None


@dataclass(frozen=True)
class Place:
    """Where a job is worked on.

    Attributes:
        host: The machine's name.
        device: What it has of it, as in `cuda:3`: of a GPU the number that it has there.
    """

    host: str
    device: str


@dataclass(frozen=True)
class Progress:
    """A sign of life from a worker.

    Attributes:
        key: The job's key.
        phase: `loading`, `training` or `evaluating`.
        step: Steps done.
        seconds: Wall time of the phase so far, in this sitting.
        steps_here: Steps done in this sitting.
        reconstruction: Latest value, nats per example.
        kl: Latest value, nats per example.
        note: A line for the user, on what the worker met and did.
        place: Where the worker is; None for the machine and the devices of whoever claims.
    """

    key: str
    phase: Phase
    step: int
    seconds: float = 0.0
    steps_here: int = 0
    reconstruction: float | None = None
    kl: float | None = None
    note: str | None = None
    place: Place | None = None


@dataclass(frozen=True)
class Difference:
    """What differs between two outcomes of a job.

    Attributes:
        what: A score's name, `training curve`, `codes`, or `picture NAME`.
        before: What it was, in words; empty where there is no saying it in few.
        now: What it is.
    """

    what: str
    before: str = ""
    now: str = ""


def differences(before: JobOutcome, now: JobOutcome) -> list[Difference]:
    """Compares the figures of two outcomes of a job, to the bit.

    A score that is missing is as one that is not defined. Curves are compared where the second
    outcome has one, codes where the first has them, pictures that the first has.
    """
    old, new = ({score.name: score.value for score in one.scores} for one in (before, now))
    found = [
        Difference(name, _written(old.get(name)), _written(new.get(name)))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    if now.curves and before.curves != now.curves:
        points = (f"{len(one.curves)} points" for one in (before, now))
        found.append(Difference("training curve", *points))
    if before.representation not in (None, now.representation):
        found.append(Difference("codes"))
    drawn = {artifact.name: artifact.png for artifact in now.artifacts}
    changed = (a.name for a in before.artifacts if drawn.get(a.name) != a.png)
    return [*found, *(Difference(f"picture {name}") for name in changed)]


def _written(value: float | None) -> str:
    return "–" if value is None else repr(value)
