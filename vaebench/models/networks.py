"""Encoders and decoders: `locatello`, `burgess` and `mlp`, as plain torch modules."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from vaebench.errors import UsageError, unknown
from vaebench.models.layers import DoublingConvTranspose2d, HalvingConv2d

Shape = tuple[int, int, int]


class Network(nn.Module):
    """An encoder trunk with its two heads, and a decoder, for observations of one shape.

    Args:
        trunk: Maps observations [B, C, H, W] to features [B, M].
        head: Maps features and label, [B, M + L], to [B, 2 · D]: mu and logvar.
        decoder: Maps latents and label, [B, D + L], to logits [B, C, H, W].

    Attributes:
        shape: Channels, height and width of the observations; None where nobody said.
        latents: Number of latents, D, likewise.
    """

    shape: Shape | None = None
    latents: int | None = None

    def __init__(self, trunk: nn.Module, head: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.decoder = decoder


def _conv(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    return [HalvingConv2d(inputs, outputs, kernel), nn.ReLU(inplace=True)]


def _deconv(inputs: int, outputs: int) -> list[nn.Module]:
    return [DoublingConvTranspose2d(inputs, outputs), nn.ReLU(inplace=True)]


def _linear(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]


def locatello(shape: Shape, latents: int, labels: int) -> Network:
    """The study's convolutional network for 64×64 observations.

    References:
        Challenging Common Assumptions in the Unsupervised Learning of Disentangled
        Representations, Locatello et al., 2019, table 1, https://arxiv.org/abs/1811.12359
    """
    channels, height, width = shape
    if (height, width) != (64, 64):
        raise UsageError(_wrong_size("locatello", shape, "64×64"))
    convolutions = [
        *_conv(channels, 32, 4),
        *_conv(32, 32, 4),
        *_conv(32, 64, 2),
        *_conv(64, 64, 2),
    ]
    return Network(
        trunk=nn.Sequential(*convolutions, nn.Flatten()),
        head=nn.Sequential(*_linear(1024 + labels, 256), nn.Linear(256, 2 * latents)),
        decoder=nn.Sequential(
            *_linear(latents + labels, 256),
            *_linear(256, 1024),
            nn.Unflatten(1, (64, 4, 4)),
            *_deconv(64, 64),
            *_deconv(64, 32),
            *_deconv(32, 32),
            DoublingConvTranspose2d(32, channels),
        ),
    )


def burgess(shape: Shape, latents: int, labels: int) -> Network:
    """Burgess' network: four convolutions for 64×64 observations, three for 32×32.

    References:
        Understanding disentangling in beta-VAE, Burgess et al., 2018, appendix A.1,
        https://arxiv.org/abs/1804.03599
    """
    channels, height, width = shape
    if (height, width) not in {(64, 64), (32, 32)}:
        raise UsageError(_wrong_size("burgess", shape, "64×64 or 32×32"))
    layers = 4 if height == 64 else 3
    down = _conv(channels, 32, 4)
    up: list[nn.Module] = []
    for _ in range(layers - 1):
        down += _conv(32, 32, 4)
        up += _deconv(32, 32)
    return Network(
        trunk=nn.Sequential(*down, nn.Flatten()),
        head=nn.Sequential(
            *_linear(512 + labels, 256), *_linear(256, 256), nn.Linear(256, 2 * latents)
        ),
        decoder=nn.Sequential(
            *_linear(latents + labels, 256),
            *_linear(256, 256),
            *_linear(256, 512),
            nn.Unflatten(1, (32, 4, 4)),
            *up,
            DoublingConvTranspose2d(32, channels),
        ),
    )


def mlp(shape: Shape, latents: int, labels: int) -> Network:
    """The study's fully connected network, for observations of any size.

    References:
        beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework,
        Higgins et al., 2017, table 1, https://openreview.net/forum?id=Sy2fzU9gl
    """
    pixels = math.prod(shape)
    return Network(
        trunk=nn.Flatten(),
        head=nn.Sequential(
            *_linear(pixels + labels, 1200), *_linear(1200, 1200), nn.Linear(1200, 2 * latents)
        ),
        decoder=nn.Sequential(
            *[nn.Linear(latents + labels, 1200), nn.Tanh()],
            *[nn.Linear(1200, 1200), nn.Tanh()],
            *[nn.Linear(1200, 1200), nn.Tanh()],
            nn.Linear(1200, pixels),
            nn.Unflatten(1, shape),
        ),
    )


def conv28(shape: Shape, latents: int, labels: int) -> Network:
    """The network of the Fashion-MNIST study that this project began with, for 28×28.

    The label joins the 1,568 convolutional features and the latents; study `fashion-cvae`.
    """
    channels, height, width = shape
    if (height, width) != (28, 28):
        raise UsageError(_wrong_size("conv28", shape, "28×28"))
    return Network(
        trunk=nn.Sequential(*_conv(channels, 16, 4), *_conv(16, 32, 4), nn.Flatten()),
        head=nn.Sequential(*_linear(1568 + labels, 784), nn.Linear(784, 2 * latents)),
        decoder=nn.Sequential(
            *_linear(latents + labels, 256),
            *_linear(256, 256),
            *_linear(256, 784),
            nn.Unflatten(1, (16, 7, 7)),
            *_deconv(16, 16),
            DoublingConvTranspose2d(16, channels),
        ),
    )


NETWORKS: dict[str, Callable[[Shape, int, int], Network]] = {
    "locatello": locatello,
    "burgess": burgess,
    "mlp": mlp,
    "conv28": conv28,
}


def build_network(name: str, shape: Shape, latents: int, labels: int = 0) -> Network:
    """Builds a network for observations of a shape.

    Args:
        name: One of `NETWORKS`.
        shape: Channels, height and width of the observations.
        latents: Number of latents, D.
        labels: Width of the one-hot label given to encoder and decoder; 0 for none.

    Raises:
        UsageError: The name is unknown, or the network does not take this shape.
    """
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    network = NETWORKS[name](shape, latents, labels)
    network.shape, network.latents = shape, latents
    return network


def _wrong_size(name: str, shape: Shape, allowed: str) -> str:
    seen = f"{shape[1]}×{shape[2]}"
    return (
        f"Network {name!r} takes {allowed} observations, these are {seen}. "
        f"Choose another with --network ({', '.join(NETWORKS)})."
    )
