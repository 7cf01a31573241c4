"""The VAE: labels, sampling, and initial weights as functions of a generator alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vaebench.errors import DataError
from vaebench.networks import build_network
from vaebench.networks.vae import VAE, initialise

SHAPE = (1, 64, 64)


def make(name: str = "locatello", labels: int = 0, *, scheme: str = "glorot", seed: int = 0) -> VAE:
    model = VAE(build_network(name, SHAPE, 5, labels), labels=labels)
    initialise(model, scheme, torch.Generator().manual_seed(seed))
    return model


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def layers(model: nn.Module) -> list[nn.Linear | nn.Conv2d | nn.ConvTranspose2d]:
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    return [module for module in model.modules() if isinstance(module, kinds)]


@pytest.mark.parametrize("name", ["locatello", "mlp"])
def test_the_label_changes_posterior_and_reconstruction(name: str) -> None:
    model, x, z = make(name, labels=3), draw(2, *SHAPE).sigmoid(), draw(2, 5)
    first, second = torch.tensor([0, 1]), torch.tensor([0, 2])
    for one, other in zip(model.encode(x, first), model.encode(x, second), strict=True):
        assert torch.equal(one[0], other[0])
        assert not torch.equal(one[1], other[1])
    one, other = model.decode(z, first), model.decode(z, second)
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])


def test_a_model_without_labels_ignores_them() -> None:
    model, x = make(), draw(2, *SHAPE).sigmoid()
    assert torch.equal(model.encode(x)[0], model.encode(x, torch.tensor([0, 1]))[0])


def test_latents_are_the_posterior_s_and_mu_where_nothing_is_drawn() -> None:
    model, mu, logvar = make(), torch.full((40_000, 5), 0.3), torch.full((40_000, 5), -1.0)
    z = model.sample(mu, logvar, draw(40_000, 5))
    assert abs(z.mean() - 0.3) < 0.01
    assert abs(z.var() - torch.tensor(-1.0).exp()) < 0.01
    plain = VAE(model.network, stochastic=False)
    assert torch.equal(plain.sample(mu, logvar, draw(40_000, 5)), mu)


@pytest.mark.parametrize("name", ["locatello", "burgess", "mlp"])
def test_glorot_is_uniform_in_its_bound_and_biases_are_zero(name: str) -> None:
    for layer in layers(make(name)):
        weight = layer.weight.detach()
        taps = weight[0, 0].numel()
        bound = (6 / (taps * (weight.shape[0] + weight.shape[1]))) ** 0.5
        assert weight.abs().max() <= bound
        assert weight.abs().max() > 0.97 * bound
        error = 4 * (bound**2 / 3 / weight.numel()) ** 0.5
        assert abs(weight.mean()) < error
        assert abs(weight.var() / (bound**2 / 3) - 1) < 4 / weight.numel() ** 0.5
        assert layer.bias is not None
        assert not layer.bias.any()


def test_torch_s_scheme_has_the_bounds_of_fresh_layers() -> None:
    for layer in layers(make(scheme="torch")):
        bound = nn.init._calculate_fan_in_and_fan_out(layer.weight)[0] ** -0.5
        ours = [parameter.detach().clone() for parameter in layer.parameters()]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            layer.reset_parameters()
        for one, fresh in zip(ours, layer.parameters(), strict=True):
            assert one.any()
            for value in (one, fresh):
                assert value.abs().max() <= bound * (1 + 1e-6)
                assert value.numel() < 200 or value.abs().max() > 0.97 * bound


@pytest.mark.parametrize("scheme", ["glorot", "torch"])
def test_initial_weights_are_the_generator_s_alone(scheme: str) -> None:
    first = make(scheme=scheme).state_dict()
    model, state = VAE(build_network("locatello", SHAPE, 5)), torch.get_rng_state()
    initialise(model, scheme, torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), state)
    second, other = make(scheme=scheme).state_dict(), make(scheme=scheme, seed=1).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    weights = [name for name in first if name.endswith("weight")]
    assert not any(torch.equal(first[name], other[name]) for name in weights)


@pytest.mark.parametrize("name", ["locatello", "burgess", "mlp"])
@pytest.mark.parametrize("enabled", [False, True])
def test_gradients_repeat_to_the_bit(name: str, enabled: bool) -> None:
    def gradients() -> list[Tensor]:
        model = make(name).to(memory_format=torch.channels_last)
        x = draw(8, *SHAPE).sigmoid()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            logits, mu, logvar, _ = model(x, draw(8, 5, seed=1))
        loss = logits.square().mean() + mu.square().mean() + logvar.mean()
        return list(torch.autograd.grad(loss, list(model.parameters())))

    for one, other in zip(gradients(), gradients(), strict=True):
        assert torch.equal(one, other)


def test_what_a_model_cannot_take_is_one_line() -> None:
    model, conditional = make("mlp"), make("mlp", labels=3)
    x, z, label = draw(2, *SHAPE), draw(2, 5), torch.tensor([0, 2])
    wrong = {
        r"observations are a numpy.ndarray: a tensor float32 \[B, 1, 64, 64\] in \[0, 1\]": (
            lambda: model.encode(x.numpy())  # type: ignore[arg-type]
        ),
        r"observations are float32 \[2, 1, 28, 28\]: float32 \[B, 1, 64, 64\]": (
            lambda: model.encode(draw(2, 1, 28, 28))
        ),
        r"observations are float32 \[1, 64, 64\]": lambda: model.encode(x[0]),
        r"observations are uint8": lambda: model.encode(x.byte()),
        r"observations are float64": lambda: model.encode(x.double()),
        r"latents are float32 \[2, 4\]: float32 \[B, 5\] is needed": lambda: model.decode(z[:, :4]),
        r"latents are a list": lambda: model.decode([0.0]),  # type: ignore[arg-type]
        r"conditional and got no label: .* integers from 0 to 2": lambda: conditional.encode(x),
        r"got a numpy.ndarray as label": (
            lambda: conditional.decode(z, label.numpy())  # type: ignore[arg-type]
        ),
        r"label is torch.int64 \[1\] for 2 rows": lambda: conditional.decode(z, label[:1]),
        r"label is out of range: .* from 0 to 2": lambda: conditional.decode(z, label + 1),
    }
    for message, call in wrong.items():
        with pytest.raises(DataError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
    narrow = label.to(torch.int32)
    assert torch.equal(conditional.decode(z, narrow), conditional.decode(z, label))
