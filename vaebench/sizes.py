"""Which sizes of observations each network takes; known without torch."""

from __future__ import annotations

from vaebench.errors import UsageError, unknown

SIZES: dict[str, tuple[int, ...]] = {
    "locatello": (64,),
    "burgess": (32, 64),
    "conv28": (28,),
    "mlp": (),
}
"""Heights (and widths) in pixels by network; none means any."""

PADDING = 8
"""Pixels that an observation is padded by at most to fit a network."""


def fitting_size(network: str, shape: tuple[int, int, int]) -> int:
    """Chooses the size to pad observations to so that a network takes them.

    Args:
        network: One of `SIZES`.
        shape: Channels, height and width of the observations.

    Returns:
        The smallest size that the network takes and that holds the observations.

    Raises:
        UsageError: The network is unknown, or takes no size near.
    """
    if network not in SIZES:
        raise unknown("network", network, SIZES)
    sizes = SIZES[network]
    _, height, width = shape
    if not sizes:
        return height
    fitting = [size for size in sizes if height == width and height <= size <= height + PADDING]
    if not fitting:
        takes = " or ".join(f"{size}×{size}" for size in sizes)
        raise UsageError(
            f"Network {network!r} takes {takes} observations, these are {height}×{width}. "
            f"Choose another with --network ({', '.join(SIZES)})."
        )
    return min(fitting)
