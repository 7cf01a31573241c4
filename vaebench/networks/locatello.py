"""The study's convolutional network: `locatello`, for 64×64 observations."""

from __future__ import annotations

from vaebench.protocols import Coders, Shape
from vaebench.records import Network, Source


def build(shape: Shape, latents: int, labels: int) -> Coders:
    """Makes four convolutions and as many transposed ones."""
    from torch import nn

    from vaebench.networks.blocks import conv, deconv, linear
    from vaebench.networks.layers import DoublingConvTranspose2d

    channels = shape[0]
    convolutions = [
        *conv(channels, 32, 4),
        *conv(32, 32, 4),
        *conv(32, 64, 2),
        *conv(64, 64, 2),
    ]
    return Coders(
        trunk=nn.Sequential(*convolutions, nn.Flatten()),
        head=nn.Sequential(*linear(1024 + labels, 256), nn.Linear(256, 2 * latents)),
        decoder=nn.Sequential(
            *linear(latents + labels, 256),
            *linear(256, 1024),
            nn.Unflatten(1, (64, 4, 4)),
            *deconv(64, 64),
            *deconv(64, 32),
            *deconv(32, 32),
            DoublingConvTranspose2d(32, channels),
        ),
    )


LOCATELLO = Network(
    name="locatello",
    build=build,
    sizes=(64,),
    natural=(64,),
    source=Source(
        authors="Locatello et al.",
        year=2019,
        paper="Challenging Common Assumptions in the Unsupervised Learning of Disentangled "
        "Representations",
        place="table 1",
        link="https://arxiv.org/abs/1811.12359",
    ),
)
