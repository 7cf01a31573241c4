"""The discriminator: shaped as published, and what it learns is the log density ratio."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal
from torch.func import functional_call, grad, stack_module_state

from vaebench.models.adversary import discriminator_loss, permute_codes
from vaebench.networks.discriminator import Discriminator
from vaebench.networks.vae import initialise


def build(seed: int = 0, latents: int = 2, width: int = 64) -> Discriminator:
    discriminator = Discriminator(latents, width)
    initialise(discriminator, "glorot", torch.Generator().manual_seed(seed))
    return discriminator


def test_it_is_the_published_one() -> None:
    layers = list(Discriminator(10).layers)
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    slopes = [layer.negative_slope for layer in layers if isinstance(layer, nn.LeakyReLU)]
    sizes = [(layer.in_features, layer.out_features) for layer in linear]
    assert sizes == [(10, 1000), *[(1000, 1000)] * 5, (1000, 2)]
    assert slopes == [0.2] * 6
    assert len(layers) == 13


def test_the_ratio_is_the_difference_of_the_logits() -> None:
    discriminator = build()
    z = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    logits = discriminator.layers(z)
    assert torch.equal(discriminator(z), logits[:, 0] - logits[:, 1])
    with torch.autocast("cpu", torch.bfloat16):
        assert discriminator(z).dtype == torch.float32


def test_it_learns_the_density_ratio_of_a_correlated_gaussian() -> None:
    """Against log q(z) - sum of log q(z_d) in closed form, whose mean is the total correlation."""
    generator = torch.Generator().manual_seed(1)
    rho = 0.8
    covariance = torch.tensor([[1.0, rho], [rho, 1.0]])
    factor = torch.linalg.cholesky(covariance)

    def draw(count: int) -> Tensor:
        return torch.randn(count, 2, generator=generator) @ factor.mT

    discriminator = build()
    optimiser = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.9))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 500)
    for _ in range(500):
        z, others = draw(1024), draw(1024)
        permuted = permute_codes(others, torch.rand(1024, 2, generator=generator).argsort(0))
        optimiser.zero_grad()
        discriminator_loss(discriminator(z), discriminator(permuted)).backward()
        optimiser.step()
        schedule.step()
    z = draw(20_000)
    analytic = MultivariateNormal(torch.zeros(2), covariance).log_prob(z)
    analytic = analytic - Normal(0.0, 1.0).log_prob(z).sum(1)
    with torch.no_grad():
        learnt = discriminator(z)
    known = -0.5 * math.log(1 - rho**2)
    assert analytic.mean().item() == pytest.approx(known, abs=0.02)
    assert learnt.mean().item() == pytest.approx(known, abs=0.05)
    central = z.abs().amax(1) < 2
    error = (learnt - analytic)[central].square().mean().sqrt()
    assert error < 0.1
    assert torch.corrcoef(torch.stack([learnt, analytic]))[0, 1] > 0.98


def test_many_discriminators_are_one_program() -> None:
    """Under vmap over stacked weights each learns from its own codes as it does alone."""
    networks = [build(seed, latents=3, width=16) for seed in range(3)]
    generator = torch.Generator().manual_seed(5)
    z, permuted = torch.randn(2, 3, 8, 3, generator=generator).unbind(0)

    def loss(weights: dict[str, Tensor], own: Tensor, others: Tensor) -> Tensor:
        ratios = [functional_call(networks[0], weights, (codes,)) for codes in (own, others)]
        return discriminator_loss(*ratios)

    stacked, _ = stack_module_state(networks)
    stacked = {name: value.detach() for name, value in stacked.items()}
    packed = torch.vmap(grad(loss))(stacked, z, permuted)
    for k, network in enumerate(networks):
        discriminator_loss(network(z[k]), network(permuted[k])).backward()
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(packed[name][k], parameter.grad)
