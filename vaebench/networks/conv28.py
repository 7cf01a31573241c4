"""The network of the Fashion-MNIST study that this project began with: `conv28`, for 28×28."""

from __future__ import annotations

from vaebench.protocols import Coders, Shape
from vaebench.records import Network


def build(shape: Shape, latents: int, labels: int) -> Coders:
    """Makes two convolutions; the label joins their 1,568 features, and the latents."""
    from torch import nn

    from vaebench.networks.blocks import conv, deconv, linear
    from vaebench.networks.layers import DoublingConvTranspose2d

    channels = shape[0]
    return Coders(
        trunk=nn.Sequential(*conv(channels, 16, 4), *conv(16, 32, 4), nn.Flatten()),
        head=nn.Sequential(*linear(1568 + labels, 784), nn.Linear(784, 2 * latents)),
        decoder=nn.Sequential(
            *linear(latents + labels, 256),
            *linear(256, 256),
            *linear(256, 784),
            nn.Unflatten(1, (16, 7, 7)),
            *deconv(16, 16),
            DoublingConvTranspose2d(16, channels),
        ),
    )


CONV28 = Network(name="conv28", build=build, sizes=(28,))
"""Study `fashion-cvae`."""
