"""How long jobs would take on this machine: a few steps and encodings, measured."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch

from vaebench import metrics
from vaebench.data.cards import Contents, card
from vaebench.evaluation import ENCODE_BATCH, images_encoded
from vaebench.evaluation.samples import HELD_OUT, HELD_OUT_SHARE
from vaebench.sizes import fitting_size
from vaebench.spec import JobSpec
from vaebench.training import Trainer, build_model, prepare

WARM_STEPS = 3
STEPS = 6
SCORED, SCORED_VALUES, SCORED_LATENTS = 1_000, (3, 6, 10, 10), 10
"""Points, values of the factors and latents that the scores of `--scores all` are timed on."""

SCORED_POWER = 0.6
"""Their time was measured to grow with this power of points times latents times values."""


class _Noise:
    """A feed of random images, so that nothing has to be downloaded to be measured."""

    def __init__(self, contents: Contents, size: int, device: torch.device) -> None:
        channels = contents.observation_shape[0]
        self.device = device
        generator = torch.Generator().manual_seed(0)
        shape = (ENCODE_BATCH, channels, size, size)
        self.images = torch.rand(shape, generator=generator).to(device)

    def batch(
        self, indices: torch.Tensor, *, labelled: bool, draw: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        del draw
        label = torch.zeros(len(indices), dtype=torch.int64, device=self.device)
        repeats = -(-len(indices) // len(self.images))
        x = self.images.repeat(repeats, 1, 1, 1)[: len(indices)]
        return x, label if labelled else None


def estimate(
    jobs: Sequence[JobSpec], device: str, own: Mapping[str, Contents] = MappingProxyType({})
) -> float:
    """Estimates the time of jobs, one after the other.

    One job of each kind (model, network, channels, batch size, precision) takes a few steps on
    random images; encodings are counted as evaluation makes them. What `--scores all` adds is
    timed once on random codes and scaled by points, latents and values of the factors.

    Args:
        jobs: The jobs.
        device: A resolved device.
        own: What the user's own data sets consist of, by the names that jobs have for them.

    Returns:
        Seconds.
    """
    prepare(device, 1)
    known: dict[tuple[object, ...], tuple[float, float]] = {}
    total = scoring = 0.0
    for job in jobs:
        mine = own.get(job.dataset)
        contents = card(job.dataset).contents if mine is None else mine
        kind = (
            job.model,
            job.network,
            contents.observation_shape,
            job.batch_size,
            job.latent_dim,
            job.precision,
        )
        if kind not in known:
            known[kind] = _measure(job, contents, torch.device(device))
        step, encoding = known[kind]
        factors = bool(contents.factor_names)
        total += job.steps * step + images_encoded(job, factors=factors) * encoding
        if factors and job.scores == "all":
            scoring = scoring or _measure_scores(job.dci)
            points = min(contents.images, HELD_OUT, HELD_OUT_SHARE * job.eval_size)
            work = float(points * job.latent_dim * sum(contents.factor_sizes))
            work /= SCORED * SCORED_LATENTS * sum(SCORED_VALUES)
            sorts = 1 if job.model == "ae" else 2  # the mean and the sampled representation
            total += sorts * scoring * work**SCORED_POWER
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


def _measure(job: JobSpec, contents: Contents, device: torch.device) -> tuple[float, float]:
    """Returns the seconds of a training step and of encoding one image."""
    job = dataclasses.replace(job, steps=1_000_000)  # no curve, so that no loss is looked at
    size = fitting_size(job.network, contents.observation_shape)
    feed = _Noise(contents, size, device)
    shape = (contents.observation_shape[0], size, size)
    model = build_model(job, shape, len(contents.label_names))
    trainer = Trainer(job, model, feed, torch.arange(ENCODE_BATCH), device)
    seconds = []
    for _ in range(WARM_STEPS + STEPS):
        start = time.perf_counter()
        trainer.advance()
        _finish(device)
        seconds.append(time.perf_counter() - start)
    step = float(np.median(seconds[WARM_STEPS:]))
    x, label = feed.batch(torch.arange(ENCODE_BATCH), labelled=model.conditional)
    seconds = []
    bf16 = job.precision == "bf16"
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for _ in range(WARM_STEPS + STEPS):
            start = time.perf_counter()
            model.encode(x, label)
            _finish(device)
            seconds.append(time.perf_counter() - start)
    return step, float(np.median(seconds[WARM_STEPS:])) / ENCODE_BATCH


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
