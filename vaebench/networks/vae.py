"""The one variational autoencoder: encode, sample, decode; and its initialisation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from vaebench.errors import DataError
from vaebench.networks.blocks import EncoderDecoder
from vaebench.priors import StandardNormal
from vaebench.protocols import Prior

if TYPE_CHECKING:
    from vaebench.protocols import MakePrior

FLOATS = (torch.float32, torch.bfloat16, torch.float16)
"""Kinds of numbers that models take."""


class VAE(nn.Module):
    """A (conditional) variational autoencoder around a network.

    Args:
        network: Encoder and decoder.
        labels: Width of the one-hot label; 0 for a model that is not conditional.
        stochastic: False for a plain autoencoder, whose latents are mu.
        prior: Makes the prior of the encoder and of `learnt`; None for the standard normal.
        learnt: Tensors that are trained beside the network, by name.

    References:
        Auto-Encoding Variational Bayes, Kingma & Welling, 2014, https://arxiv.org/abs/1312.6114
        Learning Structured Output Representation using Deep Conditional Generative Models,
        Sohn et al., 2015
    """

    def __init__(
        self,
        network: EncoderDecoder,
        *,
        labels: int = 0,
        stochastic: bool = True,
        prior: MakePrior | None = None,
        learnt: Mapping[str, Tensor] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.network = network
        self.labels = labels
        self.stochastic = stochastic
        self.learnt = nn.ParameterDict({name: nn.Parameter(learnt[name]) for name in learnt})
        self._make_prior = prior

    @property
    def conditional(self) -> bool:
        """Whether encoder and decoder take a label."""
        return self.labels > 0

    def prior(self) -> Prior:
        """Returns the prior at the present weights, which a gradient reaches where it is learnt."""
        if self._make_prior is not None:
            return self._make_prior(self.encode, dict(self.learnt.items()))
        latents = self.network.latents
        assert latents is not None, "a network of `build_network` knows its latents"
        return StandardNormal(latents, next(self.parameters()).device)

    def _join(self, values: Tensor, label: Tensor | None) -> Tensor:
        if self.labels == 0:
            return values
        allowed = f"give each its class, a tensor of integers from 0 to {self.labels - 1}"
        if not isinstance(label, Tensor):
            seen = "no label" if label is None else f"a {_kind(label)} as label"
            raise DataError(f"This model is conditional and got {seen}: {allowed}.")
        if label.shape != values.shape[:1] or label.is_floating_point():
            raise DataError(
                f"The label is {label.dtype} {list(label.shape)} for {len(values)} rows: {allowed}."
            )
        try:
            one_hot = functional.one_hot(label.long(), self.labels).to(values.dtype)
        except RuntimeError as error:
            raise DataError(f"A label is out of range: {allowed}.") from error
        return torch.cat([values, one_hot], dim=1)

    def encode(self, x: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Maps observations to the posterior's parameters.

        Args:
            x: Observations in [0, 1], float [B, C, H, W].
            label: Class of each, int [B]; needed by a conditional model, else unused.

        Returns:
            mu and logvar, float32 [B, D] each.

        Raises:
            DataError: The observations are no such tensor or of another size than the model's, or
                a conditional model is given no label.
        """
        _refuse_other("The observations are", x, self.network.shape, "in [0, 1]")
        features = self.network.trunk(x)
        mu, logvar = self.network.head(self._join(features, label)).float().chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Maps latents to logits, not to pictures.

        A model trained with the Bernoulli likelihood gives the logit of each pixel, so that
        `torch.sigmoid(model.decode(z))` is the picture in [0, 1]; with the Gaussian likelihood it
        is the mean of each pixel, and so the picture as it is.

        Args:
            z: Latents, float [B, D].
            label: Class of each, int [B]; needed by a conditional model, else unused.

        Returns:
            Logits (means, for a Gaussian), float32 [B, C, H, W].

        Raises:
            DataError: The latents are no such tensor or of another number than the model's, or a
                conditional model is given no label.
        """
        latents = self.network.latents
        _refuse_other("The latents are", z, None if latents is None else (latents,), "")
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


def _refuse_other(what: str, values: object, shape: tuple[int, ...] | None, where: str) -> None:
    """Refuses what a network cannot take, by kind and shape alone: nothing is computed."""
    tensor = values if isinstance(values, Tensor) else None
    fits = tensor is not None and (shape is None or tensor.shape[1:] == shape)
    if fits and tensor is not None and tensor.dtype in FLOATS:
        return
    wanted = ", ".join(map(str, ("B", *(shape or ("...",)))))
    needed = f"{f'float32 [{wanted}] {where}'.strip()} is needed"
    if tensor is None:
        hint = "torch.from_numpy(...).float() makes one of NumPy's"
        raise DataError(f"{what} a {_kind(values)}: a tensor {needed}; {hint}.")
    seen = str(tensor.dtype).removeprefix("torch.")
    raise DataError(f"{what} {seen} {list(tensor.shape)}: {needed}.")


def _kind(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


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
