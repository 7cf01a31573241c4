"""The discriminator of FactorVAE: how much denser latents are together than each on its own."""

from __future__ import annotations

from torch import Tensor, nn

LAYERS = 6
"""Hidden layers, of the paper and of the study."""

WIDTH = 1000
"""Units of a hidden layer, likewise."""

SLOPE = 0.2
"""Of the leaky ReLU below 0."""


class Discriminator(nn.Module):
    """Estimates log q(z) - sum of log q(z_d), having learnt to tell z from permuted z.

    It has two logits, "as drawn" and "permuted", whose difference is the estimate: where the
    discriminator is right, the odds of "as drawn" are the ratio of the densities.

    Args:
        latents: Number of latents, D.
        width: Units of each hidden layer.

    References:
        Disentangling by Factorising, Kim & Mnih, 2018, equation 3 and appendix A,
        https://arxiv.org/abs/1802.05983
    """

    def __init__(self, latents: int, width: int = WIDTH) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in (latents, *[width] * (LAYERS - 1)):
            layers += [nn.Linear(inputs, width), nn.LeakyReLU(SLOPE, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 2))

    def forward(self, z: Tensor) -> Tensor:
        """Maps latents [B, D] to the logarithm of the density ratio, nats, float32 [B]."""
        drawn, permuted = self.layers(z).float().unbind(1)
        ratio: Tensor = drawn - permuted
        return ratio
