"""A small convolutional network for images of 32×32 pixels."""

from __future__ import annotations

from vaebench.protocols import Coders, Shape
from vaebench.records import Network


def build(shape: Shape, latents: int, labels: int) -> Coders:
    """Makes the layers.

    Args:
        shape: Channels, height and width of the observations.
        latents: Number of latents, D.
        labels: Width of the one-hot label, L, that a conditional model has; else 0.
    """
    from torch import nn

    channels = shape[0]
    return Coders(
        trunk=nn.Sequential(
            nn.Conv2d(channels, 16, 4, 2, 1),
            nn.SiLU(),
            nn.Conv2d(16, 16, 4, 2, 1),
            nn.SiLU(),
            nn.Flatten(),
        ),
        head=nn.Linear(16 * 8 * 8 + labels, 2 * latents),
        decoder=nn.Sequential(
            nn.Linear(latents + labels, 16 * 8 * 8),
            nn.SiLU(),
            nn.Unflatten(1, (16, 8, 8)),
            nn.ConvTranspose2d(16, 16, 4, 2, 1),
            nn.SiLU(),
            nn.ConvTranspose2d(16, channels, 4, 2, 1),
        ),
    )


SMALL_CONV = Network(name="smallconv", build=build, sizes=(32,))
