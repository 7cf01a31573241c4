"""The study's fully connected network: `mlp`, for observations of any size."""

from __future__ import annotations

import math

from vaebench.protocols import Coders, Shape
from vaebench.records import Network, Source


def build(shape: Shape, latents: int, labels: int) -> Coders:
    """Makes two hidden layers of 1,200 units that encode, and three that decode."""
    from torch import nn

    from vaebench.networks.blocks import linear

    pixels = math.prod(shape)
    return Coders(
        trunk=nn.Flatten(),
        head=nn.Sequential(
            *linear(pixels + labels, 1200), *linear(1200, 1200), nn.Linear(1200, 2 * latents)
        ),
        decoder=nn.Sequential(
            *[nn.Linear(latents + labels, 1200), nn.Tanh()],
            *[nn.Linear(1200, 1200), nn.Tanh()],
            *[nn.Linear(1200, 1200), nn.Tanh()],
            nn.Linear(1200, pixels),
            nn.Unflatten(1, shape),
        ),
    )


MLP = Network(
    name="mlp",
    build=build,
    source=Source(
        authors="Higgins et al.",
        year=2017,
        paper="beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework",
        place="table 1",
        link="https://openreview.net/forum?id=Sy2fzU9gl",
    ),
)
