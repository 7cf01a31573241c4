"""Evaluation: every image encoded once, figures as a plain computation gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from numpy.typing import NDArray
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from tests.data.conftest import genuine
from tests.training.conftest import make_spec, make_trainer
from vaebench import metrics
from vaebench.data import load_dataset
from vaebench.evaluation import (
    Encoder,
    held_out,
    likelihood_scores,
    pictures,
    representation_scores,
    shared_examples,
)
from vaebench.metrics.dci import concentration
from vaebench.networks import fitting_size
from vaebench.outcome import Score
from vaebench.training import Feed, build_model, prepare


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    prepare("cpu", 1)


@pytest.fixture
def encoder() -> Encoder:
    trainer = make_trainer(make_spec(eval_size=20))
    return Encoder(trainer.model.eval(), trainer.feed, "fp32")


def test_all_jobs_encode_the_same_examples_to_be_compared_by() -> None:
    data = load_dataset("dsprites")
    chosen = shared_examples(data)
    assert len(np.unique(chosen)) == 1_000
    assert np.isin(chosen, np.asarray(data.test_indices)).all()
    np.testing.assert_array_equal(chosen, shared_examples(load_dataset("dsprites")))


def test_every_distinct_image_is_encoded_once(encoder: Encoder) -> None:
    spec = make_spec(eval_size=20)
    seen: list[int] = []
    encode = encoder.model.encode

    def counting(x: torch.Tensor, label: torch.Tensor | None = None) -> object:
        seen.append(len(x))
        return encode(x, label)

    encoder.model.encode = counting  # type: ignore[assignment, method-assign]
    indices = held_out(spec, encoder.data)
    _, kl = likelihood_scores(spec, encoder, indices)
    representation_scores(spec, encoder, indices)
    pictures(spec, encoder, indices, kl)
    distinct = int(encoder._known.sum())
    assert sum(seen) == encoder.encoded == distinct
    # 400 held out, 2 · 64 · 30 for BetaVAE, 64 · 30 + 400 for FactorVAE, 10 shown; few coincide
    wanted = 400 + 2 * 64 * 30 + 64 * 30 + 400 + 10
    assert 0.97 * wanted < distinct <= wanted
    before = encoder.encoded
    encoder.codes(indices)
    assert encoder.encoded == before


def test_codes_are_the_posterior_means_whatever_was_asked_before(encoder: Encoder) -> None:
    indices = np.array([700_000, 3, 3, 41])
    x, _ = encoder.batch(indices)
    with torch.inference_mode():
        mu, _ = encoder.model.encode(x)
    encoder.codes([41, 9])
    np.testing.assert_allclose(encoder.codes(indices), mu.numpy(), atol=1e-5)
    factors = encoder.data.factors(indices)
    assert factors is not None
    np.testing.assert_array_equal(encoder.represent(factors), encoder.codes(indices))


def test_likelihood_is_what_torch_distributions_gives(encoder: Encoder) -> None:
    """With the posterior narrowed to its mean the one sample is no longer random."""
    spec = make_spec(eval_size=20)
    head = encoder.model.network.head[-1]
    with torch.no_grad():
        head.weight[spec.latent_dim :] = 0
        head.bias[spec.latent_dim :] = -30
    indices = held_out(spec, encoder.data)[:300]
    found = {s.name: s for s in likelihood_scores(spec, encoder, indices)[0]}
    scores = {name: s.value for name, s in found.items()}
    x, _ = encoder.batch(indices)
    with torch.inference_mode():
        mu, logvar = encoder.model.encode(x)
        pixels = Independent(Bernoulli(logits=encoder.model.decode(mu)), 3)
        reconstruction = -pixels.log_prob(x).double().mean().item()
        kl = kl_divergence(Normal(mu, torch.exp(logvar / 2)), Normal(0.0, 1.0)).double()
    assert scores["reconstruction"] == pytest.approx(reconstruction, rel=1e-4)
    assert scores["kl"] == pytest.approx(kl.sum(1).mean().item(), rel=1e-4)
    assert scores["elbo"] == pytest.approx(-scores["reconstruction"] - scores["kl"])
    each = {"reconstruction": -pixels.log_prob(x).double(), "kl": kl.sum(1)}
    each["elbo"] = -each["reconstruction"] - each["kl"]
    for name, values in each.items():
        mean, error = values.mean().item(), scipy.stats.sem(values.numpy())
        interval = scipy.stats.norm.interval(0.95, mean, error)
        assert [found[name].low, found[name].high] == pytest.approx(interval, rel=1e-3)
    latents = [scores[f"kl_latent_{d:02d}"] for d in range(spec.latent_dim)]
    assert sum(latents) == pytest.approx(scores["kl"])
    np.testing.assert_allclose(latents, kl.mean(0).numpy(), rtol=1e-4)


def test_scores_are_those_of_the_metrics_on_the_same_codes(encoder: Encoder) -> None:
    spec = make_spec(eval_size=20)
    indices = held_out(spec, encoder.data)
    scores = {s.name: s for s in representation_scores(spec, encoder, indices)}
    codes, factors = encoder.codes(indices), encoder.data.factors(indices)
    assert factors is not None
    assert scores["mig"].value == metrics.mig(codes, factors[:, 1:])
    assert scores["mig"].points == len(indices) == 400
    assert scores["beta_vae_score"].points == scores["factor_vae_score"].points == 20
    for name in ("beta_vae_score", "factor_vae_score"):
        wrong = round(10 * (1 - scores[name].value))
        low, high = scipy.stats.binomtest(10 - wrong, 10).proportion_ci(method="wilson")
        assert [scores[name].low, scores[name].high] == pytest.approx([low, high])
    again = {s.name: s for s in representation_scores(spec, encoder, indices)}
    assert again == scores


def test_the_solver_reaches_every_logistic_regression(encoder: Encoder) -> None:
    """On the same codes and draws, scores by logistic regression change and no others do."""
    plain, other = (make_spec(eval_size=20, scores="all", solver=s) for s in (None, "lbfgs"))
    indices = held_out(plain, encoder.data)
    before = {s.name: s.value for s in representation_scores(plain, encoder, indices)}
    after = {s.name: s.value for s in representation_scores(other, encoder, indices)}
    changed = {name.removeprefix("sampled_") for name in before if before[name] != after[name]}
    assert {"explicitness", "downstream_logistic_100"} <= changed
    assert all(
        name in {"explicitness", "beta_vae_score"} or name.startswith("downstream_logistic")
        for name in changed
    )


def test_a_data_set_too_small_for_bins_is_evaluated_all_the_same(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 64, 64), np.uint8)
    np.savez(tmp_path / "five.npz", images=images)
    spec = make_spec(eval_size=10, dataset=f"npz:{tmp_path / 'five.npz'}")
    feed = Feed(load_dataset(spec.dataset), torch.device("cpu"))
    model = build_model(spec, (1, 64, 64), 0)
    few = Encoder(model.eval(), feed, "fp32")
    indices = held_out(spec, few.data)
    scores, _ = likelihood_scores(spec, few, indices)
    found = {s.name: s for s in scores + representation_scores(spec, few, indices)}
    assert found["mutual_information"].value is None
    assert "5 points for 20 bins" in (found["mutual_information"].note or "")
    assert np.isfinite(found["elbo"].value)
    assert found["active_units"].points == 5


def test_a_data_set_without_factors_has_mig_against_its_label() -> None:
    folder = genuine("FashionMNIST/raw/train-images-idx3-ubyte")
    spec = make_spec("cvae", dataset="fashion-mnist", eval_size=50)
    data = load_dataset("fashion-mnist", folder, fitting_size("burgess", (1, 28, 28)))
    model = build_model(spec, data.observation_shape, len(data.label_names))
    encoder = Encoder(model.eval(), Feed(data, torch.device("cpu")), "fp32")
    indices = held_out(spec, data)
    assert len(indices) == 1000
    assert set(indices) <= set(data.test_indices)
    scores = {s.name: s for s in representation_scores(spec, encoder, indices)}
    for name in ("mig", "beta_vae_score", "factor_vae_score"):
        assert scores[name].value is None
        assert scores[name].note is not None
    labels = data.labels(indices)
    assert labels is not None
    expected = metrics.mig(encoder.codes(indices), labels[:, None])
    assert scores["mig_label"].value == expected
    shown = {p.name: p for p in pictures(spec, encoder, indices, np.ones(spec.latent_dim))}
    assert shown["samples"].detail["row_labels"] == list(data.label_names)
    assert shown["samples"].rows == 10


def test_a_collapsed_model_scores_without_error() -> None:
    """All codes the same: nothing raises, nothing is NaN."""
    spec = make_spec(eval_size=20)
    trainer = make_trainer(spec)
    with torch.no_grad():
        for value in trainer.model.network.head.parameters():
            value.zero_()
    encoder = Encoder(trainer.model.eval(), trainer.feed, "fp32")
    indices = held_out(spec, encoder.data)
    scores, kl = likelihood_scores(spec, encoder, indices)
    scores += representation_scores(spec, encoder, indices)
    assert all(s.note if s.value is None else np.isfinite(s.value) for s in scores)
    named = {s.name: s.value for s in scores}
    assert named["kl"] == named["mig"] == named["active_units"] == 0
    names = ["reconstructions", "samples", "traversals", "marginal", "interpolation", "attributes"]
    assert [picture.name for picture in pictures(spec, encoder, indices, kl)] == names


def test_all_scores_on_the_mean_and_on_the_sampled_representation() -> None:
    """With a posterior of no width both are the same, so their scores are too."""
    spec = make_spec(eval_size=20, scores="all")
    trainer = make_trainer(spec)
    head = trainer.model.network.head[-1]
    with torch.no_grad():
        head.weight[spec.latent_dim :] = 0
        head.bias[spec.latent_dim :] = -60
    encoder = Encoder(trainer.model.eval(), trainer.feed, "fp32")
    indices = held_out(spec, encoder.data)
    scores = {s.name: s for s in representation_scores(spec, encoder, indices)}
    for name in ("dci_disentanglement", "sap", "explicitness", "downstream_boosted_100"):
        mean, sampled = scores[name].value, scores[f"sampled_{name}"].value
        assert mean is not None
        assert sampled == pytest.approx(mean, abs=1e-3)
    assert scores["downstream_logistic_100"].points == 400
    assert "downstream_logistic_1000" not in scores
    assert scores["dci_informativeness"].low is not None


def test_factors_that_form_no_grid(tmp_path: Path) -> None:
    """A user's own images with a few of all combinations: what can be computed is."""
    rng = np.random.default_rng(0)
    factors = rng.permutation(100)[:90, None] // np.array([10, 1]) % 10
    images = rng.integers(0, 256, (90, 32, 32), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", images=images, factors=factors)
    spec = make_spec(dataset=f"npz:{tmp_path}/mine.npz", eval_size=10)
    data = load_dataset(spec.dataset)
    assert not data.has_grid
    model = build_model(spec, data.observation_shape, 0)
    encoder = Encoder(model.eval(), Feed(data, torch.device("cpu")), "fp32")
    scores = {s.name: s for s in representation_scores(spec, encoder, held_out(spec, data))}
    assert scores["mig"].value is not None
    for name in ("beta_vae_score", "factor_vae_score"):
        assert scores[name].value is None
        assert scores[name].note == "the data set has no image for some values of its factors"


def own_images(tmp_path: Path, factors: NDArray[np.int64], scores: str) -> dict[str, Score]:
    """The scores of an untrained model of one's own images."""
    images = np.random.default_rng(0).integers(0, 256, (len(factors), 32, 32), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", images=images, factors=factors)
    spec = make_spec(dataset=f"npz:{tmp_path}/mine.npz", eval_size=10, scores=scores)
    data = load_dataset(spec.dataset)
    model = build_model(spec, data.observation_shape, 0).eval()
    encoder = Encoder(model, Feed(data, torch.device("cpu")), "fp32")
    return {s.name: s for s in representation_scores(spec, encoder, held_out(spec, data))}


ONCE = np.stack([np.arange(90) % 3, np.arange(90) == 7], axis=1).astype(np.int64)
ROW = np.arange(100)[:, None]
SMALL = {
    "a grid": np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), axis=1),
    "a small grid": np.stack(np.unravel_index(np.arange(12), (3, 4)), axis=1),
    "no grid": np.random.default_rng(3).integers(0, 10, (30, 2)),
    "a value seen once": ONCE,
    "every value once": np.concatenate([ROW, ROW % 2], axis=1),
    "factors of one value": np.zeros((30, 2), np.int64),
}


