"""Reconstruction, KL and ELBO of held-out examples."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from vaebench.evaluation.encoder import Encoder, encode_batch
from vaebench.models.likelihoods import LIKELIHOODS
from vaebench.outcome import Score
from vaebench.spec import JobSpec
from vaebench.training import torch_generator
from vaebench.upload import upload

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
    reconstruction, size = 0.0, encode_batch(device)
    with encoder.autocast():
        prior = encoder.model.prior()
    kl = np.zeros(spec.latent_dim if prior.factorises else 1)
    wide = widest(device)
    posteriors, sums, rows = [], [], []
    for start in range(0, len(indices), size):
        part = slice(start, start + size)
        x, label = encoder.batch(indices[part])
        mu, logvar = encoder.posterior(x, label)
        z = encoder.model.sample(mu, logvar, upload(noise[part], device))
        with encoder.autocast():
            logits = encoder.model.decode(z, label)
        costs = likelihood(logits, x).to(wide)
        divergences = prior.kl(mu.to(wide), logvar.to(wide), z.to(wide))
        posteriors.append((mu, logvar))
        sums.append(torch.cat([costs.sum()[None], divergences.sum(0)]))
        rows.append(torch.stack([costs, divergences.sum(1)]))
    encoder.keep(indices, posteriors)
    for batch in torch.stack(sums).cpu().double().numpy():
        reconstruction += float(batch[0])
        kl += batch[1:]
    each = torch.cat(rows, dim=1).cpu().double().numpy()
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


def widest(device: torch.device) -> torch.dtype:
    """Returns the widest kind of number of a device; Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def _mean(name: str, value: float, each: NDArray[np.float64]) -> Score:
    """A mean over examples with its normal 95 % interval, from the values [N] of each."""
    n = len(each)
    if n < 2:
        return Score(name, value, n)
    half = NORMAL_95 * float(each.std(ddof=1)) / math.sqrt(n)
    return Score(name, value, n, value - half, value + half)
