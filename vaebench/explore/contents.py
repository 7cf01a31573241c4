"""What the page knows of a model beside its decoder: latents, real images, attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from vaebench import metrics
from vaebench.data import Dataset
from vaebench.errors import DataError
from vaebench.evaluation import ENCODE_BATCH, Encoder
from vaebench.priors import StandardNormal
from vaebench.protocols import Prior
from vaebench.training import numpy_generator, torch_generator

EXAMPLES = 48
"""Real images in the page."""

NAMED_VALUES = 4
"""Up to so many values of a factor are attributes each; of more, its upper half is one."""

REACH = 3.0
"""Sliders of a model with a prior reach so many standard deviations of it, or farther."""


DRAWS = 1_000
"""Draws of a prior that the page cannot draw from itself."""


@runtime_checkable
class _Attributed(Protocol):
    """A data set with binary attributes beside its label, as CelebA has them."""

    attribute_names: tuple[str, ...]

    def attributes(self, indices: ArrayLike) -> NDArray[np.int64]:
        """Attributes, int64 [N, A], 0 or 1."""


@dataclass(frozen=True)
class Target:
    """Something that is known of every example: a factor, the label or an attribute.

    Attributes:
        name: Its name.
        values: Its value for each example, int64 [N].
        size: Number of values.
        names: A name for each value, or none.
    """

    name: str
    values: NDArray[np.int64]
    size: int
    names: tuple[str, ...] = ()

    def said(self, value: int) -> str:
        """Says a value in words."""
        return self.names[value] if self.names else f"{self.name} {value + 1} of {self.size}"


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


def targets(data: Dataset, indices: NDArray[np.int64]) -> list[Target]:
    """Lists what is known of examples: factors that vary, the label, attributes.

    A label that is one of the factors gives that factor its names.
    """
    found: list[Target] = []
    factors, labels = data.factors(indices), data.labels(indices)
    names = data.label_names
    if factors is not None:
        for place, name in enumerate(data.factor_names):
            values = factors[:, place]
            same = labels is not None and np.array_equal(values, labels)
            size = data.factor_sizes[place]
            found.append(Target(name, values, size, names if same and len(names) == size else ()))
    if labels is not None and not any(target.names for target in found):
        found.append(Target("label", labels, len(names), names))
    if isinstance(data, _Attributed):
        columns = data.attributes(indices).T
        for name, values in zip(data.attribute_names, columns, strict=True):
            found.append(Target(name.replace("_", " "), values, 2))
    return [target for target in found if len(np.unique(target.values)) > 1]


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
    information = _information(found.mu, about)
    described = []
    for latent in np.argsort(-variance, kind="stable"):
        knows = None
        if information is not None and active[latent]:
            best = int(information[0][latent].argmax())
            nats, share = (float(table[latent, best]) for table in information)
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


def _information(
    mu: NDArray[np.float32], about: Sequence[Target]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Mutual information of latents and targets, [D, T], in nats and as shares of entropies."""
    if not about:
        return None
    try:
        found = metrics.mig_details(mu, np.stack([target.values for target in about], axis=1))
    except DataError:  # too few examples
        return None
    return found.mutual_information, found.mutual_information / found.entropies


def attributes(mu: NDArray[np.float32], about: Sequence[Target]) -> list[dict[str, Any]]:
    """Computes attribute vectors: the mean code of the examples with it minus of those without.

    Args:
        mu: Codes [N, D].
        about: What is known of the examples.

    Returns:
        For each attribute its group, its name and its vector [D].

    References:
        Sampling Generative Networks, White, 2016, https://arxiv.org/abs/1609.04468
        Autoencoding beyond pixels using a learned similarity metric, Larsen et al., 2016,
        https://arxiv.org/abs/1512.09300, section 4
    """
    found = []
    for target in about:
        if target.size == 2 and not target.names:
            sides = [(target.name, target.values == 1)]
        elif target.names or target.size <= NAMED_VALUES:
            values = range(target.size)
            sides = [(target.said(value), target.values == value) for value in values]
        else:
            sides = [(f"more {target.name}", 2 * target.values >= target.size)]
        for name, mask in sides:
            if 0 < mask.sum() < len(mask):
                vector = mu[mask].mean(axis=0) - mu[~mask].mean(axis=0)
                found.append(
                    {"group": target.name, "name": name, "vector": _rounded(vector.tolist())}
                )
    return found


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
    known = targets(data, chosen)
    labels = data.labels(chosen)
    found = []
    for row, index in enumerate(chosen):
        words = [t.said(int(t.values[row])) for t in known if t.names or t.size > 2]
        words += [t.name for t in known if not t.names and t.size == 2 and t.values[row]]
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