@pytest.mark.parametrize("name", SMALL)
def test_all_scores_of_a_small_data_set_are_core_and_more(tmp_path: Path, name: str) -> None:
    """What `core` gives, `all` gives too, of as many points; the rest has a value or a reason."""
    core, whole = (own_images(tmp_path, SMALL[name], scores) for scores in ("core", "all"))
    for key, score in core.items():
        assert whole[key].points == score.points
        if score.value is None:
            assert whole[key].value is None
        else:
            assert whole[key].value == pytest.approx(score.value, rel=1e-9, abs=1e-9)
    for key in ("explicitness", "dci_disentanglement", "sap", "sampled_mig", "sampled_sap"):
        score = whole[key]
        assert np.isfinite(score.value) if score.value is not None else score.note
    if name == "a grid":
        assert whole["sap"].value is not None
        assert whole["sap"].points == 30


def test_each_score_is_computed_once(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the mean and of the sampled representation; intervals are resampled beside."""
    from vaebench.metrics import points

    spec = make_spec(eval_size=20, scores="all")
    binned: list[int] = []
    discretise = points.discretise

    def counting(codes: NDArray[np.float32], bins: int) -> object:
        binned.append(len(codes))
        return discretise(codes, bins)

    monkeypatch.setattr(points, "discretise", counting)
    told: list[NDArray[np.float64]] = []
    found = representation_scores(spec, encoder, held_out(spec, encoder.data), told.append)
    assert binned == [400, 400]
    (importances,) = told  # of the mean representation, from the trees that DCI is scored by
    assert importances.shape == (spec.latent_dim, 5)
    scores = {score.name: score.value for score in found}
    assert concentration(importances) == scores["dci_disentanglement"]
    assert concentration(importances.T) == scores["dci_completeness"]
    names = [score.name for score in found]
    assert len(names) == len(set(names))
