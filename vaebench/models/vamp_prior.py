"""The VAE whose prior is a mixture of its own posteriors, at inputs that it learns: `vampprior`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vaebench.models.beta_vae import beta_vae
from vaebench.priors import log_normal
from vaebench.protocols import Shape
from vaebench.records import Model, Parameter, Source

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from vaebench.protocols import Encode


class Mixture:
    """A mixture of Gaussians of equal weights and diagonal covariances, as a prior.

    Args:
        mu: Means of the components, [K, D].
        logvar: Logarithms of their variances, [K, D].
    """

    factorises = False

    def __init__(self, mu: Tensor, logvar: Tensor) -> None:
        self.mu = mu
        self.logvar = logvar

    def kl(self, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """Estimates the KL of posteriors from it by the draw of each, log q(z|x) - log p(z).

        The estimate is without bias, and for a single draw can be below 0.

        Args:
            mu: Posterior means, [B, D].
            logvar: Logarithms of the posterior variances, [B, D].
            z: A draw from each posterior, [B, D].

        Returns:
            Nats, [B, 1].
        """
        return (log_normal(z, mu, logvar).sum(1) - self.log_prob(z))[:, None]

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draws latents [count, D]; the generator is on the CPU."""
        import torch

        from vaebench.upload import upload

        components, latents = self.mu.shape
        drawn = torch.randint(components, (count,), generator=generator)
        which = upload(drawn, self.mu.device)
        noise = upload(torch.randn(count, latents, generator=generator), self.mu.device).to(self.mu)
        return self.mu[which] + torch.exp(0.5 * self.logvar[which]) * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of latents [B, D], nats, [B]."""
        mu, logvar = self.mu.to(z.dtype), self.logvar.to(z.dtype)
        each = log_normal(z[:, None], mu, logvar).sum(2)
        return each.logsumexp(1) - math.log(len(mu))


def prior(encode: Encode, learnt: Mapping[str, Tensor]) -> Mixture:
    """Makes the prior at the present weights: 1/K · the sum of q(z|u_k) over pseudo-inputs u_k.

    Args:
        encode: The encoder.
        learnt: `pseudo_inputs`, as `pseudo_inputs` made them or trained, [K, C, H, W].
    """
    return Mixture(*encode(learnt["pseudo_inputs"].sigmoid()))


def pseudo_inputs(
    parameters: Mapping[str, float], shape: Shape, generator: torch.Generator
) -> dict[str, Tensor]:
    """Makes the pseudo-inputs that training begins with: logits of pixels, standard normal.

    Args:
        parameters: `components`, the number K of them.
        shape: Channels, height and width of the observations.
        generator: Source of randomness.
    """
    import torch

    blank = torch.empty(int(parameters["components"]), *shape)
    return {"pseudo_inputs": blank.normal_(generator=generator)}


VAMP_PRIOR = Model(
    name="vampprior",
    title="VampPrior VAE",
    source=Source(
        authors="Tomczak & Welling",
        year=2018,
        paper="VAE with a VampPrior",
        place="section 3",
        link="https://arxiv.org/abs/1705.07120",
    ),
    objective=beta_vae,
    parameters=(
        Parameter("beta", 1.0, symbol="β"),
        Parameter("components", 500.0, positive=True, whole=True),
    ),
    strength="beta",
    warmup=True,
    prior=prior,
    learnt=pseudo_inputs,
    colour="#332288",
    marker="*",
)
