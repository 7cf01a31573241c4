"""Reconstruction, KL and ELBO of held-out examples."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from vaebench.evaluation.encoder import ENCODE_BATCH, Encoder
from vaebench.models.likelihoods import LIKELIHOODS
from vaebench.outcome import Score
from vaebench.spec import JobSpec
from vaebench.training import torch_generator

NORMAL_95 = 1.959963984540054
"""Standard deviations on either side of a normal mean that hold 95 % of it."""


@torch.inference_mode()
def likelihood_scores(
    spec: JobSpec, encoder: Encoder, indices: NDArray[np.int64]
) -> tuple[list[Score], NDArray[np.float64] | None]:
    """Computes reconstruction, KL and ELBO with one posterior sample per example.

    Args:
        spec: The job.
        encoder: The trained model.
        indices: Examples to average over, int64 [N].

    Returns:
        The scores, nats per example, and the KL of each latent, [D]; None where there is none: of
        an autoencoder, and of a prior that does not factorise, whose KL is estimated with the
        posterior sample.
    """
    generator = torch_generator(spec.seed, "evaluation noise")
    noise = torch.randn(len(indices), spec.latent_dim, generator=generator)
    likelihood = LIKELIHOODS[spec.likelihood]
    device = encoder.feed.device
    reconstruction = 0.0
    with encoder.autocast():
        prior = encoder.model.prior()
    kl = np.zeros(spec.latent_dim if prior.factorises else 1)
    each = np.zeros((2, len(indices)))
    for start in range(0, len(indices), ENCODE_BATCH):
        part = slice(start, start + ENCODE_BATCH)
        x, label = encoder.batch(indices[part])
        mu, logvar = encoder.posterior(indices[part], x, label)
        z = encoder.model.sample(mu, logvar, noise[part].to(device))
        with encoder.autocast():
            logits = encoder.model.decode(z, label)
        costs = likelihood(logits, x).double()
        divergences = prior.kl(mu.double(), logvar.double(), z.double())
        reconstruction += float(costs.sum().item())
        kl += divergences.sum(0).cpu().numpy()
        each[:, part] = torch.stack([costs, divergences.sum(1)]).cpu().numpy()
    n = len(indices)
    reconstruction /= n
    kl /= n
    if not encoder.model.stochastic:
        note = "an autoencoder has no posterior"
        none = [Score(name, None, n, note=note) for name in ("kl", "elbo")]
        return [_mean("reconstruction", reconstruction, each[0]), *none], None
    total = float(kl.sum())
    scores = [
        _mean("reconstruction", reconstruction, each[0]),
        _mean("kl", total, each[1]),
        _mean("elbo", -reconstruction - total, -each.sum(axis=0)),
    ]
    if not prior.factorises:
        return scores, None
    latents = [Score(f"kl_latent_{d:02d}", float(value), n) for d, value in enumerate(kl)]
    return scores + latents, kl


def _mean(name: str, value: float, each: NDArray[np.float64]) -> Score:
    """A mean over examples with its normal 95 % interval, from the values [N] of each."""
    n = len(each)
    if n < 2:
        return Score(name, value, n)
    half = NORMAL_95 * float(each.std(ddof=1)) / math.sqrt(n)
    return Score(name, value, n, value - half, value + half)
