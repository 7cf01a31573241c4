"""What is known of examples: factors, label, attributes; what latents know of them, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench import metrics
from vaebench.data import Dataset
from vaebench.errors import DataError

NAMED_VALUES = 4
"""Up to so many values of a factor are attributes each; of more, its upper half is one."""


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

    @property
    def sides(self) -> list[tuple[str, NDArray[np.bool_]]]:
        """Attributes that it gives: a name, and which examples have it, bool [N]."""
        if self.size == 2 and not self.names:
            return [(self.name, self.values == 1)]
        if self.names or self.size <= NAMED_VALUES:
            return [(self.said(value), self.values == value) for value in range(self.size)]
        return [(f"more {self.name}", 2 * self.values >= self.size)]


@dataclass(frozen=True)
class Attribute:
    """A direction in the latents along which an attribute is added.

    Attributes:
        group: The target that it is of.
        name: Its name.
        has: Which examples have it, bool [N].
        vector: Mean code of those that have it minus that of those that do not, [D].
    """

    group: str
    name: str
    has: NDArray[np.bool_]
    vector: NDArray[np.float32]


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


def information(
    mu: NDArray[np.float32], about: Sequence[Target]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Computes what each latent knows of each target.

    Args:
        mu: Codes [N, D].
        about: What is known of the examples.

    Returns:
        Mutual information of latents and targets in nats [D, T], binned as for MIG, and the
        targets' entropies in nats [T]; None where nothing is known or examples are too few.
    """
    if not about:
        return None
    try:
        found = metrics.mig_details(mu, np.stack([target.values for target in about], axis=1))
    except DataError:  # too few examples
        return None
    return found.mutual_information, found.entropies


def attributes(mu: NDArray[np.float32], about: Sequence[Target]) -> list[Attribute]:
    """Computes attribute vectors: the mean code of the examples with it minus of those without.

    Args:
        mu: Codes [N, D].
        about: What is known of the examples.

    References:
        Sampling Generative Networks, White, 2016, https://arxiv.org/abs/1609.04468
        Autoencoding beyond pixels using a learned similarity metric, Larsen et al., 2016,
        https://arxiv.org/abs/1512.09300, section 4
    """
    return [
        Attribute(target.name, name, has, mu[has].mean(axis=0) - mu[~has].mean(axis=0))
        for target in about
        for name, has in target.sides
        if 0 < has.sum() < len(has)
    ]
