"""What the page is told, of codes and factors that are known; and what it cannot run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from vaebench.data import load_dataset
from vaebench.errors import VaebenchError
from vaebench.evaluation.known import Target, targets
from vaebench.explore import contents
from vaebench.explore.contents import Posterior
from vaebench.explore.decoder import Layer, layers_of, run
from vaebench.explore.weights import LIMIT, pack
from vaebench.networks import NETWORKS, build_network
from vaebench.networks.blocks import EncoderDecoder
from vaebench.networks.vae import VAE, initialise
from vaebench.priors import StandardNormal
from vaebench.protocols import Coders

SIZES = {"locatello": (64, 64), "burgess": (32, 32), "conv28": (28, 28), "mlp": (6, 9)}


def identity(values: np.ndarray) -> np.ndarray:
    return values


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [network.name for network in NETWORKS])
def test_layers_compute_what_the_decoder_computes(name: str, channels: int) -> None:
    shape = (channels, *SIZES[name])
    for labels in (0, 5):
        model = VAE(build_network(name, shape, 7, labels), labels=labels).eval()
        initialise(model, "torch", torch.Generator().manual_seed(3))
        layers = layers_of(model, name, shape)
        z, label = torch.randn(4, 7), torch.tensor([0, 3, 1, 4])
        with torch.inference_mode():
            wanted = model.decode(z, label).permute(0, 2, 3, 1).flatten(1).numpy()
        inputs = np.hstack([z.numpy(), np.eye(5, dtype=np.float32)[label]])[:, : 7 + labels]
        assert run(layers, inputs) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(
    ("decoder", "what"),
    [
        (nn.Sequential(nn.Linear(2, 4), nn.GELU(), nn.Unflatten(1, (1, 2, 2))), "GELU"),
        (nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (4, 1, 1))), r"shape \(4, 1, 1\)"),
        (nn.Sequential(nn.Unflatten(1, (1, 1, 2)), nn.Linear(2, 4)), "Unflatten"),
        (nn.Bilinear(2, 2, 4), "Bilinear"),
    ],
)
def test_a_decoder_that_the_page_cannot_run_is_refused(decoder: nn.Module, what: str) -> None:
    model = VAE(EncoderDecoder(Coders(nn.Flatten(), nn.Linear(4, 4), decoder)))
    with pytest.raises(VaebenchError, match=f"network 'mine'.*{what}.*vaebench report"):
        layers_of(model, "mine", (1, 2, 2))


def linear(weight: np.ndarray) -> Layer:
    return Layer("linear", weight.astype(np.float32), np.zeros(len(weight), np.float32))


def test_weights_take_the_fewest_bits_that_hold() -> None:
    rng = np.random.default_rng(0)
    weight, codes = rng.normal(size=(50, 8)), rng.normal(size=(200, 8)).astype(np.float32)
    needed = []
    for size in (0.01, 0.1, 1.0, 10.0):  # the output in units of the limit grows with the weights
        layer = linear(size * weight)
        wanted = run([layer], codes)
        packed = pack([layer], codes, wanted, identity)
        assert packed.error <= LIMIT
        needed.append(packed.bits)
        most = 2 ** (packed.bits - 3) - 1  # two bits fewer would not have held
        scale = np.abs(layer.weight).max(axis=1, keepdims=True) / most
        coarser = replace(layer, weight=(np.rint(layer.weight / scale) * scale).astype(np.float32))
        if packed.bits > 8:
            assert np.abs(run([coarser], codes) - wanted).max() > LIMIT
    assert needed == sorted(needed)
    assert needed[0] == 8
    assert needed[-1] > 10


def test_whole_weights_are_kept_to_the_bit() -> None:
    weight = np.arange(-127, 128, dtype=np.float32).reshape(1, 255)
    packed = pack([linear(weight)], np.eye(255, dtype=np.float32), weight.T, identity)
    assert (packed.bits, packed.error) == (8, 0.0)
    place = packed.layers[0]["weights"]
    stored = np.frombuffer(packed.content, np.int8, 255, place)
    assert stored.tolist() == list(range(-127, 128))


def test_a_layer_that_computes_something_else_is_refused() -> None:
    codes = np.ones((3, 2), np.float32)
    with pytest.raises(VaebenchError, match="255 levels of brightness off"):
        pack([linear(np.ones((1, 2)))], codes, np.full((3, 1), 3.0, np.float32), identity)
    with pytest.raises(VaebenchError, match="not finite"):
        pack([linear(np.full((1, 2), np.nan))], codes, np.zeros((3, 1), np.float32), identity)


def test_latents_come_by_variance_with_what_they_know() -> None:
    rng = np.random.default_rng(0)
    shape, place = rng.integers(3, size=5000), rng.integers(8, size=5000)
    mu = np.stack([0.01 * rng.normal(size=5000), 0.5 * place - 2, 5.0 * shape - 5], axis=1)
    about = [Target("shape", shape, 3), Target("place", place, 8)]
    posterior = Posterior(mu.astype(np.float32), np.array([0.0, 1.5, 3.0]))
    found = contents.latents(posterior, about, standard=True)
    assert [latent["latent"] for latent in found] == [2, 1, 0]
    assert [latent["kl"] for latent in found] == [3.0, 1.5, 0.0]
    assert [latent["active"] for latent in found] == [True, True, False]
    assert found[0]["knows"]["target"] == "shape"
    assert found[0]["knows"]["nats"] == pytest.approx(np.log(3), abs=1e-3)
    assert found[1]["knows"]["target"] == "place"
    assert found[1]["knows"]["nats"] == pytest.approx(np.log(8), abs=1e-2)
    assert found[1]["knows"]["share"] == pytest.approx(1.0, abs=1e-3)
    assert found[2]["knows"] is None
    assert [(latent["low"], latent["high"]) for latent in found] == [(-5, 5), (-3, 3), (-3, 3)]
    without = contents.latents(Posterior(posterior.mu, None), about, standard=False)
    assert [latent["kl"] for latent in without] == [None] * 3
    assert (without[1]["low"], without[1]["high"]) == (-2, 1.5)


def test_attributes_are_differences_of_means() -> None:
    mu = np.array([[0.0, 0.0], [1.0, 4.0], [2.0, 8.0], [9.0, 0.0]], np.float32)
    about = [
        Target("label", np.array([0, 1, 1, 0]), 3, ("cat", "dog", "eel")),
        Target("scale", np.array([0, 2, 4, 5]), 6),
        Target("smiling", np.array([0, 0, 0, 1]), 2),
    ]
    found = {entry["name"]: entry["vector"] for entry in contents.attributes(mu, about)}
    assert found == {
        "cat": [3.0, -6.0],  # (4.5, 0) - (1.5, 6); nothing is an eel
        "dog": [-3.0, 6.0],
        "more scale": [5.0, 2.0],  # (5.5, 4) - (0.5, 2)
        "smiling": [8.0, -4.0],
    }


def test_targets_of_dsprites_are_its_factors_with_the_shapes_names() -> None:
    data = load_dataset("dsprites")
    indices = np.arange(0, len(data), 1009)
    found = {target.name: target for target in targets(data, indices)}
    assert list(found) == ["shape", "scale", "orientation", "x", "y"]  # colour does not vary
    assert found["shape"].said(2) == "heart"
    assert found["scale"].said(0) == "scale 1 of 6"


def test_examples_are_as_many_of_each_label_and_the_same_every_time() -> None:
    data = load_dataset("dsprites")
    indices = np.arange(0, len(data), 101)
    chosen = contents.choose_examples(data, indices)
    labels = data.labels(chosen)
    assert len(set(chosen.tolist())) == contents.EXAMPLES
    assert np.isin(chosen, indices).all()
    assert labels is not None
    assert labels.tolist() == [0] * 16 + [1] * 16 + [2] * 16
    assert (contents.choose_examples(data, indices) == chosen).all()


def test_a_gaussian_fitted_to_codes_has_their_moments() -> None:
    rng = np.random.default_rng(0)
    codes = (rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3)) + [1, 2, 3]).astype(np.float32)
    fit = contents.prior(codes, None)
    factor = np.array(fit["factor"])
    assert factor @ factor.T == pytest.approx(np.cov(codes, rowvar=False), abs=1e-3)
    assert fit["mean"] == pytest.approx(codes.mean(axis=0), abs=1e-3)
    assert contents.prior(codes, StandardNormal(codes.shape[1]))["factor"] is None
