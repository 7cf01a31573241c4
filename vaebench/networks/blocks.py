"""What networks are built of: layers with their activations, and the module that holds all."""

from __future__ import annotations

from torch import nn

from vaebench.networks.layers import DoublingConvTranspose2d, HalvingConv2d
from vaebench.protocols import Coders, Shape


class EncoderDecoder(nn.Module):
    """The layers of a network as one module, for observations of one shape.

    Args:
        coders: The layers.

    Attributes:
        shape: Channels, height and width of the observations; None where nobody said.
        latents: Number of latents, D, likewise.
    """

    shape: Shape | None = None
    latents: int | None = None

    def __init__(self, coders: Coders) -> None:
        super().__init__()
        self.trunk, self.head, self.decoder = coders


def conv(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """Makes a convolution that halves height and width, and its ReLU."""
    return [HalvingConv2d(inputs, outputs, kernel), nn.ReLU(inplace=True)]


def deconv(inputs: int, outputs: int) -> list[nn.Module]:
    """Makes a transposed convolution that doubles height and width, and its ReLU."""
    return [DoublingConvTranspose2d(inputs, outputs), nn.ReLU(inplace=True)]


def linear(inputs: int, outputs: int) -> list[nn.Module]:
    """Makes a linear layer and its ReLU."""
    return [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
