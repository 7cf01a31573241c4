"""What models, networks and training hand each other: types alone, which import no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, int, int]
"""Channels, height and width of observations."""


class Coders(NamedTuple):
    """The layers of a network: an encoder, whose last layers are given the label, and a decoder.

    Attributes:
        trunk: Maps observations [B, C, H, W] to features [B, M].
        head: Maps features and label, [B, M + L], to [B, 2 · D]: mu and logvar.
        decoder: Maps latents and label, [B, D + L], to logits [B, C, H, W].
    """

    trunk: nn.Module
    head: nn.Module
    decoder: nn.Module
