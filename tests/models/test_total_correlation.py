"""Total correlation: estimates against Gaussians whose answer is known in closed form."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from tests.models.test_elbo import draw, hyper, terms
from vaebench.models import find_model
from vaebench.models.adversary import discriminator_loss, permute_codes
from vaebench.models.beta_tc_vae import decompose, stratified_log_weights
from vaebench.protocols import Terms

SPREAD = 0.5
"""Standard deviation of every posterior of `channel`."""


def channel(batch: int = 2000) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draws posteriors N(mu, SPREAD²) whose aggregate is a known Gaussian.

    Returns:
        z, mu and logvar, [B, 3], and the covariance of the aggregate posterior, [3, 3].
    """
    factor = torch.tensor([[1.2, 0, 0], [0.7, 0.4, 0], [0, -0.6, 0.5]], dtype=torch.float64)
    covariance = factor @ factor.mT + SPREAD**2 * torch.eye(3)
    mu = draw(batch, 3) @ factor.mT
    z = mu + SPREAD * draw(batch, 3, seed=1)
    return z, mu, torch.full_like(mu, 2 * math.log(SPREAD)), covariance


def logdet(matrix: Tensor) -> float:
    return float(torch.logdet(matrix).item())


def weights(kind: str, batch: int, examples: float) -> Tensor:
    """The weights of one of the estimators, made to sum to 1."""
    if kind == "weighted":
        return torch.full((batch, batch), -math.log(batch), dtype=torch.float64)
    return stratified_log_weights(batch, torch.tensor(examples, dtype=torch.float64))


@pytest.mark.parametrize(
    ("kind", "examples"), [("weighted", 0.0), ("stratified", 2000.0), ("stratified", 737280.0)]
)
def test_the_parts_of_the_kl_are_those_of_a_known_gaussian(kind: str, examples: float) -> None:
    z, mu, logvar, covariance = channel()
    found = decompose(z, mu, logvar, weights(kind, len(z), examples))
    deviations = covariance.diagonal().sqrt()
    correlation = covariance / deviations.outer(deviations)
    variances = covariance.diagonal()
    expected = {
        "mutual_information": 0.5 * logdet(covariance) - 3 * math.log(SPREAD),
        "total_correlation": -0.5 * logdet(correlation),
        "dimension_wise_kl": 0.5 * (variances - 1 - variances.log()).sum().item(),
    }
    assert expected["total_correlation"] == pytest.approx(0.386, abs=0.001)
    for name, value in expected.items():
        assert getattr(found, name).item() == pytest.approx(value, abs=0.05), name


def test_independent_latents_have_no_total_correlation() -> None:
    mu = draw(2000, 3)
    z = mu + SPREAD * draw(2000, 3, seed=1)
    logvar = torch.full_like(mu, 2 * math.log(SPREAD))
    found = decompose(z, mu, logvar, weights("stratified", 2000, 1e6))
    assert found.total_correlation.item() == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("kind", ["weighted", "stratified"])
def test_the_parts_sum_to_the_kl(kind: str) -> None:
    """Exactly to the KL's estimate from the same draws, which has the KL as its mean."""
    t = terms(40, 3)
    total = sum(decompose(t.z, t.mu, t.logvar, weights(kind, 40, 1000.0)))
    posterior = Normal(t.mu, torch.exp(0.5 * t.logvar))
    drawn = (posterior.log_prob(t.z) - Normal(0.0, 1.0).log_prob(t.z)).sum(1)
    torch.testing.assert_close(total, drawn.mean())
    z = t.mu + torch.exp(0.5 * t.logvar) * draw(4000, 40, 3, seed=5)
    means = torch.vmap(lambda k: sum(decompose(k, t.mu, t.logvar, torch.zeros(40, 40))))(z)
    error = means.std() / len(means) ** 0.5
    assert abs(means.mean() - t.kl.sum(1).mean()) < 4 * error


@pytest.mark.parametrize("batch", [2, 3, 5])
def test_stratified_weights_are_unbiased(batch: int) -> None:
    """Over all batches that hold the example that z came from, the mean estimate of q(z) is q(z):
    enumerated, with a density of 5 arbitrary values."""
    density = draw(5).abs()
    found = stratified_log_weights(batch, torch.tensor(5.0, dtype=torch.float64)).exp()
    torch.testing.assert_close(found.sum(1), torch.ones(batch, dtype=torch.float64))
    for place in range(batch):
        estimates = []
        for others in itertools.permutations([0, 1, 3, 4], batch - 1):
            members = list(others)
            members.insert(place, 2)
            estimates.append((found[place] * density[members]).sum())
        torch.testing.assert_close(torch.stack(estimates).mean(), density.mean())


def test_stratified_weights_of_odd_batches_are_finite() -> None:
    """A batch of one, and one larger than the set."""
    assert stratified_log_weights(1, torch.tensor(50.0)).item() == pytest.approx(-math.log(50))
    t = terms(6, 3)
    for examples in (1.0, 3.0, 5.0):
        z = t.z.clone().requires_grad_()
        log_weights = stratified_log_weights(6, torch.tensor(examples))
        sum(decompose(z, t.mu, t.logvar, log_weights)[:2]).backward()
        assert z.grad is not None
        assert z.grad.isfinite().all()


