"""The VampPrior: its density and KL against SciPy, and that the stored ELBO is one under it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from torch import Tensor
from torch.distributions import Bernoulli, Independent

from tests.models.test_elbo import draw
from tests.training.conftest import make_spec, make_trainer
from vaebench.context import WorkerContext
from vaebench.errors import UsageError
from vaebench.evaluation import Encoder, held_out
from vaebench.models import find_model
from vaebench.models.vamp_prior import Mixture, prior
from vaebench.networks.vae import VAE
from vaebench.outcome import JobOutcome
from vaebench.saved import load_model
from vaebench.spec import JobSpec
from vaebench.training import prepare, torch_generator
from vaebench.worker import load_feed, run_pack

VAMP = find_model("vampprior")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    prepare("cpu", 1)


def mixture(components: int = 4, latents: int = 3) -> Mixture:
    return Mixture(2 * draw(components, latents), draw(components, latents, seed=1))


def log_density(prior: Mixture, z: np.ndarray) -> np.ndarray:
    """The same by SciPy."""
    scale = (0.5 * prior.logvar).exp().numpy()
    each = stats.norm.logpdf(z[:, None], prior.mu.numpy(), scale).sum(2)
    return np.asarray(special.logsumexp(each, axis=1, b=1 / len(scale)))


def test_the_density_is_scipys_mixture() -> None:
    z = 2 * draw(50, 3, seed=2)
    np.testing.assert_allclose(mixture().log_prob(z), log_density(mixture(), z.numpy()))


def test_draws_are_of_it_and_of_the_generator_alone() -> None:
    found, components = mixture(latents=1), mixture(latents=1).mu.numpy().ravel()
    z = found.sample(5_000, torch.Generator().manual_seed(3))
    assert torch.equal(found.sample(5_000, torch.Generator().manual_seed(3)), z)
    scale = (0.5 * found.logvar).exp().numpy().ravel()

    def distribution(x: np.ndarray) -> np.ndarray:
        return np.asarray(stats.norm.cdf(np.asarray(x)[:, None], components, scale).mean(1))

    assert stats.kstest(z.numpy().ravel(), distribution).pvalue > 1e-3
    assert mixture().sample(7, torch.Generator()).shape == (7, 3)


def test_its_kl_is_the_integral_in_the_mean() -> None:
    found, mu, logvar = mixture(latents=1), torch.tensor([[0.3]]), torch.tensor([[-0.8]])
    mu, logvar = mu.double(), logvar.double()
    posterior = stats.norm(0.3, math.exp(-0.4))

    def integrand(z: float) -> float:
        ratio = posterior.logpdf(z) - log_density(found, np.array([[z]]))[0]
        return float(posterior.pdf(z) * ratio)

    expected, _ = integrate.quad(integrand, -6, 6)
    each = found.kl(mu, logvar, mu + torch.exp(0.5 * logvar) * draw(100_000, 1, seed=3))
    assert each.shape == (100_000, 1)
    assert not found.factorises
    assert abs(each.mean() - expected) < 4 * each.std() / len(each) ** 0.5


def small(**changes: object) -> JobSpec:
    return make_spec("vampprior", latent_dim=3, **changes)


def single(x: Tensor) -> VAE:
    """An untrained model whose one pseudo-input is an image."""
    spec = small().to_dict() | {"parameters": {"beta": 1.0, "components": 1.0}}
    model = make_trainer(JobSpec.from_dict(spec)).model
    with torch.no_grad():
        model.learnt["pseudo_inputs"].copy_(torch.logit(x))
    return model


def test_with_the_example_as_its_one_pseudo_input_the_kl_is_zero() -> None:
    x = 0.1 + 0.8 * torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    model = single(x)
    with torch.no_grad():
        mu, logvar = model.encode(x)
        z = mu + torch.exp(0.5 * logvar) * draw(500, 3, seed=5).float()
        each = model.prior().kl(mu, logvar, z)
        other = model.prior().kl(*model.encode(1 - x), z)
    assert each.abs().max() < 1e-4
    assert other.abs().max() > 1e-3


def test_the_gradient_of_the_density_reaches_the_pseudo_inputs() -> None:
    weight, z = draw(8, 4, seed=7) / 4, draw(5, 2)

    def log_prob(inputs: Tensor) -> Tensor:
        def encode(x: Tensor) -> tuple[Tensor, Tensor]:
            mu, logvar = (x.flatten(1) @ weight).chunk(2, dim=1)
            return mu, logvar

        return prior(encode, {"pseudo_inputs": inputs}).log_prob(z)

    assert torch.autograd.gradcheck(log_prob, draw(3, 2, 2, 2, seed=8).requires_grad_())


def test_training_raises_the_elbo_and_moves_the_pseudo_inputs() -> None:
    trainer = make_trainer(small(steps=30, learning_rate=3e-3))
    before = trainer.model.learnt["pseudo_inputs"].detach().clone()
    while not trainer.done:
        trainer.advance()
    first, last = trainer.curve[0], trainer.curve[-1]
    assert first.kl is not None
    assert last.kl is not None
    assert last.reconstruction + last.kl < 0.7 * (first.reconstruction + first.kl)
    assert last.loss == pytest.approx(last.reconstruction + last.kl, rel=1e-5)
    moved = (trainer.model.learnt["pseudo_inputs"] - before).abs().flatten(1)
    assert (moved.amax(1) > 0.01).all()


def test_pseudo_inputs_are_the_seeds_and_leave_the_networks_weights_alone() -> None:
    one, again, other = (make_trainer(small(seed=seed)).model for seed in (0, 0, 1))
    inputs = [model.learnt["pseudo_inputs"] for model in (one, again, other)]
    assert inputs[0].shape == (3, 1, 64, 64)
    assert torch.equal(inputs[0], inputs[1])
    assert not torch.equal(inputs[0], inputs[2])
    vae = make_trainer(make_spec("vae", latent_dim=3)).model.network
    pairs = zip(one.network.parameters(), vae.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("components", "message"), [(0, "above 0"), (2.5, "components is 2.5: it must be a whole")]
)
def test_a_number_of_components_that_is_none_is_refused(components: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        VAMP.check({"beta": 1.0, "components": components})


@dataclass(frozen=True)
class Evaluated:
    """A job trained and evaluated by a worker, and its model as it is loaded."""

    spec: JobSpec
    outcome: JobOutcome
    model: VAE


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    out = tmp_path_factory.mktemp("vampprior")
    spec = small(steps=40, eval_size=10)
    (outcome,) = run_pack([spec], WorkerContext(out), lambda _: None, lambda: False)
    assert outcome.status == "complete", outcome.error
    loaded, model = load_model(out / "models" / f"{spec.key}.pt")
    assert loaded == spec
    return Evaluated(spec, outcome, model)


@torch.inference_mode()
def log_weights(found: Evaluated, draws: int) -> Tensor:
    """log p(x|z) + log p(z) - log q(z|x) of held-out examples, by other hands, [draws, N]."""
    spec, model = found.spec, found.model
    encoder = Encoder(model, load_feed(spec.dataset, None, None, spec.network, "cpu"), "fp32")
    indices = held_out(spec, encoder.data)
    x, _ = encoder.batch(indices)
    mu, logvar = model.encode(x)
    inputs = model.learnt["pseudo_inputs"].sigmoid()
    components = Mixture(*(part.double() for part in model.encode(inputs)))
    generator = torch_generator(spec.seed, "evaluation noise")
    rows = []
    for _ in range(draws):
        z = mu + torch.exp(0.5 * logvar) * torch.randn(len(x), 3, generator=generator)
        likelihood = Independent(Bernoulli(logits=model.decode(z)), 3).log_prob(x).double()
        own = stats.norm.logpdf(z.numpy(), mu.numpy(), (0.5 * logvar).exp().numpy()).sum(1)
        density = log_density(components, z.double().numpy())
        rows.append(likelihood + torch.from_numpy(density - own))
    return torch.stack(rows)


def test_the_stored_elbo_is_one_under_the_learnt_prior(evaluated: Evaluated) -> None:
    scores = {score.name: score for score in evaluated.outcome.scores}
    each = log_weights(evaluated, 20)
    assert scores["elbo"].value == pytest.approx(each[0].mean().item(), rel=1e-5)
    assert scores["elbo"].value == pytest.approx(
        -scores["reconstruction"].value - scores["kl"].value  # type: ignore[operator]
    )
    bound = (each.logsumexp(0) - math.log(len(each))).mean()  # nearer to log p(x), from below
    assert each.mean() < bound
    assert not any(name.startswith("kl_latent") for name in scores)


def test_a_models_file_has_the_prior_and_pictures_are_of_its_draws(evaluated: Evaluated) -> None:
    pictures = {artifact.name: artifact for artifact in evaluated.outcome.artifacts}
    drawn = {"reconstructions", "samples", "traversals", "interpolation", "attributes"}
    assert set(pictures) == drawn | {"marginal"}
    labels = pictures["traversals"].detail["row_labels"]
    assert all(" · sd " in label for label in labels)
    model = evaluated.model
    z = model.prior().sample(4, torch.Generator().manual_seed(0))
    assert model.decode(z).shape == (4, 1, 64, 64)
