"""What models, networks and training hand each other: types alone, which import no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

Shape = tuple[int, int, int]
"""Channels, height and width of observations."""

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor, nn

    Objective = Callable[["Terms", Mapping[str, Tensor], Tensor], Tensor]
    """Maps the terms of a batch, the hyperparameters and the steps done to the loss, nats."""

    Encode = Callable[[Tensor], tuple[Tensor, Tensor]]
    """Maps observations [B, C, H, W] to mu and logvar, [B, D] each."""

    MakePrior = Callable[[Encode, Mapping[str, Tensor]], "Prior"]
    """Makes a model's prior of its encoder and of what is learnt beside the network."""

    Begin = Callable[[Mapping[str, float], Shape, torch.Generator], Mapping[str, Tensor]]
    """Makes what is learnt beside the network of hyperparameters, shape and randomness."""

    MakeAdversary = Callable[["Job", torch.device], "Adversary"]
    """Makes what trains beside a job's model, on a device."""


class Coders(NamedTuple):
    """The layers of a network: an encoder, whose last layers are given the label, and a decoder.

    Attributes:
        trunk: Maps observations [B, C, H, W] to features [B, M].
        head: Maps features and label, [B, M + L], to [B, 2 · D]: mu and logvar.
        decoder: Maps latents and label, [B, D + L], to logits [B, C, H, W].
    """

    trunk: nn.Module
    head: nn.Module
    decoder: nn.Module


class Prior(Protocol):
    """A distribution of the latents [B, D] that a model has before it sees an example."""

    @property
    def factorises(self) -> bool:
        """Whether latents are independent, so that the KL is known of each."""
        ...

    def kl(self, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """Computes or estimates the KL of posteriors from it.

        Args:
            mu: Posterior means, [B, D].
            logvar: Logarithms of the posterior variances, [B, D].
            z: A draw from each posterior, [B, D], for a prior whose KL has no closed form.

        Returns:
            Nats: [B, D] where it factorises, else [B, 1].
        """
        ...

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draws latents [count, D]; the generator is on the CPU, whatever the device of a model."""
        ...

    def log_prob(self, z: Tensor) -> Tensor:
        """Returns the log density of latents [B, D], nats, [B]."""
        ...


class Terms(NamedTuple):
    """What an objective is made of, for one batch.

    Attributes:
        reconstruction: Negative log-likelihood, nats, [B].
        kl: KL of the posterior from the prior, nats, which `sum(1)` makes one an example: [B, D],
            a column a latent, of a prior that factorises, else [B, 1].
        mu: Posterior means, [B, D].
        logvar: Logarithms of the posterior variances, [B, D].
        z: Latents drawn, [B, D].
        prior: The prior; `terms.prior.sample(len(terms.z), terms.generator)` draws from it.
        generator: At the start of this step's stream of the job, on the CPU: the one source of
            randomness that an objective may have, `torch.randn(3, generator=terms.generator)`.
        log_ratio: Logarithm of how much denser the latents are together than each on its own,
            log q(z) - sum of log q(z_d), as a discriminator has it, nats, [B]; None without one.
    """

    reconstruction: Tensor
    kl: Tensor
    mu: Tensor
    logvar: Tensor
    z: Tensor
    prior: Prior
    generator: torch.Generator
    log_ratio: Tensor | None = None

    @property
    def negative_elbo(self) -> Tensor:
        """The mean over the batch, nats per example, a scalar."""
        return self.reconstruction.mean() + self.kl.sum(1).mean()


class Job(Protocol):
    """What an adversary is told of the job that it trains in; `spec.JobSpec` is one."""

    @property
    def model(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, float]: ...
    @property
    def seed(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def latent_dim(self) -> int: ...
    @property
    def initialisation(self) -> str: ...
    @property
    def precision(self) -> str: ...


class Optimiser(Protocol):
    """What moves weights along their gradients; `adam.Adam` is one.

    Attributes:
        parameters: What it moves.
    """

    parameters: list[Tensor]

    def state_dict(self) -> dict[str, Any]:
        """Returns its state, as tensors by name."""

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Takes a state that `state_dict` returned."""


class Adversary(Protocol):
    """What trains beside a model: a discriminator that learns from the latents that it draws.

    Attributes:
        model_size: Examples of each batch that the model itself learns from.
        discriminator: The network.
        optimiser: Its own.
    """

    @property
    def model_size(self) -> int: ...
    @property
    def discriminator(self) -> nn.Module: ...
    @property
    def optimiser(self) -> Optimiser: ...

    def log_ratio(self, z: Tensor) -> Tensor:
        """Returns log q(z) - sum of log q(z_d), nats, [B], with a gradient for z alone."""
        ...

    def learn(self, z: Tensor, others: Tensor, step: int) -> None:
        """Does one step of the discriminator's optimiser.

        Args:
            z: Latents that the model drew, [B, D].
            others: The same, or where `model_size` is less than the batch those of the rest of
                the batch, drawn after the model's step, [B', D].
            step: Steps done before this one.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Returns all that the rest of its training depends on, but the step."""
        ...
