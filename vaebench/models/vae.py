"""The one variational autoencoder: encode, sample, decode; and its initialisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vaebench.models.networks import Network


class VAE(nn.Module):
    """A (conditional) variational autoencoder around a network.

    Args:
        network: Encoder and decoder.
        labels: Width of the one-hot label; 0 for a model that is not conditional.
        stochastic: False for a plain autoencoder, whose latents are mu.

    References:
        Auto-Encoding Variational Bayes, Kingma & Welling, 2014, https://arxiv.org/abs/1312.6114
        Learning Structured Output Representation using Deep Conditional Generative Models,
        Sohn et al., 2015
    """

    def __init__(self, network: Network, *, labels: int = 0, stochastic: bool = True) -> None:
        super().__init__()
        self.network = network
        self.labels = labels
        self.stochastic = stochastic

    @property
    def conditional(self) -> bool:
        """Whether encoder and decoder take a label."""
        return self.labels > 0

    def _join(self, values: Tensor, label: Tensor | None) -> Tensor:
        if self.labels == 0 or label is None:
            return values
        one_hot = functional.one_hot(label, self.labels).to(values.dtype)
        return torch.cat([values, one_hot], dim=1)

    def encode(self, x: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Maps observations to the posterior's parameters.

        Args:
            x: Observations in [0, 1], [B, C, H, W].
            label: Class of each, int [B]; used by a conditional model alone.

        Returns:
            mu and logvar, float32 [B, D] each.
        """
        features = self.network.trunk(x)
        mu, logvar = self.network.head(self._join(features, label)).float().chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Maps latents [B, D] to logits (or means, for a Gaussian) float32 [B, C, H, W]."""
        logits: Tensor = self.network.decoder(self._join(z, label))
        return logits.float()

    def sample(self, mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
        """Draws latents [B, D] from the posterior with the given standard normal noise [B, D]."""
        return mu + torch.exp(0.5 * logvar) * noise if self.stochastic else mu

    def forward(
        self, x: Tensor, noise: Tensor, label: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Returns logits [B, C, H, W], and mu, logvar and latents [B, D]."""
        mu, logvar = self.encode(x, label)
        z = self.sample(mu, logvar, noise)
        return self.decode(z, label), mu, logvar, z


@torch.no_grad()
def initialise(model: nn.Module, scheme: str, generator: torch.Generator) -> None:
    """Fills every weight and bias anew from an explicit generator.

    Args:
        model: The module, on the CPU.
        scheme: `glorot` for uniform Glorot weights and zero biases, as TensorFlow's layers have
            them; `torch` for PyTorch's default of uniform(-1/sqrt(fan_in), 1/sqrt(fan_in)).
        generator: Source of randomness.

    References:
        Understanding the difficulty of training deep feedforward neural networks, Glorot &
        Bengio, 2010, equation 16
    """
    for module in model.modules():
        if not isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            continue
        if scheme == "glorot":
            nn.init.xavier_uniform_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            continue
        fan_in = module.weight[0].numel()
        bound = fan_in**-0.5
        nn.init.uniform_(module.weight, -bound, bound, generator=generator)
        if module.bias is not None:
            nn.init.uniform_(module.bias, -bound, bound, generator=generator)
