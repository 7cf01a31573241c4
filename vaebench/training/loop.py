"""The training loop: one job from a step to another, with its curves, exactly resumable."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaebench.catalogue import MODELS
from vaebench.errors import DivergedError, UsageError
from vaebench.models import VAE, build_network, initialise
from vaebench.objectives import LIKELIHOODS, OBJECTIVES, Terms, kl_per_latent
from vaebench.outcome import CurvePoint
from vaebench.spec import JobSpec
from vaebench.training.adversary import ADVERSARIES
from vaebench.training.checkpoints import read_tensors, write_tensors
from vaebench.training.feed import Batched
from vaebench.training.streams import Batches, torch_generator

CURVE_POINTS = 100
"""Points of a training curve, about."""


def build_model(spec: JobSpec, shape: tuple[int, int, int], labels: int) -> VAE:
    """Builds a job's model and initialises it from the job's seed.

    Args:
        spec: The job.
        shape: Channels, height and width of the observations.
        labels: Number of classes of the data set's label.
    """
    width = labels if MODELS[spec.model].conditional else 0
    network = build_network(spec.network, shape, spec.latent_dim, width)
    model = VAE(network, labels=width, stochastic=spec.model != "ae")
    initialise(model, spec.initialisation, torch_generator(spec.seed, "initialisation"))
    return model.to(memory_format=torch.channels_last)


class Trainer:
    """A job in training: model, optimiser, what trains beside them, curve and step.

    Args:
        spec: The job.
        model: Its model, as `build_model` made it.
        feed: The data.
        train_indices: Indices of the training examples, int64 [N].
        device: Where to train.

    Raises:
        UsageError: A parameter that chooses a variant is neither 0 nor 1, or the batch is too
            small for the variant.
    """

    def __init__(
        self, spec: JobSpec, model: VAE, feed: Batched, train_indices: Tensor, device: torch.device
    ) -> None:
        for name in MODELS[spec.model].switches:
            if spec.parameters[name] not in (0, 1):
                value = f"{spec.model}.{name} is {spec.parameters[name]:g}"
                raise UsageError(f"{value}: it must be 0 or 1.")
        self.spec = spec
        self.device = device
        self.model = model.to(device)
        self.feed = feed
        self.train_indices = train_indices
        self.batches = Batches(spec.seed, len(train_indices), spec.batch_size, spec.latent_dim)
        self.optimiser = torch.optim.Adam(
            self.model.parameters(),
            lr=spec.learning_rate,
            weight_decay=spec.weight_decay,
            fused=True,
        )
        self.objective = OBJECTIVES[spec.model]
        self.likelihood = LIKELIHOODS[spec.likelihood]
        adversary = ADVERSARIES.get(spec.model)
        self.adversary = None if adversary is None else adversary(spec, device)
        values = {
            "beta": 1.0,
            **spec.parameters,
            "warmup": float(spec.warmup_steps),
            "examples": float(len(train_indices)),
        }
        self.hyper = {name: torch.tensor(value, device=device) for name, value in values.items()}
        self.step = 0
        self.seconds = 0.0
        self.curve: list[CurvePoint] = []
        self.curve_every = max(1, spec.steps // CURVE_POINTS)
        self._clock = torch.zeros((), device=device)
        self._sums = torch.zeros(3, device=device)
        self._first_bad = torch.full((), -1.0, device=device)

    @property
    def done(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.spec.steps

    def advance(self) -> None:
        """Does one step, and at the end of each interval a point of the curve.

        Raises:
            DivergedError: The loss was NaN or infinite in this interval.
        """
        size = self.spec.batch_size if self.adversary is None else self.adversary.model_size
        x, noise, label = self._draw(slice(size))
        log_ratio = None
        with self._autocast():
            logits, mu, logvar, z = self.model(x, noise, label)
        if self.adversary is not None:
            log_ratio = self.adversary.log_ratio(z)
        kl = kl_per_latent(mu, logvar)
        terms = Terms(self.likelihood(logits, x), kl, mu, logvar, z, log_ratio)
        loss = self.objective(terms, self.hyper, self._clock)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        if self.adversary is not None:
            others = z if size == self.spec.batch_size else self._codes(slice(size, None))
            self.adversary.learn(z, others, self.step)
        with torch.no_grad():
            figures = (loss, terms.reconstruction.mean(), terms.kl.sum(1).mean())
            self._sums += torch.stack(figures)
            healthy = torch.isfinite(loss) | (self._first_bad >= 0)
            self._first_bad = torch.where(healthy, self._first_bad, self._clock)
            self._clock += 1
        self.step += 1
        if self.step % self.curve_every == 0 or self.done:
            self._record()

    def _draw(self, part: slice) -> tuple[Tensor, Tensor, Tensor | None]:
        """Returns observations, noise and labels of a part of this step's batch."""
        indices = self.train_indices[self.batches.positions(self.step)[part]]
        x, label = self.feed.batch(indices, labelled=self.model.conditional, draw=self.step + 1)
        noise = self.batches.noise(self.step)[part].to(self.device, non_blocking=True)
        return x, noise, label

    @torch.no_grad()
    def _codes(self, part: slice) -> Tensor:
        """Returns latents of a part of this step's batch, with no gradient, [B', D]."""
        x, noise, label = self._draw(part)
        with self._autocast():
            mu, logvar = self.model.encode(x, label)
        return self.model.sample(mu, logvar, noise)

    def _autocast(self) -> torch.autocast:
        enabled = self.spec.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def _record(self) -> None:
        bad = int(self._first_bad.item())
        if bad >= 0:
            raise DivergedError(
                f"The loss was NaN or infinite at step {bad + 1} of {self.spec.steps} "
                f"({self.spec.label}). Try a smaller --lr or strength, or --precision fp32."
            )
        since = self.step - (self.curve[-1].step if self.curve else 0)
        loss, reconstruction, kl = (self._sums / since).tolist()
        has_kl = self.model.stochastic
        self.curve.append(CurvePoint(self.step, loss, reconstruction, kl if has_kl else None))
        self._sums.zero_()

    def save(self, path: Path) -> None:
        """Writes a checkpoint: all that the rest of the run depends on."""
        nan = math.nan
        points = [
            [p.step, p.loss, p.reconstruction, nan if p.kl is None else p.kl] for p in self.curve
        ]
        write_tensors(
            path,
            {
                "job": self.spec.to_json(),
                "step": self.step,
                "seconds": self.seconds,
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "adversary": None if self.adversary is None else self.adversary.state_dict(),
                "curve": torch.tensor(points, dtype=torch.float64),
                "sums": self._sums,
                "first_bad": self._first_bad,
            },
        )

    def load(self, path: Path) -> bool:
        """Goes on from a checkpoint of this very job.

        Returns:
            Whether there was one; a missing or damaged file, or another job's, is no checkpoint.
        """
        values = read_tensors(path)
        if values is None or values.get("job") != self.spec.to_json():
            return False
        self.model.load_state_dict(values["model"])
        self.optimiser.load_state_dict(values["optimiser"])
        if self.adversary is not None:
            self.adversary.load_state_dict(values["adversary"])
        self.step = values["step"]
        self.seconds = values["seconds"]
        self.curve = [
            CurvePoint(int(step), loss, reconstruction, None if math.isnan(kl) else kl)
            for step, loss, reconstruction, kl in values["curve"].tolist()
        ]
        self._clock.fill_(self.step)
        self._sums.copy_(values["sums"])
        self._first_bad.copy_(values["first_bad"])
        return True

    def run(
        self,
        *,
        checkpoint: Path,
        every_seconds: float,
        on_step: Callable[[Trainer], Any],
        should_stop: Callable[[], bool],
    ) -> bool:
        """Trains to the end, or until told to stop; leaves a checkpoint either way.

        Args:
            checkpoint: The job's checkpoint file; gone on from where it exists.
            every_seconds: Wall time between checkpoints.
            on_step: Called after every step.
            should_stop: Asked after every step.

        Returns:
            Whether all steps are done.
        """
        self.load(checkpoint)
        before, start = self.seconds, time.perf_counter()
        saved = start
        while not self.done:
            self.advance()
            now = time.perf_counter()
            self.seconds = before + now - start
            on_step(self)
            if should_stop():
                break
            if now - saved > every_seconds:
                self.save(checkpoint)
                saved = time.perf_counter()
        self.save(checkpoint)
        return self.done
