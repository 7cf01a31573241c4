"""The training loop: one job from a step to another, with its curves, exactly resumable."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaebench.adam import Adam
from vaebench.errors import DamagedError, DivergedError, VaebenchError
from vaebench.models import find_model
from vaebench.models.likelihoods import LIKELIHOODS
from vaebench.networks import build_network
from vaebench.networks.vae import VAE, initialise
from vaebench.outcome import CurvePoint
from vaebench.plugging import trained_by
from vaebench.protocols import Terms
from vaebench.spec import JobSpec
from vaebench.streams import Batches, derive, torch_generator
from vaebench.training.checkpoints import read_tensors, set_aside, write_tensors
from vaebench.training.feed import Batched
from vaebench.training.global_generators import GlobalGenerators
from vaebench.training.resuming import restore, snapshot, steps_done
from vaebench.upload import upload

CURVE_POINTS = 100
"""Points of a training curve, about."""


def build_model(spec: JobSpec, shape: tuple[int, int, int], labels: int) -> VAE:
    """Builds a job's model and initialises it from the job's seed.

    Args:
        spec: The job.
        shape: Channels, height and width of the observations.
        labels: Number of classes of the data set's label.
    """
    record = find_model(spec.model)
    width = labels if record.conditional else 0
    network = build_network(spec.network, shape, spec.latent_dim, width)
    learnt: Mapping[str, Tensor] = {}
    if record.learnt is not None:
        learnt = record.learnt(spec.parameters, shape, torch_generator(spec.seed, "learnt"))
    model = VAE(
        network, labels=width, stochastic=record.stochastic, prior=record.prior, learnt=learnt
    )
    initialise(model, spec.initialisation, torch_generator(spec.seed, "initialisation"))
    return model.to(memory_format=torch.channels_last)


class Trainer:
    """A job in training: model, optimiser, what trains beside them, curve and step.

    Args:
        spec: The job.
        model: Its model, as `build_model` made it.
        feed: The data.
        train_indices: Indices of the training examples, int64 [N], on the CPU.
        device: Where to train.

    Raises:
        UsageError: The batch is too small for the model's variant.
    """

    def __init__(
        self, spec: JobSpec, model: VAE, feed: Batched, train_indices: Tensor, device: torch.device
    ) -> None:
        self.spec = spec
        self.device = device
        self.model = model.to(device)
        self.feed = feed
        self.train_indices = upload(train_indices, feed.place)
        self.batches = Batches(
            spec.seed, len(train_indices), spec.batch_size, spec.latent_dim, device, feed.place
        )
        self.optimiser = Adam(
            self.model.parameters(),
            learning_rate=spec.learning_rate,
            weight_decay=spec.weight_decay,
        )
        record = find_model(spec.model)
        self.objective = record.objective
        self.likelihood = LIKELIHOODS[spec.likelihood]
        self.adversary = None if record.adversary is None else record.adversary(spec, device)
        values = {
            **dict(record.fixed),
            **spec.parameters,
            "warmup": float(spec.warmup_steps),
            "examples": float(len(train_indices)),
        }
        self.hyper = {name: torch.full((), value, device=device) for name, value in values.items()}
        self.code = trained_by(spec)
        self._generator = torch.Generator()
        self.step = 0
        self.seconds = 0.0
        self.curve: list[CurvePoint] = []
        self.curve_every = max(1, spec.steps // CURVE_POINTS)
        self._clock = torch.zeros((), device=device)
        self.sums = torch.zeros(3, device=device)
        self.first_bad = torch.full((), -1.0, device=device)

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
            prior = self.model.prior()
        if self.adversary is not None:
            log_ratio = self.adversary.log_ratio(z)
        kl = prior.kl(mu, logvar, z)
        self._generator.manual_seed(derive(self.spec.seed, "objective", self.step))
        cost = self.likelihood(logits, x)
        terms = Terms(cost, kl, mu, logvar, z, prior, self._generator, log_ratio)
        loss = self.objective(terms, self.hyper, self._clock)
        self._check_loss(loss)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        if self.adversary is not None:
            others = z if size == self.spec.batch_size else self._codes(slice(size, None))
            self.adversary.learn(z, others, self.step)
        with torch.no_grad():
            figures = (loss, terms.reconstruction.mean(), terms.kl.sum(1).mean())
            self.sums += torch.stack(figures)
            healthy = torch.isfinite(loss) | (self.first_bad >= 0)
            self.first_bad = torch.where(healthy, self.first_bad, self._clock)
            self._clock += 1
        self.step += 1
        if self.step % self.curve_every == 0 or self.done:
            self._record()

    def _check_loss(self, loss: object) -> None:
        """Makes sure that an objective returned a loss: whoever wrote it can mend it.

        Raises:
            VaebenchError: It did not.
        """
        if not isinstance(loss, Tensor):
            seen = f"a {type(loss).__name__}"
        elif loss.shape != () or not loss.is_floating_point():
            seen = f"{loss.dtype} {list(loss.shape)}".removeprefix("torch.")
        elif not loss.requires_grad:
            seen = "a number that depends on no weight"
        else:
            return
        raise VaebenchError(
            f"The objective of model {self.spec.model!r} returned {seen}: it must return the mean "
            "loss of the batch, a tensor of one float, float32 [], that has a gradient."
        )

    def _draw(self, part: slice) -> tuple[Tensor, Tensor, Tensor | None]:
        """Returns observations, noise and labels of a part of this step's batch."""
        indices = self.train_indices[self.batches.positions(self.step)[part]]
        x, label = self.feed.batch(indices, labelled=self.model.conditional, draw=self.step + 1)
        return x, self.batches.noise(self.step)[part], label

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
        bad = int(self.first_bad.item())
        if bad >= 0:
            raise DivergedError(
                f"The loss was NaN or infinite at step {bad + 1} of {self.spec.steps} "
                f"({self.spec.label}). Try a smaller --lr or strength, or --precision fp32."
            )
        since = self.step - (self.curve[-1].step if self.curve else 0)
        loss, reconstruction, kl = (self.sums / since).tolist()
        has_kl = self.model.stochastic
        self.curve.append(CurvePoint(self.step, loss, reconstruction, kl if has_kl else None))
        self.sums.zero_()

    def save(self, path: Path) -> None:
        """Writes a checkpoint: all that the rest of the run depends on."""
        write_tensors(path, snapshot(self))

    def load(self, path: Path, on_note: Callable[[str], Any] = lambda text: None) -> bool:
        """Goes on from a checkpoint of this very job, made by this very code.

        Args:
            path: The checkpoint. One that is damaged, another job's or other code's is set aside.
            on_note: Called with a line on why it was.

        Returns:
            Whether there was one to go on from; without, the job is at its first step.
        """
        try:
            values = read_tensors(path)
            if values is None:
                return False
            restore(self, values, path)
        except DamagedError as error:
            place = set_aside(path)
            on_note(f"{error} It was set aside as {place.name}, and the job starts anew.")
            return False
        self._clock.fill_(self.step)
        return True

    def further(self, one: Path, other: Path) -> bool:
        """Says whether this job can be gone on with as far from one checkpoint as from another."""
        first, second = (steps_done(path, self.spec.to_json(), self.code) for path in (one, other))
        return first >= second

    def run(
        self,
        *,
        checkpoint: Path,
        every_seconds: float,
        on_step: Callable[[Trainer], Any],
        should_stop: Callable[[], bool],
        on_note: Callable[[str], Any] = lambda text: None,
        on_save: Callable[[], Any] = lambda: None,
    ) -> bool:
        """Trains to the end, or until told to stop; leaves a checkpoint either way.

        The global random generators are looked at after 1, 2, 4, 8, ... steps, and before every
        checkpoint, so that what has drawn from them is never gone on from.

        Args:
            checkpoint: The job's checkpoint file; gone on from where it exists.
            every_seconds: Wall time between checkpoints.
            on_step: Called after every step.
            should_stop: Asked after every step.
            on_note: Called with a line where a checkpoint could not be used.
            on_save: Called after every checkpoint.

        Returns:
            Whether all steps are done.

        Raises:
            DivergedError: The loss was NaN or infinite.
            GlobalRandomError: A step drew from a global random generator.
        """
        self.load(checkpoint, on_note)
        first, watched = self.step, GlobalGenerators(self.device)
        before, start = self.seconds, time.perf_counter()
        saved = start
        while not self.done:
            self.advance()
            done = self.step - first
            if done & (done - 1) == 0:
                self._check(watched)
            now = time.perf_counter()
            self.seconds = before + now - start
            on_step(self)
            if should_stop():
                break
            if now - saved > every_seconds:
                self._check(watched)
                self.save(checkpoint)
                on_save()
                saved = time.perf_counter()
        self._check(watched)
        self.save(checkpoint)
        on_save()
        return self.done

    def _check(self, watched: GlobalGenerators) -> None:
        watched.check(
            f"Training {self.spec.label}, by step {self.step},",
            "An objective draws from `terms.generator`.",
        )
