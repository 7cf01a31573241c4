"""The standard normal prior against SciPy's, and what every prior is."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats

from tests.models.test_elbo import draw
from vaebench.priors import StandardNormal, log_normal


def test_the_density_is_scipys() -> None:
    z, mu, logvar = draw(20, 3), draw(20, 3, seed=1), draw(20, 3, seed=2)
    expected = stats.norm.logpdf(z.numpy(), mu.numpy(), (0.5 * logvar).exp().numpy())
    np.testing.assert_allclose(log_normal(z, mu, logvar), expected)
    expected = stats.multivariate_normal(np.zeros(3)).logpdf(z.numpy())
    np.testing.assert_allclose(StandardNormal(3).log_prob(z), expected)


def test_draws_are_of_it_and_of_the_generator_alone() -> None:
    prior, generator = StandardNormal(2), torch.Generator().manual_seed(3)
    z = prior.sample(20_000, generator)
    assert z.shape == (20_000, 2)
    assert all(stats.kstest(column, "norm").pvalue > 1e-3 for column in z.T.numpy())
    assert torch.equal(prior.sample(20_000, torch.Generator().manual_seed(3)), z)


def test_its_kl_is_in_closed_form_whatever_is_drawn() -> None:
    prior, mu, logvar = StandardNormal(3), draw(20_000, 3)[:1], draw(20_000, 3, seed=1)[:1]
    z = mu + torch.exp(0.5 * logvar) * draw(200_000, 3, seed=2)
    assert prior.factorises
    found = prior.kl(mu, logvar, z[:1])
    assert torch.equal(found, prior.kl(mu, logvar, z[1:2]))
    ratios = log_normal(z, mu, logvar).sum(1) - prior.log_prob(z)
    assert abs(ratios.mean() - found.sum()) < 4 * ratios.std() / len(z) ** 0.5
