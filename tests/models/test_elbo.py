"""The ELBO's parts against closed forms, Monte Carlo and torch.distributions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from vaebench.models import find_model, model_names
from vaebench.models.beta_vae import ramp
from vaebench.models.likelihoods import LIKELIHOODS
from vaebench.priors import StandardNormal, kl_per_latent
from vaebench.protocols import Terms


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def terms(batch: int = 6, latents: int = 3) -> Terms:
    mu, logvar = draw(batch, latents), draw(batch, latents, seed=1)
    z = mu + torch.exp(0.5 * logvar) * draw(batch, latents, seed=3)
    return assembled(draw(batch, seed=2).abs() * 50, mu, logvar, z, log_ratio=draw(batch, seed=4))


def assembled(
    reconstruction: Tensor, mu: Tensor, logvar: Tensor, z: Tensor, log_ratio: Tensor | None = None
) -> Terms:
    """Terms of a batch under the standard normal, with a generator of their own."""
    prior, generator = StandardNormal(mu.shape[1]), torch.Generator().manual_seed(0)
    return Terms(
        reconstruction, prior.kl(mu, logvar, z), mu, logvar, z, prior, generator, log_ratio
    )


def hyper(**values: float) -> dict[str, Tensor]:
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}


def test_kl_is_torch_distributions_kl() -> None:
    mu, logvar = draw(50, 4), draw(50, 4, seed=1)
    expected = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_per_latent(mu, logvar), expected)


def test_kl_is_its_monte_carlo_estimate() -> None:
    mu, logvar = torch.tensor([0.7]), torch.tensor([-0.9])
    posterior = Normal(mu, torch.exp(0.5 * logvar))
    z = mu + torch.exp(0.5 * logvar) * draw(400_000, 1, seed=3).float()
    ratios = posterior.log_prob(z) - Normal(0.0, 1.0).log_prob(z)
    error = ratios.std() / len(ratios) ** 0.5
    assert abs(ratios.mean() - kl_per_latent(mu, logvar).sum()) < 4 * error


def test_bernoulli_sums_pixels_and_keeps_examples_apart() -> None:
    logits, x = draw(5, 2, 4, 4), (draw(5, 2, 4, 4, seed=1) > 0).double()
    expected = -Independent(Bernoulli(logits=logits), 3).log_prob(x)
    torch.testing.assert_close(LIKELIHOODS["bernoulli"](logits, x), expected)


def test_gaussian_is_a_density_in_nats() -> None:
    mean, x = draw(5, 1, 4, 4), draw(5, 1, 4, 4, seed=1)
    expected = -Independent(Normal(mean, 1.0), 3).log_prob(x)
    torch.testing.assert_close(LIKELIHOODS["gaussian"](mean, x), expected)


def test_bernoulli_stays_finite_at_extreme_logits() -> None:
    logits = torch.tensor([[[[1e4, -1e4]]]])
    x = torch.tensor([[[[0.0, 1.0]]]])
    assert LIKELIHOODS["bernoulli"](logits, x).item() == pytest.approx(2e4)


@pytest.mark.parametrize(
    ("step", "length", "expected"),
    [(0, 0, 1.0), (7, 0, 1.0), (0, 10, 0.0), (5, 10, 0.5), (10, 10, 1.0), (99, 10, 1.0)],
)
def test_ramp(step: float, length: float, expected: float) -> None:
    assert ramp(torch.tensor(step), torch.tensor(length)).item() == expected


def test_beta_weighs_the_kl_and_warmup_weakens_it() -> None:
    t = terms()
    objective = find_model("betavae_h").objective
    plain = t.reconstruction.mean() + 4 * t.kl.sum(1).mean()
    late = objective(t, hyper(beta=4, warmup=10), torch.tensor(10.0))
    early = objective(t, hyper(beta=4, warmup=10), torch.tensor(0.0))
    torch.testing.assert_close(late, plain)
    torch.testing.assert_close(early, t.reconstruction.mean())
    torch.testing.assert_close(objective(t, hyper(beta=4, warmup=0), torch.tensor(0.0)), plain)


def test_beta_one_is_the_negative_elbo_and_the_autoencoder_has_no_kl() -> None:
    t = terms()
    elbo = t.reconstruction.mean() + t.kl.sum(1).mean()
    none = hyper(beta=1, warmup=0)
    for model in ("vae", "cvae"):
        torch.testing.assert_close(find_model(model).objective(t, none, torch.tensor(3.0)), elbo)
    torch.testing.assert_close(
        find_model("ae").objective(t, none, torch.tensor(3.0)), t.reconstruction.mean()
    )


def test_annealed_capacity_is_the_distance_of_the_batch_mean() -> None:
    t = terms()
    kl = t.kl.sum(1).mean()
    values = hyper(gamma=1000, c_max=25, c_steps=100)
    for step, capacity in ((0, 0.0), (40, 10.0), (100, 25.0), (500, 25.0)):
        expected = t.reconstruction.mean() + 1000 * (kl - capacity).abs()
        found = find_model("betavae_b").objective(t, values, torch.tensor(float(step)))
        torch.testing.assert_close(found, expected)


GRID = {
    "alpha": [0.0, 1.0, 2.0],
    "beta": [0.5, 1.0, 8.0],
    "warmup": [0.0, 10.0, 100.0],
    "gamma": [1.0, 10.0, 1000.0],
    "c_max": [5.0, 25.0, 50.0],
    "c_steps": [1.0, 10.0, 100.0],
    "stratified": [0.0, 1.0, 1.0],
    "examples": [6.0, 100.0, 737280.0],
    "lambda": [1.0, 10.0, 1000.0],
    "lambda_od": [0.0, 5.0, 50.0],
    "lambda_d_factor": [10.0, 1.0, 0.0],
}


class Drawn(StandardNormal):
    """The standard normal, whose draws are these."""

    def __init__(self, draws: Tensor) -> None:
        super().__init__(draws.shape[1])
        self.draws = draws

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        del generator
        return self.draws[:count]


@pytest.mark.parametrize("model", model_names())
def test_many_jobs_are_one_program(model: str) -> None:
    """Under vmap over hyperparameters each job's loss and gradients are what they are alone: no
    Python branches."""
    grid = {name: torch.tensor(values, dtype=torch.float64) for name, values in GRID.items()}
    step = torch.tensor(7.0, dtype=torch.float64)
    t = terms()
    t = t._replace(prior=Drawn(t.prior.sample(6, t.generator)))  # no draw is a job's own

    def loss(parts: dict[str, Tensor], values: dict[str, Tensor]) -> Tensor:
        return find_model(model).objective(t._replace(**parts), values, step)

    program = torch.func.grad_and_value(loss)
    parts = {name: part for name, part in t._asdict().items() if isinstance(part, Tensor)}
    packed = torch.vmap(program, in_dims=(None, dict.fromkeys(grid, 0)))(parts, grid)
    for k in range(3):
        gradients, value = program(parts, {name: v[k] for name, v in grid.items()})
        torch.testing.assert_close(packed[1][k], value)
        torch.testing.assert_close({name: packed[0][name][k] for name in parts}, gradients)
