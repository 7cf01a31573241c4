"""Sizes: networks take what their records say they take, and are taken where they fit."""

from __future__ import annotations

import pytest
import torch

from vaebench.errors import UsageError
from vaebench.networks import NETWORKS, build_network, fitting_size, natural_network
from vaebench.networks.vae import VAE
from vaebench.records import Network


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
@pytest.mark.parametrize("size", [28, 32, 64])
def test_networks_take_the_sizes_named_and_no_others(network: Network, size: int) -> None:
    shape = (1, size, size)
    if not network.sizes or size in network.sizes:
        model = VAE(build_network(network.name, shape, 2))
        assert model(torch.rand(2, *shape), torch.zeros(2, 2))[0].shape == (2, *shape)
        return
    with pytest.raises(UsageError, match=f"these are {size}×{size}"):
        build_network(network.name, shape, 2)


@pytest.mark.parametrize(
    ("network", "height", "expected"),
    [
        ("burgess", 28, 32),
        ("burgess", 32, 32),
        ("burgess", 64, 64),
        ("locatello", 60, 64),
        ("mlp", 28, 28),
        ("mlp", 33, 33),
        ("conv28", 28, 28),
    ],
)
def test_observations_are_padded_to_the_next_size(network: str, height: int, expected: int) -> None:
    assert fitting_size(network, (3, height, height)) == expected


@pytest.mark.parametrize(
    ("network", "shape"),
    [("locatello", (1, 28, 28)), ("burgess", (1, 128, 128)), ("conv28", (1, 27, 28))],
)
def test_what_does_not_fit_is_refused(network: str, shape: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="Choose another with --network"):
        fitting_size(network, shape)


def test_where_no_network_is_named_the_natural_one_takes_the_observations() -> None:
    chosen = {size: natural_network(size) for size in (20, 28, 32, 64, 128)}
    assert chosen == {20: "mlp", 28: "burgess", 32: "burgess", 64: "locatello", 128: "mlp"}
    assert all(fitting_size(name, (1, size, size)) >= size for size, name in chosen.items())


def test_no_two_networks_have_a_name_or_a_natural_size_in_common() -> None:
    for each in ("name", "natural"):
        values = [getattr(network, each) for network in NETWORKS if getattr(network, each)]
        assert len(set(values)) == len(values)
    sizes = [size for network in NETWORKS for size in network.natural]
    assert len(set(sizes)) == len(sizes)
