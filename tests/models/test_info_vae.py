"""InfoVAE: the MMD against closed forms and sums pair by pair, and the models that it contains."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate
from torch import Tensor

from tests.models.test_elbo import draw, hyper, terms
from tests.training.conftest import make_spec, make_trainer
from vaebench.errors import UsageError
from vaebench.models import find_model
from vaebench.models.info_vae import inverse_multiquadratic, squared_mmd
from vaebench.spec import JobSpec
from vaebench.training import prepare

INFO = find_model("infovae")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    prepare("cpu", 1)


def expected_kernel(latents: int, distance: float, variance: float) -> float:
    """E[C / (C + |x|²)] for x from N(m, variance · I) with |m| = distance.

    C / (C + r) is the integral of exp(-t) · exp(-t·r / C) over t, and the expected value of the
    latter the moment generating function of a noncentral chi-squared.
    """
    scale = 2.0 * latents

    def integrand(t: float) -> float:
        wide = 1 + 2 * t * variance / scale
        return math.exp(-t - t / scale * distance**2 / wide) * wide ** (-latents / 2)

    return float(integrate.quad(integrand, 0, math.inf)[0])


@pytest.mark.parametrize(("latents", "shift", "spread"), [(1, 0.8, 1.0), (3, 0.0, 0.3), (10, 1, 2)])
def test_mmd_of_gaussians_is_the_closed_form(latents: int, shift: float, spread: float) -> None:
    mean = torch.zeros(latents, dtype=torch.float64)
    mean[0] = shift
    found = torch.stack(
        [
            squared_mmd(
                mean + spread * draw(80, latents, seed=2 * s), draw(80, latents, seed=2 * s + 1)
            )
            for s in range(60)
        ]
    )
    expected = (
        expected_kernel(latents, 0, 2 * spread**2)
        + expected_kernel(latents, 0, 2)
        - 2 * expected_kernel(latents, shift, 1 + spread**2)
    )
    error = found.std() / len(found) ** 0.5
    assert abs(found.mean() - expected) < 4 * error
    assert expected > 10 * error


def test_mmd_of_two_samples_of_one_distribution_is_zero_in_the_mean_and_of_both_signs() -> None:
    found = torch.stack(
        [squared_mmd(draw(50, 4, seed=2 * s), draw(50, 4, seed=2 * s + 1)) for s in range(200)]
    )
    assert abs(found.mean()) < 4 * found.std() / len(found) ** 0.5
    assert found.min() < 0 < found.max()
    assert found.abs().max() < 0.05


def test_mmd_is_the_sums_pair_by_pair() -> None:
    x, y = draw(7, 3).numpy(), 0.5 + 2 * draw(7, 3, seed=1).numpy()

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(6 / (6 + ((a - b) ** 2).sum()))

    pairs = list(itertools.permutations(range(7), 2))
    within = [np.mean([kernel(v[i], v[j]) for i, j in pairs]) for v in (x, y)]
    between = np.mean([kernel(a, b) for a in x for b in y])
    found = squared_mmd(torch.from_numpy(x), torch.from_numpy(y))
    assert found.item() == pytest.approx(sum(within) - 2 * between, abs=1e-12)
    assert inverse_multiquadratic(torch.from_numpy(x), torch.from_numpy(x)).diagonal().eq(1).all()


def loss(alpha: float, strength: float) -> Tensor:
    t = terms()
    t.generator.manual_seed(5)
    return INFO.objective(t, hyper(alpha=alpha, **{"lambda": strength}), torch.tensor(0.0))


def test_the_objective_weighs_kl_and_mmd_as_equation_6() -> None:
    t = terms()
    drawn = t.prior.sample(6, torch.Generator().manual_seed(5)).double()
    mmd, kl, rec = squared_mmd(t.z, drawn), t.kl.sum(1).mean(), t.reconstruction.mean()
    torch.testing.assert_close(loss(0, 1000), rec + kl + 999 * mmd)
    torch.testing.assert_close(loss(1, 10), rec + 10 * mmd)
    torch.testing.assert_close(loss(0.5, 3), rec + 0.5 * kl + 2.5 * mmd)
    assert torch.equal(loss(0, 1), rec + kl)


def info(alpha: float, strength: float, **changes: object) -> JobSpec:
    spec = make_spec("infovae", latent_dim=2, **changes).to_dict()
    return JobSpec.from_dict({**spec, "parameters": {"alpha": alpha, "lambda": strength}})


def test_with_alpha_0_and_lambda_1_it_trains_as_the_vae_and_not_otherwise() -> None:
    specs = [info(0, 1), make_spec("vae", latent_dim=2), info(0, 1000)]
    trainers = [make_trainer(spec) for spec in specs]
    for trainer in trainers:
        for _ in range(3):
            trainer.advance()
    one, vae, other = (list(trainer.model.state_dict().values()) for trainer in trainers)
    assert all(torch.equal(a, b) for a, b in zip(one, vae, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(other, vae, strict=True))


def test_descending_the_mmd_brings_codes_to_the_prior() -> None:
    codes = (1 + 0.2 * draw(100, 2)).requires_grad_()
    optimiser = torch.optim.Adam([codes], lr=0.1)
    for step in range(150):
        optimiser.zero_grad()
        squared_mmd(codes, draw(100, 2, seed=step + 1)).backward()
        optimiser.step()
    assert codes.mean(0).abs().max() < 0.15
    assert (codes.var(0) - 1).abs().max() < 0.25


def test_what_has_no_estimate_or_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--batch-size is 1: model 'infovae' needs 2 or more"):
        make_spec("infovae", batch_size=1)
    with pytest.raises(UsageError, match=r"infovae.alpha is 1.5: it must be 1 or less"):
        info(1.5, 10)
