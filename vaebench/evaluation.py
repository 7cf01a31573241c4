"""Evaluation of a trained model: encode once, then every figure and picture that is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from vaebench import metrics
from vaebench.data import Dataset
from vaebench.models import VAE
from vaebench.objectives import LIKELIHOODS, kl_per_latent
from vaebench.outcome import Score
from vaebench.spec import JobSpec
from vaebench.training import Feed, numpy_generator, split, torch_generator

HELD_OUT = 10_000
"""Examples that reconstruction, KL and MIG are computed on at most, as in the study."""

HELD_OUT_SHARE = 20
"""They are this many times the job's `eval_size`, where that is less."""

ENCODE_BATCH = 128
"""Examples encoded or reconstructed at once."""


class Encoder:
    """A trained model as a function from examples to representations, each example encoded once.

    Args:
        model: The trained model; its posterior means are the representation.
        feed: The data.
        precision: `fp32` or `bf16`.
        on_batch: Called after every batch; may raise to stop.
    """

    def __init__(
        self,
        model: VAE,
        feed: Feed,
        precision: str,
        on_batch: Callable[[], None] = lambda: None,
    ) -> None:
        self.model = model
        self.data = feed.data
        self.feed = feed
        self.precision = precision
        self.on_batch = on_batch
        self.encoded = 0
        self._codes: NDArray[np.float32] | None = None
        self._known = np.zeros(len(feed.data), dtype=bool)

    def autocast(self) -> torch.autocast:
        """The context that the model computes in."""
        enabled = self.precision == "bf16"
        return torch.autocast(self.feed.device.type, torch.bfloat16, enabled=enabled)

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor | None]:
        """Returns examples as the model takes them: observations, and labels if conditional."""
        return self.feed.batch(torch.from_numpy(indices), labelled=self.model.conditional)

    def posterior(
        self, indices: NDArray[np.int64], x: Tensor, label: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Encodes a batch and keeps its representation.

        Args:
            indices: Examples, int64 [B].
            x: They, as `batch` gave them.
            label: Their labels, likewise.

        Returns:
            mu and logvar, [B, D].
        """
        with self.autocast():
            mu, logvar = self.model.encode(x, label)
        if self._codes is None:
            self._codes = np.zeros((len(self.data), mu.shape[1]), dtype=np.float32)
        self._codes[indices] = mu.cpu().numpy()
        self._known[indices] = True
        self.encoded += len(indices)
        self.on_batch()
        return mu, logvar

    @torch.inference_mode()
    def codes(self, indices: ArrayLike) -> NDArray[np.float32]:
        """Returns the posterior means of examples, [N, D]."""
        wanted = np.asarray(indices, dtype=np.int64)
        mask = np.zeros(len(self.data), dtype=bool)
        mask[wanted] = True
        missing = np.flatnonzero(mask & ~self._known)
        for start in range(0, len(missing), ENCODE_BATCH):
            part = missing[start : start + ENCODE_BATCH]
            self.posterior(part, *self.batch(part))
        assert self._codes is not None
        return self._codes[wanted]

    def represent(self, factors: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns the posterior means of the examples with the given factors [N, F]."""
        return self.codes(self.data.index(factors))


def images_encoded(spec: JobSpec, *, factors: bool) -> int:
    """Counts the images that an evaluation encodes, were they all distinct.

    Args:
        spec: The job.
        factors: Whether the data set has ground-truth factors.
    """
    points = min(HELD_OUT, HELD_OUT_SHARE * spec.eval_size)
    sampled = (spec.eval_size + spec.eval_size // 2) * 64 * 3
    return points + (points + sampled) * factors


def held_out(spec: JobSpec, data: Dataset) -> NDArray[np.int64]:
    """Chooses the examples that a job is evaluated on, in ascending order.

    They are from the test set where the data set has one, or from the fold that is held out,
    chosen at random.
    """
    _, indices = split(spec, data)
    size = min(HELD_OUT, HELD_OUT_SHARE * spec.eval_size)
    if len(indices) > size:
        rng = numpy_generator(spec.seed, "held out")
        indices = rng.choice(indices, size, replace=False)
    return np.sort(indices)


@torch.inference_mode()
def likelihood_scores(
    spec: JobSpec, encoder: Encoder, indices: NDArray[np.int64]
) -> tuple[list[Score], NDArray[np.float64]]:
    """Computes reconstruction, KL and ELBO with one posterior sample per example.

    Args:
        spec: The job.
        encoder: The trained model.
        indices: Examples to average over, int64 [N].

    Returns:
        The scores, nats per example, and the KL of each latent, [D].
    """
    generator = torch_generator(spec.seed, "evaluation noise")
    noise = torch.randn(len(indices), spec.latent_dim, generator=generator)
    likelihood = LIKELIHOODS[spec.likelihood]
    device = encoder.feed.device
    reconstruction = 0.0
    kl = np.zeros(spec.latent_dim)
    for start in range(0, len(indices), ENCODE_BATCH):
        part = slice(start, start + ENCODE_BATCH)
        x, label = encoder.batch(indices[part])
        mu, logvar = encoder.posterior(indices[part], x, label)
        z = encoder.model.sample(mu, logvar, noise[part].to(device))
        with encoder.autocast():
            logits = encoder.model.decode(z, label)
        reconstruction += float(likelihood(logits, x).double().sum().item())
        kl += kl_per_latent(mu.double(), logvar.double()).sum(0).cpu().numpy()
    n = len(indices)
    reconstruction /= n
    kl /= n
    if not encoder.model.stochastic:
        note = "an autoencoder has no posterior"
        none = [Score(name, None, n, note=note) for name in ("kl", "elbo")]
        return [Score("reconstruction", reconstruction, n), *none], np.zeros(spec.latent_dim)
    total = float(kl.sum())
    scores = [
        Score("reconstruction", reconstruction, n),
        Score("kl", total, n),
        Score("elbo", -reconstruction - total, n),
    ]
    latents = [Score(f"kl_latent_{d:02d}", float(value), n) for d, value in enumerate(kl)]
    return scores + latents, kl


def representation_scores(
    spec: JobSpec, encoder: Encoder, indices: NDArray[np.int64]
) -> list[Score]:
    """Computes the scores of the representation: those of disentanglement need factors.

    Args:
        spec: The job.
        encoder: The trained model.
        indices: Examples for the scores of a fixed sample, int64 [N].
    """
    data, codes = encoder.data, encoder.codes(indices)
    n = len(indices)
    scores = [Score("active_units", float(metrics.active_units(codes)), n)]
    factors = data.factors(indices)
    if factors is None:
        note = "the data set has no ground-truth factors"
        scores += [Score(name, None, note=note) for name in FACTOR_SCORES]
        labels = data.labels(indices)
        if labels is not None:
            scores.append(Score("mig_label", metrics.mig(codes, labels[:, None]), n))
        return scores
    varying = [place for place, size in enumerate(data.factor_sizes) if size > 1]
    scores.append(Score("mig", metrics.mig(codes, factors[:, varying]), n))
    train, test = spec.eval_size, spec.eval_size // 2
    beta = metrics.beta_vae_score(
        encoder.represent,
        data.factor_sizes,
        rng=numpy_generator(spec.seed, "beta_vae_score"),
        num_train=train,
        num_eval=test,
    )
    factor = metrics.factor_vae_score(
        encoder.represent,
        data.factor_sizes,
        rng=numpy_generator(spec.seed, "factor_vae_score"),
        num_train=train,
        num_eval=test,
        num_variance=n,
    )
    scores.append(Score("beta_vae_score", beta, spec.eval_size))
    scores.append(Score("factor_vae_score", factor, spec.eval_size))
    return scores


FACTOR_SCORES: Sequence[str] = ("beta_vae_score", "factor_vae_score", "mig")
"""Scores that need ground-truth factors."""
