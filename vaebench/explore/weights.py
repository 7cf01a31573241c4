"""Weights of a decoder in as few bits as leave every pixel where it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaebench.errors import VaebenchError
from vaebench.explore.decoder import Layer, run

Pixels = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Makes brightness in [0, 1] of what the last layer gives."""

LIMIT = 1 / 255
"""How far quantisation moves any pixel of the codes tried, at most.

Half of what is promised for all codes, 2/255: codes that were not tried may fare worse, and the
page rounds to whole levels, which is another half a level.
"""

BITS = (8, 10, 12, 14, 16, 32)
"""Bits of a weight, in the order tried; 32 is the weight itself."""


@dataclass(frozen=True)
class Packed:
    """A decoder's weights, quantised.

    Attributes:
        bits: Of each weight, one of `BITS`.
        layers: What the page is told of each layer, as JSON types; `weights`, `scales` and
            `biases` are places in `content`, in bytes.
        content: All arrays, little-endian, each from a multiple of four bytes. Weights of 10 to
            16 bits lie as all their low bytes and then all their high bytes, which have few
            values and so deflate well.
        error: The farthest that a pixel of the codes tried has moved, in [0, 1].
    """

    bits: int
    layers: list[dict[str, Any]]
    content: bytes
    error: float


def pack(
    layers: Sequence[Layer],
    inputs: NDArray[np.float32],
    wanted: NDArray[np.float32],
    pixels: Pixels,
) -> Packed:
    """Quantises the weights to the fewest bits with which pixels stay within `LIMIT`.

    Weights of one output of a layer share a scale.

    Args:
        layers: The decoder.
        inputs: Codes to try, with labels, [N, D + L].
        wanted: The model's own pictures of them, brightness in [0, 1], [N, H · W · C].
        pixels: Makes brightness of the last layer's output.

    Raises:
        VaebenchError: The layers do not compute what the model computes, even as they are.
    """
    if not all(
        np.isfinite(values).all() for layer in layers for values in (layer.weight, layer.bias)
    ):
        raise VaebenchError("The model's decoder has weights that are not finite: train it anew.")
    error = np.inf
    for bits in BITS:
        rounded = [_rounded(layer, bits) for layer in layers]
        error = np.abs(pixels(run([layer for _, _, layer in rounded], inputs)) - wanted).max()
        if error <= LIMIT:
            described, content = _written(layers, bits)
            return Packed(bits, described, content, float(error))
    raise VaebenchError(
        f"The page's decoder would be {255 * error:.3g} levels of brightness off the model's own. "
        "`vaebench report` has the run's traversals."
    )


def _rounded(layer: Layer, bits: int) -> tuple[NDArray[Any], NDArray[np.float32], Layer]:
    """Rounds a layer's weights; returns them, the scale of each output, and what they stand for."""
    rows = layer.weight.reshape(len(layer.weight), -1)
    if bits == 32:
        return rows, np.ones(len(rows), np.float32), layer
    most = 2 ** (bits - 1) - 1
    scale = (np.abs(rows).max(axis=1) / most).astype(np.float32)
    scale[scale == 0] = 1
    whole = np.rint(rows / scale[:, None]).clip(-most, most).astype(np.int16)
    meant = (whole * scale[:, None]).astype(np.float32).reshape(layer.weight.shape)
    return whole, scale, replace(layer, weight=meant)


def _written(layers: Sequence[Layer], bits: int) -> tuple[list[dict[str, Any]], bytes]:
    described, content = [], bytearray()

    def place(values: bytes) -> int:
        start = len(content)
        content.extend(values)
        content.extend(bytes(-len(content) % 4))
        return start

    for layer in layers:
        weight, scale, _ = _rounded(layer, bits)
        outputs, inputs = layer.weight.shape[:2]
        described.append(
            {
                "kind": layer.kind,
                "activation": layer.activation,
                "inputs": inputs,
                "outputs": outputs,
                "height": layer.height,
                "width": layer.width,
                "weights": place(_bytes(weight, bits)),
                "scales": place(scale.astype("<f4").tobytes()),
                "biases": place(layer.bias.astype("<f4").tobytes()),
            }
        )
    return described, bytes(content)


def _bytes(weight: NDArray[Any], bits: int) -> bytes:
    if bits == 32:
        return weight.astype("<f4").tobytes()
    if bits == 8:
        return weight.astype(np.int8).tobytes()
    return (weight & 0xFF).astype(np.uint8).tobytes() + (weight >> 8).astype(np.int8).tobytes()
