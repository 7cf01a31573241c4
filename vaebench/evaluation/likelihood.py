"""Reconstruction, KL and ELBO of held-out examples."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from vaebench.evaluation.encoder import ENCODE_BATCH, Encoder
from vaebench.objectives import LIKELIHOODS, kl_per_latent
from vaebench.outcome import Score
from vaebench.spec import JobSpec
from vaebench.training import torch_generator


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