def test_the_constant_of_weighted_sampling_moves_no_gradient() -> None:
    """The paper's weights 1 / (B·N) and the study's 1 differ by (D - 1)·log(B·N)."""
    t = terms(6, 4)
    constant = math.log(6 * 737280)

    def correlation(z: Tensor, log_weight: float) -> Tensor:
        return decompose(z, t.mu, t.logvar, torch.full((6, 6), log_weight)).total_correlation

    program = torch.func.grad_and_value(correlation)
    (paper, with_constant), (study, without) = program(t.z, -constant), program(t.z, 0.0)
    torch.testing.assert_close(paper, study)
    torch.testing.assert_close(with_constant, without + 3 * constant)


def beta_tc(t: Terms, step: float = 0.0, **changes: float) -> Tensor:
    values = {"alpha": 1, "beta": 6, "gamma": 1, "stratified": 0, "examples": 100, "warmup": 0}
    return find_model("btcvae").objective(t, hyper(**{**values, **changes}), torch.tensor(step))


def test_the_default_is_the_studys_kl_and_weighted_total_correlation() -> None:
    """Written out example by example."""
    t = terms(5, 3)
    correlation = 0.0
    for j in range(5):
        densities = [
            Normal(t.mu[i], torch.exp(0.5 * t.logvar[i])).log_prob(t.z[j]) for i in range(5)
        ]
        joint = torch.stack([values.sum() for values in densities]).logsumexp(0)
        correlation += joint - torch.stack(densities).logsumexp(0).sum()
    elbo = t.reconstruction.mean() + t.kl.sum(1).mean()
    torch.testing.assert_close(beta_tc(t, beta=8), elbo + 7 * correlation / 5)
    torch.testing.assert_close(beta_tc(t, beta=8, warmup=10, step=5), elbo + 3 * correlation / 5)


@pytest.mark.parametrize("stratified", [0, 1])
def test_all_weights_one_is_the_elbo_and_each_weight_has_its_part(stratified: int) -> None:
    t = terms()
    elbo = t.reconstruction.mean() + t.kl.sum(1).mean()
    assert beta_tc(t, beta=1, stratified=stratified).item() == elbo.item()
    log_weights = weights("stratified", 6, 100) if stratified else torch.zeros(6, 6)
    parts = decompose(t.z, t.mu, t.logvar, log_weights)
    for name, part in zip(("alpha", "beta", "gamma"), parts, strict=True):
        found = beta_tc(t, **{"beta": 1, "stratified": stratified, name: 3.5})
        torch.testing.assert_close(found, elbo + 2.5 * part)


def test_factor_vae_adds_the_mean_log_ratio() -> None:
    t = terms()
    assert t.log_ratio is not None
    expected = t.reconstruction.mean() + t.kl.sum(1).mean() + 35 * t.log_ratio.mean()
    torch.testing.assert_close(
        find_model("factorvae").objective(t, hyper(gamma=35), torch.tensor(0.0)), expected
    )


def test_discriminator_loss_is_the_two_logit_cross_entropy() -> None:
    own, permuted = draw(7, 2), draw(5, 2, seed=1)
    expected = -0.5 * own.log_softmax(1)[:, 0].mean() - 0.5 * permuted.log_softmax(1)[:, 1].mean()
    found = discriminator_loss(own[:, 0] - own[:, 1], permuted[:, 0] - permuted[:, 1])
    torch.testing.assert_close(found, expected)
    extreme = torch.tensor([1e4, -1e4])
    assert discriminator_loss(extreme, extreme).isfinite()


def test_discriminator_loss_is_least_at_the_log_density_ratio() -> None:
    """Two values of z: the model draws them 3 to 1, the permuted ones come 1 to 1."""
    ratio = torch.tensor([math.log(0.75 / 0.5), math.log(0.25 / 0.5)], requires_grad=True)
    loss = discriminator_loss(ratio[[0, 0, 0, 1]], ratio[[0, 0, 1, 1]])
    loss.backward()
    assert ratio.grad is not None
    torch.testing.assert_close(ratio.grad, torch.zeros(2), atol=1e-7, rtol=0)
    assert discriminator_loss(ratio[[0, 0, 0, 1]] + 0.1, ratio[[0, 0, 1, 1]] + 0.1) > loss


def test_permuting_keeps_the_marginals_and_breaks_dependence() -> None:
    z, _, _, _ = channel(20_000)
    order = draw(*z.shape, seed=7).argsort(0)
    permuted = permute_codes(z, order)
    torch.testing.assert_close(permuted.sort(0).values, z.sort(0).values, rtol=0, atol=0)
    off_diagonal = ~torch.eye(3, dtype=torch.bool)
    assert torch.corrcoef(z.mT)[0, 1] > 0.6
    assert torch.corrcoef(permuted.mT)[off_diagonal].abs().max() < 5 / len(z) ** 0.5


def test_descending_the_penalty_makes_latents_independent() -> None:
    """Gradients point the right way: the correlation of two latents falls."""
    mu = (
        draw(200, 2) @ torch.tensor([[1.0, 0.9], [0.0, 0.4]], dtype=torch.float64)
    ).requires_grad_()
    noise, logvar = draw(200, 2, seed=1), torch.full((200, 2), -3.0, dtype=torch.float64)
    before = torch.corrcoef(mu.detach().mT)[0, 1]
    optimiser = torch.optim.Adam([mu], lr=0.05)
    for _ in range(60):
        z = mu + torch.exp(0.5 * logvar) * noise
        loss = decompose(z, mu, logvar, torch.zeros(200, 200)).total_correlation
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = torch.corrcoef(mu.detach().mT)[0, 1]
    assert before > 0.85
    assert abs(after) < 0.3
    assert Independent(Normal(mu, 1.0), 1).log_prob(z).isfinite().all()
