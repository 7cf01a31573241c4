"""Networks: encoders and decoders, one file each; the records here are known without torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vaebench import plugins
from vaebench.errors import UsageError, unknown
from vaebench.networks.burgess import BURGESS
from vaebench.networks.conv28 import CONV28
from vaebench.networks.locatello import LOCATELLO
from vaebench.networks.mlp import MLP
from vaebench.protocols import Shape
from vaebench.records import Network

if TYPE_CHECKING:
    from vaebench.networks.blocks import EncoderDecoder

NETWORKS: tuple[Network, ...] = (LOCATELLO, BURGESS, CONV28, MLP)
"""Vaebench's own networks, in the order that they are listed in."""

PADDING = 8
"""Pixels that an observation is padded by at most to fit a network."""


def all_networks() -> tuple[Network, ...]:
    """Returns all networks: vaebench's own, then those of plug-ins."""
    return plugins.beside(NETWORKS, Network)


def network_names() -> list[str]:
    """Returns what `--network` takes."""
    return [network.name for network in all_networks()]


def find_network(name: str) -> Network:
    """Looks a network up by its name.

    Raises:
        UsageError: There is none of that name.
    """
    found = _named(name, NETWORKS) or _named(name, all_networks())
    if found is not None:
        return found
    raise unknown("network", name, network_names())


def _named(name: str, networks: Iterable[Network]) -> Network | None:
    return next((network for network in networks if network.name == name), None)


def natural_network(size: int) -> str:
    """Names the network for observations of a size in pixels, where the user names none."""
    fitting = [network.name for network in NETWORKS if size in network.natural]
    return (fitting or [network.name for network in NETWORKS if not network.sizes])[0]


def fitting_size(name: str, shape: Shape) -> int:
    """Chooses the size to pad observations to so that a network takes them.

    Args:
        name: Of the network.
        shape: Channels, height and width of the observations.

    Returns:
        The smallest size that the network takes and that holds the observations.

    Raises:
        UsageError: The network is unknown, or takes no size near.
    """
    network = find_network(name)
    _, height, width = shape
    if not network.sizes:
        return height
    nearest = [size for size in network.sizes if height <= size <= height + PADDING]
    if height != width or not nearest:
        raise _wrong_size(network, shape)
    return min(nearest)


def build_network(name: str, shape: Shape, latents: int, labels: int = 0) -> EncoderDecoder:
    """Builds a network for observations of a shape.

    Args:
        name: Of the network.
        shape: Channels, height and width of the observations.
        latents: Number of latents, D.
        labels: Width of the one-hot label given to encoder and decoder; 0 for none.

    Raises:
        UsageError: The name is unknown, or the network does not take this shape.
    """
    from vaebench.networks.blocks import EncoderDecoder

    network = find_network(name)
    if not network.takes(*shape[1:]):
        raise _wrong_size(network, shape)
    coders = network.build(shape, latents, labels)
    if network not in NETWORKS:
        from vaebench.networks.checking import check_coders

        check_coders(network, coders, shape, latents, labels)
    built = EncoderDecoder(coders)
    built.shape, built.latents = shape, latents
    return built


def _wrong_size(network: Network, shape: Shape) -> UsageError:
    takes = " or ".join(f"{size}×{size}" for size in network.sizes)
    return UsageError(
        f"Network {network.name!r} takes {takes} observations, these are {shape[1]}×{shape[2]}. "
        f"Choose another with --network ({', '.join(network_names())})."
    )
