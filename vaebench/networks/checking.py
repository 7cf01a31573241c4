"""Whether the layers of a plug-in's network take and give what a model hands them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vaebench.errors import VaebenchError
from vaebench.protocols import Coders, Shape
from vaebench.records import Network

BATCH = 2


@torch.no_grad()
def check_coders(network: Network, coders: Any, shape: Shape, latents: int, labels: int) -> None:
    """Puts two empty examples through the layers.

    Args:
        network: Whose layers they are.
        coders: What its `build` returned.
        shape: Channels, height and width of the observations.
        latents: Number of latents, D.
        labels: Width of the one-hot label, L; 0 for none.

    Raises:
        VaebenchError: They are no three modules, fail, or give another shape than they must.
    """
    if not isinstance(coders, Coders) or not all(isinstance(one, nn.Module) for one in coders):
        kind = type(coders).__name__
        raise _wrong(network, f"build returned a {kind}, not protocols.Coders of three modules")
    before = [(module, module.training) for one in coders for module in one.modules()]
    for one in coders:
        one.eval()  # so that nothing is drawn, and no running mean moves
    features = _given(network, "trunk", coders.trunk, torch.zeros(BATCH, *shape))
    if features.ndim != 2 or len(features) != BATCH:
        raise _wrong(network, f"trunk gave {list(features.shape)}, not [{BATCH}, M]")
    label = torch.zeros(BATCH, labels)
    parts = (
        ("head", coders.head, torch.cat([features, label], 1), (2 * latents,)),
        ("decoder", coders.decoder, torch.zeros(BATCH, latents + labels), shape),
    )
    for name, module, given, wanted in parts:
        found, must = _given(network, name, module, given), [BATCH, *wanted]
        if list(found.shape) != must:
            seen = f"{name} gave {list(found.shape)} of {list(given.shape)}, not {must}"
            raise _wrong(network, seen)
    for module, training in before:
        module.training = training


def _given(network: Network, name: str, module: nn.Module, given: Tensor) -> Tensor:
    """Returns what a part gives of some values."""
    try:
        found = module(given)
    except Exception as error:
        line = " ".join(str(error).split()) or type(error).__name__
        raise _wrong(network, f"{name} cannot take {list(given.shape)}: {line}") from error
    if not isinstance(found, Tensor) or not found.is_floating_point():
        seen = found.dtype if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise _wrong(network, f"{name} gave {seen}, not a tensor of floats")
    return found


def _wrong(network: Network, what: str) -> VaebenchError:
    return VaebenchError(f"Network {network.name!r} is not as its plug-in must make it: {what}.")
