"""How long jobs would take on this machine: a few steps and encodings, measured."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from vaebench.data.cards import Contents, card
from vaebench.evaluation import ENCODE_BATCH, images_encoded
from vaebench.sizes import fitting_size
from vaebench.spec import JobSpec
from vaebench.training import Trainer, build_model, prepare

WARM_STEPS = 3
STEPS = 6


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


def estimate(jobs: Sequence[JobSpec], device: str, data_dir: Path | None = None) -> float:
    """Estimates the time of jobs, one after the other.

    One job of each kind (model, network, channels, batch size, precision) takes a few steps on
    random images; encodings are counted as evaluation makes them.

    Args:
        jobs: The jobs.
        device: A resolved device.
        data_dir: Folder of downloaded data, to look a user's own images up in.

    Returns:
        Seconds.
    """
    prepare(device, 1)
    known: dict[tuple[object, ...], tuple[float, float]] = {}
    total = 0.0
    for job in jobs:
        contents = card(job.dataset, data_dir).contents
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
    return total


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
