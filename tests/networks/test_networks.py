"""The networks: shapes, parameters, what they refuse, and the sizes that they take."""

from __future__ import annotations

import pytest
import torch

from vaebench.errors import UsageError
from vaebench.networks import NETWORKS, build_network
from vaebench.networks.vae import VAE

SHAPES = {
    "locatello": [(1, 64, 64), (3, 64, 64)],
    "burgess": [(1, 64, 64), (3, 64, 64), (1, 32, 32), (3, 32, 32)],
    "mlp": [(1, 28, 28), (3, 64, 64), (1, 5, 7)],
    "conv28": [(1, 28, 28), (3, 28, 28)],
}
CASES = [(name, shape) for name, shapes in SHAPES.items() for shape in shapes]


def test_every_network_has_shapes_here() -> None:
    assert set(SHAPES) == {network.name for network in NETWORKS}


@pytest.mark.parametrize(("name", "shape"), CASES)
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("enabled", [False, True])
def test_a_network_encodes_and_decodes_its_shape(
    name: str, shape: tuple[int, int, int], memory: torch.memory_format, enabled: bool
) -> None:
    model = VAE(build_network(name, shape, latents=6)).to(memory_format=memory)
    x = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        logits, mu, logvar, z = model(x.contiguous(memory_format=memory), torch.zeros(3, 6))
    assert logits.shape == x.shape
    assert mu.shape == logvar.shape == z.shape == (3, 6)
    assert logits.dtype == mu.dtype == logvar.dtype == z.dtype == torch.float32
    (logits.sum() + z.sum()).backward()
    assert all(value.grad is not None for value in model.parameters())


# Inputs of one output (channels times taps) and outputs of each layer, by hand from the tables.
TABLES = {
    ("locatello", 64): [
        *[(16, 32), (32 * 16, 32), (32 * 4, 64), (64 * 4, 64), (1024, 256), (256, 20)],
        *[(10, 256), (256, 1024), (64 * 16, 64), (64 * 16, 32), (32 * 16, 32), (32 * 16, 1)],
    ],
    ("burgess", 64): [
        *[(16, 32), (512, 32), (512, 32), (512, 32), (512, 256), (256, 256), (256, 20)],
        *[(10, 256), (256, 256), (256, 512), (512, 32), (512, 32), (512, 32), (512, 1)],
    ],
    ("burgess", 32): [
        *[(16, 32), (512, 32), (512, 32), (512, 256), (256, 256), (256, 20)],
        *[(10, 256), (256, 256), (256, 512), (512, 32), (512, 32), (512, 1)],
    ],
    ("mlp", 64): [
        *[(4096, 1200), (1200, 1200), (1200, 20)],
        *[(10, 1200), (1200, 1200), (1200, 1200), (1200, 4096)],
    ],
}


@pytest.mark.parametrize(("name", "size"), TABLES)
def test_networks_have_the_papers_layers(name: str, size: int) -> None:
    parameters = list(build_network(name, (1, size, size), latents=10).parameters())
    weights, biases = parameters[::2], parameters[1::2]
    outputs = [bias.numel() for bias in biases]
    inputs = [weight.numel() // count for weight, count in zip(weights, outputs, strict=True)]
    assert list(zip(inputs, outputs, strict=True)) == TABLES[name, size]


def test_parameters_keep_their_names() -> None:
    names = list(build_network("locatello", (1, 64, 64), 10).state_dict())
    layers = [f"trunk.{index}" for index in (0, 2, 4, 6)] + ["head.0", "head.2"]
    layers += [f"decoder.{index}" for index in (0, 2, 5, 7, 9, 11)]
    assert names == [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]


@pytest.mark.parametrize(
    ("name", "shape", "allowed"),
    [
        ("locatello", (1, 32, 32), "64×64"),
        ("locatello", (1, 64, 48), "64×64"),
        ("burgess", (1, 28, 28), "32×32 or 64×64"),
    ],
)
def test_a_wrong_size_is_named_with_what_is_allowed(
    name: str, shape: tuple[int, int, int], allowed: str
) -> None:
    with pytest.raises(UsageError) as error:
        build_network(name, shape, 10)
    message = str(error.value)
    assert name in message
    assert allowed in message
    assert f"{shape[1]}×{shape[2]}" in message
    assert "--network" in message


def test_an_unknown_network_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"Unknown network 'locatelo'.*Did you mean 'locatello'"):
        build_network("locatelo", (1, 64, 64), 10)
