"""The plain autoencoder: `ae`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vaebench.protocols import Terms
from vaebench.records import Model, Source

if TYPE_CHECKING:
    from torch import Tensor


def autoencoder(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Mean reconstruction loss: no KL."""
    del hyper, step
    return terms.reconstruction.mean()


AUTOENCODER = Model(
    name="ae",
    title="Autoencoder",
    source=Source(
        authors="Hinton & Salakhutdinov",
        year=2006,
        paper="Reducing the Dimensionality of Data with Neural Networks",
        link="https://doi.org/10.1126/science.1127647",
    ),
    objective=autoencoder,
    stochastic=False,
    colour="#7f7f7f",
    marker="X",
)
