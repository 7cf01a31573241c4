"""Burgess' convolutional network: `burgess`, for 64×64 and 32×32 observations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaebench.protocols import Coders, Shape
from vaebench.records import Network, Source

if TYPE_CHECKING:
    from torch import nn


def build(shape: Shape, latents: int, labels: int) -> Coders:
    """Makes four convolutions for 64×64 observations, three for 32×32."""
    from torch import nn

    from vaebench.networks.blocks import conv, deconv, linear
    from vaebench.networks.layers import DoublingConvTranspose2d

    channels, height, _ = shape
    layers = 4 if height == 64 else 3
    down = conv(channels, 32, 4)
    up: list[nn.Module] = []
    for _ in range(layers - 1):
        down += conv(32, 32, 4)
        up += deconv(32, 32)
    return Coders(
        trunk=nn.Sequential(*down, nn.Flatten()),
        head=nn.Sequential(
            *linear(512 + labels, 256), *linear(256, 256), nn.Linear(256, 2 * latents)
        ),
        decoder=nn.Sequential(
            *linear(latents + labels, 256),
            *linear(256, 256),
            *linear(256, 512),
            nn.Unflatten(1, (32, 4, 4)),
            *up,
            DoublingConvTranspose2d(32, channels),
        ),
    )


BURGESS = Network(
    name="burgess",
    build=build,
    sizes=(32, 64),
    natural=(28, 32),
    source=Source(
        authors="Burgess et al.",
        year=2018,
        paper="Understanding disentangling in beta-VAE",
        place="appendix A.1",
        link="https://arxiv.org/abs/1804.03599",
    ),
)
