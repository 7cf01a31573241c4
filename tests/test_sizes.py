"""Sizes: what networks take is what `sizes` says they take."""

from __future__ import annotations

import pytest

from vaebench.errors import UsageError
from vaebench.models import build_network
from vaebench.sizes import SIZES, fitting_size


@pytest.mark.parametrize("network", sorted(SIZES))
@pytest.mark.parametrize("size", [28, 32, 64])
def test_networks_take_the_sizes_named_and_no_others(network: str, size: int) -> None:
    if not SIZES[network] or size in SIZES[network]:
        build_network(network, (1, size, size), 2)
        return
    with pytest.raises(UsageError, match=f"these are {size}×{size}"):
        build_network(network, (1, size, size), 2)


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
