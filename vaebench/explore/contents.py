"""What the page knows of a model beside its decoder: latents, real images, attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vaebench import metrics
from vaebench.data import Dataset
from vaebench.evaluation import ENCODE_BATCH, Encoder, known
from vaebench.evaluation.known import Target, targets
from vaebench.priors import StandardNormal
from vaebench.protocols import Prior
from vaebench.training import numpy_generator, torch_generator

EXAMPLES = 48
"""Real images in the page."""

REACH = 3.0
"""Sliders of a model with a prior reach so many standard deviations of it, or farther."""


DRAWS = 1_000
"""Draws of a prior that the page cannot draw from itself."""


@dataclass(frozen=True)
class Posterior:
    """The posterior of the examples that a page is made from.

    Attributes:
        mu: Means [N, D].
        kl: KL from the prior of each latent, averaged, nats, [D]; None where latents have none.
    """

    mu: NDArray[np.float32]
    kl: NDArray[np.float64] | None


@torch.inference_mode()
def posterior(encoder: Encoder, indices: NDArray[np.int64]) -> Posterior:
    """Encodes examples.

    Args:
        encoder: The trained model.
        indices: Examples, int64 [N].
    """
    means, divergences = [], []
    prior = encoder.model.prior()
    known = encoder.model.stochastic and prior.factorises
    for start in range(0, len(indices), ENCODE_BATCH):
        part = indices[start : start + ENCODE_BATCH]
        mu, logvar = encoder.posterior(*encoder.batch(part))
        means.append(mu.numpy())
        if known:
            divergences.append(prior.kl(mu.double(), logvar.double(), mu.double()).numpy())
    kl = np.concatenate(divergences).mean(axis=0) if known else None
    return Posterior(np.concatenate(means), kl)


def latents(found: Posterior, about: Sequence[Target], *, standard: bool) -> list[dict[str, Any]]:
    """Describes each latent, those whose mean varies most first.

    Args:
        found: The posterior of the examples.
        about: What is known of them.
        standard: Whether the model's prior is the standard normal.

    Returns:
        For each latent its number, the variance of mu, whether it is active, its KL (None where
        latents have none), the range of its slider, and the target it knows most about with the
        mutual information in nats and as a share of the target's entropy (None where nothing is
        known).
    """
    variance = found.mu.astype(np.float64).var(axis=0)
    active = metrics.active_mask(found.mu)
    low, high = np.quantile(found.mu, [0.001, 0.999], axis=0)
    if standard:
        low, high = np.minimum(low, -REACH), np.maximum(high, REACH)
    low, high = np.floor(2 * low) / 2, np.ceil(2 * high) / 2
    high = np.maximum(high, low + 1)
    information = known.information(found.mu, about)
    described = []
    for latent in np.argsort(-variance, kind="stable"):
        knows = None
        if information is not None and active[latent]:
            best = int(information[0][latent].argmax())
            nats = float(information[0][latent, best])
            share = nats / float(information[1][best])
            knows = {"target": about[best].name, "nats": round(nats, 4), "share": round(share, 4)}
        described.append(
            {
                "latent": int(latent),
                "variance": round(float(variance[latent]), 4),
                "active": bool(active[latent]),
                "kl": round(float(found.kl[latent]), 4) if found.kl is not None else None,
                "low": float(low[latent]),
                "high": float(high[latent]),
                "knows": knows,
            }
        )
    return described


def attributes(mu: NDArray[np.float32], about: Sequence[Target]) -> list[dict[str, Any]]:
    """Describes attribute vectors: of each its group, its name and its vector [D]."""
    return [
        {"group": each.group, "name": each.name, "vector": _rounded(each.vector.tolist())}
        for each in known.attributes(mu, about)
    ]


def choose_examples(data: Dataset, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Chooses the real images of the page from examples, as many of each label, in its order.

    The choice depends on the examples alone, so that the pages of two models of a data set can be
    compared.
    """
    order = numpy_generator(0, "explore").permutation(indices)
    labels = data.labels(order)
    if labels is None:
        return order[:EXAMPLES]
    rank = np.empty(len(order), dtype=np.int64)  # place of each example within its label
    for label in np.unique(labels):
        mask = labels == label
        rank[mask] = np.arange(mask.sum())
    first = np.sort(np.argsort(rank, kind="stable")[:EXAMPLES])
    chosen = order[first[np.argsort(labels[first], kind="stable")]]
    return np.asarray(chosen)


def examples(
    data: Dataset, chosen: NDArray[np.int64], mu: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """Describes real images.

    Args:
        data: The data set.
        chosen: The images, int64 [N].
        mu: Their codes [N, D].

    Returns:
        For each its index in the data set, what it is in words, its label (or 0) and its code.
    """
    about = targets(data, chosen)
    labels = data.labels(chosen)
    found = []
    for row, index in enumerate(chosen):
        words = [t.said(int(t.values[row])) for t in about if t.names or t.size > 2]
        words += [t.name for t in about if not t.names and t.size == 2 and t.values[row]]
        found.append(
            {
                "index": int(index),
                "text": ", ".join(words),
                "label": 0 if labels is None else int(labels[row]),
                "code": _rounded(mu[row].tolist()),
            }
        )
    return found


def prior(mu: NDArray[np.float32], of: Prior | None) -> dict[str, Any]:
    """Describes where random codes come from: the prior, or without one a Gaussian fit.

    Args:
        mu: Codes [N, D].
        of: The model's prior; None of an autoencoder.

    Returns:
        What to say of it, and the mean [D] and a factor [D, D] of the covariance to draw with; of
        a prior that is no Gaussian, `draws` [DRAWS, D] that stand for it.
    """
    count = mu.shape[1]
    if isinstance(of, StandardNormal):
        return {"text": "the prior", "mean": [0.0] * count, "factor": None, "draws": None}
    if of is not None:
        drawn = of.sample(DRAWS, torch_generator(0, "explore", "prior")).tolist()
        text = f"the prior, which is learnt: one of {DRAWS:,} draws"
        return {"text": text, "mean": [], "factor": None, "draws": [_rounded(z) for z in drawn]}
    codes = mu.astype(np.float64)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(codes, rowvar=False)))
    factor = vectors * np.sqrt(values.clip(0))
    return {
        "text": "a Gaussian fitted to the codes, as an autoencoder has no prior",
        "mean": _rounded(codes.mean(axis=0).tolist()),
        "factor": [_rounded(row) for row in factor.tolist()],
        "draws": None,
    }


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 5) for value in values]
