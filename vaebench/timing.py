"""How long jobs would take on this device: a few steps and encodings, measured in this process."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from vaebench import metrics
from vaebench.data.info import Contents
from vaebench.errors import DeviceError, VaebenchError
from vaebench.evaluation import encode_batch, images_encoded
from vaebench.evaluation.samples import HELD_OUT, HELD_OUT_SHARE
from vaebench.models import find_model
from vaebench.networks import fitting_size
from vaebench.spec import JobSpec
from vaebench.training import Trainer, build_model, prepare, set_precision

WARM_STEPS = 3
STEPS = 6
ENOUGH_SECONDS = 0.8
"""After so long a step or an encoding has been timed often enough, though it be only once."""

SCORED, SCORED_VALUES, SCORED_LATENTS = 1_000, (3, 6, 10, 10), 10
"""Points, values of the factors and latents that the scores of `--scores all` are timed on."""

SCORED_POWER = 0.6
"""Their time was measured to grow with this power of points times latents times values."""


Kind = tuple[object, ...]


class _Noise:
    """A feed of random images, so that nothing has to be downloaded to be measured."""

    def __init__(self, contents: Contents, size: int, device: torch.device) -> None:
        channels = contents.observation_shape[0]
        self.device = device
        generator = torch.Generator().manual_seed(0)
        self.place = device
        shape = (encode_batch(device), channels, size, size)
        self.images = torch.rand(shape, generator=generator).to(device)

    def batch(
        self, indices: torch.Tensor, *, labelled: bool, draw: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        del draw
        label = torch.zeros(len(indices), dtype=torch.int64, device=self.device)
        repeats = -(-len(indices) // len(self.images))
        images = self.images if repeats == 1 else self.images.repeat(repeats, 1, 1, 1)
        return images[: len(indices)], label if labelled else None


def measured(
    groups: Sequence[tuple[JobSpec, int, Contents]], device: str
) -> Iterator[tuple[list[int], float | str]]:
    """Measures how long groups of jobs would take, one job after the other.

    One job of each kind (model and its variant, network, shape, batch size, latents, precision)
    takes a few steps on random images, one of each encoder a few encodings; these are counted as
    evaluation makes them. What `--scores all` adds is timed once on random codes and scaled by
    points, latents and values of the factors.

    Args:
        groups: A job, how many take as long as it, and what their data set consists of.
        device: A resolved device.

    Yields:
        Of each kind in turn: the places of its groups, and the seconds of all their jobs, or in a
        line why they cannot be measured.
    """
    try:
        prepare(device, 1)
    except DeviceError as error:
        yield list(range(len(groups))), str(error)
        return
    kinds: dict[Kind, list[int]] = {}
    for place, (job, _, contents) in enumerate(groups):
        kinds.setdefault(_kind(job, contents), []).append(place)
    encodings: dict[Kind, float] = {}
    scorings: dict[str | None, float] = {}
    for places in kinds.values():
        try:
            yield places, _seconds([groups[p] for p in places], device, encodings, scorings)
        except Exception as error:  # a plug-in raises anything
            kind = "" if isinstance(error, (RuntimeError, VaebenchError)) else type(error).__name__
            line = " ".join(str(error).split())
            yield places, f"{kind}: {line}" if kind and line else line or type(error).__name__


def _kind(job: JobSpec, contents: Contents) -> Kind:
    return (
        (job.model, *job.variant),
        job.network,
        contents.observation_shape,
        len(contents.label_names),
        job.batch_size,
        job.latent_dim,
        job.precision,
    )


def _seconds(
    groups: Sequence[tuple[JobSpec, int, Contents]],
    device: str,
    encodings: dict[Kind, float],
    scorings: dict[str | None, float],
) -> float:
    """Returns the seconds of the jobs of one kind, with the times that kinds share."""
    job, _, contents = groups[0]
    set_precision(job.precision, device)
    measuring = _Measuring(job, contents, torch.device(device))
    step = measuring.step()
    encoder = (*_kind(job, contents)[1:4], job.latent_dim, job.precision, measuring.conditional)
    if encoder not in encodings:
        encodings[encoder] = measuring.encoding()
    total = 0.0
    for spec, count, contents in groups:
        factors = bool(contents.factor_names)
        one = spec.steps * step + images_encoded(spec, factors=factors) * encodings[encoder]
        if factors and spec.scores == "all":
            if spec.dci not in scorings:
                scorings[spec.dci] = _measure_scores(spec.dci)
            points = min(contents.images, HELD_OUT, HELD_OUT_SHARE * spec.eval_size)
            work = float(points * spec.latent_dim * sum(contents.factor_sizes))
            work /= SCORED * SCORED_LATENTS * sum(SCORED_VALUES)
            sorts = 1 + find_model(spec.model).stochastic  # the mean and the sampled representation
            one += sorts * scorings[spec.dci] * work**SCORED_POWER
        total += count * one
    return total


def _measure_scores(dci: str | None) -> float:
    """Returns the seconds of all scores of one small representation."""
    rng = np.random.default_rng(0)
    factors = rng.integers(0, SCORED_VALUES, (SCORED * 3 // 2, len(SCORED_VALUES)))
    codes = (factors / SCORED_VALUES) @ rng.normal(size=(len(SCORED_VALUES), SCORED_LATENTS))
    codes += 0.1 * rng.normal(size=codes.shape)
    start = time.perf_counter()
    metrics.score_representation(
        codes[:SCORED],
        factors[:SCORED],
        codes[SCORED:],
        factors[SCORED:],
        dci_method="reference" if dci == "reference" else "histogram",
        downstream_sizes=(10, 100, SCORED),
    )
    return time.perf_counter() - start


class _Measuring:
    """A job that takes a few steps and encodings on random images.

    Args:
        job: The job.
        contents: What its data set consists of.
        device: Where to train.
    """

    def __init__(self, job: JobSpec, contents: Contents, device: torch.device) -> None:
        job = dataclasses.replace(job, steps=1_000_000)  # no curve, so that no loss is looked at
        size = fitting_size(job.network, contents.observation_shape)
        self.device = device
        self.batch = encode_batch(device)
        self.feed = _Noise(contents, size, device)
        shape = (contents.observation_shape[0], size, size)
        self.model = build_model(job, shape, len(contents.label_names))
        self.trainer = Trainer(job, self.model, self.feed, torch.arange(self.batch), device)
        self.conditional = self.model.conditional
        self.bf16 = job.precision == "bf16"

    def step(self) -> float:
        """Returns the seconds of a training step."""
        return self._median(self.trainer.advance)

    def encoding(self) -> float:
        """Returns the seconds of encoding one image."""
        x, label = self.feed.batch(torch.arange(self.batch), labelled=self.conditional)
        kind = self.device.type
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=self.bf16):
            return self._median(lambda: self.model.encode(x, label)) / self.batch

    def _median(self, act: Callable[[], object]) -> float:
        seconds: list[float] = []
        begun = time.perf_counter()
        for turn in range(WARM_STEPS + STEPS):
            start = time.perf_counter()
            act()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            seconds.append(time.perf_counter() - start)
            if turn >= 1 and time.perf_counter() - begun > ENOUGH_SECONDS:
                break
        return float(np.median(seconds[WARM_STEPS:] or seconds[1:]))
