"""DIP-VAE's covariances against NumPy's and its penalties against cases by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.models.test_elbo import assembled, draw, hyper, terms
from vaebench.models import find_model
from vaebench.models.dip_vae import covariance, identity_penalty
from vaebench.protocols import Terms


def two_examples() -> Terms:
    """Means (1, 1) and (-1, -1), variances 1/2: Cov[mu] is all ones, Cov[z] adds 1/2 · I."""
    mu = torch.tensor([[1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    logvar = torch.full_like(mu, math.log(0.5))
    return assembled(mu.new_tensor([10.0, 20.0]), mu, logvar, mu)


def penalty(model: str, t: Terms, **values: float) -> Tensor:
    loss = find_model(model).objective(t, hyper(**values), torch.tensor(0.0))
    return loss - t.reconstruction.mean() - t.kl.sum(1).mean()


def test_covariance_is_numpys_over_the_batch() -> None:
    mu = draw(64, 5) @ draw(5, 5, seed=1) + 100
    expected = np.cov(mu.numpy(), rowvar=False, bias=True)
    np.testing.assert_allclose(covariance(mu).numpy(), expected, rtol=1e-9)


def test_covariance_far_from_the_origin_keeps_its_digits() -> None:
    """In float32: the mean of squares less the square of means would lose them all."""
    mu = draw(64, 3).float()
    torch.testing.assert_close(covariance(mu + 4096), covariance(mu), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("model", "factor", "expected"),
    [
        ("dipvae_i", 10, 3 * 2 * 1**2),
        ("dipvae_i", 0, 3 * 2 * 1**2),
        ("dipvae_ii", 1, 3 * 2 * 1**2 + 3 * 2 * 0.5**2),
        ("dipvae_ii", 10, 3 * 2 * 1**2 + 30 * 2 * 0.5**2),
    ],
)
def test_penalties_by_hand(model: str, factor: float, expected: float) -> None:
    found = penalty(model, two_examples(), lambda_od=3, lambda_d_factor=factor)
    assert found.item() == pytest.approx(expected)


def test_the_second_kind_looks_at_the_covariance_of_the_latents_drawn() -> None:
    """Cov[z] by Monte Carlo, the law of total covariance."""
    mu, logvar = draw(50, 3) @ draw(3, 3, seed=1), draw(50, 3, seed=2)
    z = mu + torch.exp(0.5 * logvar) * draw(20_000, 50, 3, seed=3)
    drawn = torch.from_numpy(np.cov(z.flatten(0, 1).numpy(), rowvar=False))
    t = assembled(mu.new_zeros(50), mu, logvar, z[0])
    found = penalty("dipvae_ii", t, lambda_od=2, lambda_d_factor=3)
    expected = identity_penalty(drawn, torch.tensor(2.0), torch.tensor(6.0))
    torch.testing.assert_close(found, expected, rtol=0.01, atol=0)


def test_a_white_code_is_not_penalised() -> None:
    """The first kind wants unit variance of mu; the second of z, so that mu must have less."""
    corners = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    mu, values = corners.double(), {"lambda_od": 5, "lambda_d_factor": 2}
    variance = 0.19
    t = assembled(mu.new_zeros(4), mu, torch.full_like(mu, math.log(variance)), mu)
    t = t._replace(kl=mu.new_zeros(4, 2))
    assert penalty("dipvae_i", t, **values).item() == pytest.approx(0)
    assert penalty("dipvae_ii", t, **values).item() == pytest.approx(10 * 2 * variance**2)
    narrower = t._replace(mu=mu * (1 - variance) ** 0.5)
    assert penalty("dipvae_ii", narrower, **values).item() == pytest.approx(0)


def test_only_the_second_kind_has_a_gradient_for_the_variances() -> None:
    values = hyper(lambda_od=5, lambda_d_factor=2)
    for model, moved in (("dipvae_i", False), ("dipvae_ii", True)):
        logvar = terms().logvar.requires_grad_()
        mu = terms().mu.requires_grad_()
        t = terms()._replace(logvar=logvar, mu=mu)
        find_model(model).objective(t, values, torch.tensor(0.0)).backward()
        assert mu.grad is not None
        assert mu.grad.abs().min() > 0
        assert (logvar.grad is not None) == moved
