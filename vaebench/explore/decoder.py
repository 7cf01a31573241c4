"""A trained decoder as the short list of layers that the page's own decoder runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vaebench.errors import VaebenchError
from vaebench.networks.layers import DoublingConvTranspose2d
from vaebench.networks.vae import VAE

ACTIVATIONS: dict[type[nn.Module], str] = {nn.ReLU: "relu", nn.Tanh: "tanh"}


@dataclass(frozen=True)
class Layer:
    """A layer of the page; whatever it gives or takes is laid out channels last.

    Attributes:
        kind: `linear`, or `double`: a transposed convolution that doubles height and width.
        weight: float32, [O, I] or [O, C, 4, 4].
        bias: float32 [O].
        activation: `none`, `relu` or `tanh`, after the bias.
        height: Height of the image that `double` takes, else 0.
        width: Its width, likewise.
    """

    kind: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    activation: str = "none"
    height: int = 0
    width: int = 0


def layers_of(model: VAE, network: str, shape: tuple[int, int, int]) -> tuple[Layer, ...]:
    """Converts the decoder of a model.

    Args:
        model: The trained model.
        network: Its network's name, for messages.
        shape: Channels, height and width of its observations.

    Returns:
        Layers that map latents and label [B, D + L] to logits [B, H · W · C], channels last.

    Raises:
        VaebenchError: The decoder has a layer that the page cannot run.
    """
    decoder = model.network.decoder
    modules = list(decoder) if isinstance(decoder, nn.Sequential) else [decoder]
    layers: list[Layer] = []
    image: tuple[int, int, int] | None = None
    for module in modules:
        if isinstance(module, nn.Linear) and image is None:
            weight = _array(module.weight)
            layers.append(Layer("linear", weight, _bias(module.bias, len(weight))))
        elif isinstance(module, nn.Unflatten) and image is None and layers:
            image = _image(module)
            layers[-1] = _channels_last(layers[-1], image)
        elif isinstance(module, DoublingConvTranspose2d) and image is not None:
            weight = _array(module.weight).transpose(1, 0, 2, 3)
            bias = _bias(module.bias, len(weight))
            layers.append(Layer("double", weight, bias, "none", *image[1:]))
            image = (len(weight), 2 * image[1], 2 * image[2])
        elif type(module) in ACTIVATIONS and layers and layers[-1].activation == "none":
            layers[-1] = replace(layers[-1], activation=ACTIVATIONS[type(module)])
        else:
            raise _cannot_run(network, type(module).__name__)
    if image != shape:
        raise _cannot_run(network, f"output of shape {image}")
    return tuple(layers)


@torch.inference_mode()
def run(layers: Sequence[Layer], inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Computes what the page computes.

    Args:
        layers: The layers.
        inputs: Latents and one-hot label [B, D + L].

    Returns:
        Logits [B, H · W · C], channels last.
    """
    values = torch.from_numpy(inputs)
    for layer in layers:
        weight, bias = torch.from_numpy(layer.weight), torch.from_numpy(layer.bias)
        if layer.kind == "linear":
            values = functional.linear(values, weight, bias)
        else:
            pixels = values.reshape(len(values), layer.height, layer.width, -1)
            pixels = functional.conv_transpose2d(
                pixels.permute(0, 3, 1, 2), weight.transpose(0, 1), bias, stride=2, padding=1
            )
            values = pixels.permute(0, 2, 3, 1).flatten(1)
        if layer.activation != "none":
            values = getattr(torch, layer.activation)(values)
    logits: NDArray[np.float32] = values.numpy()
    return logits


def _array(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.detach().cpu().float().contiguous().numpy()
    return array


def _bias(values: Tensor | None, count: int) -> NDArray[np.float32]:
    return np.zeros(count, np.float32) if values is None else _array(values)


def _image(module: nn.Unflatten) -> tuple[int, int, int]:
    channels, height, width = (int(size) for size in module.unflattened_size)
    return channels, height, width


def _channels_last(layer: Layer, image: tuple[int, int, int]) -> Layer:
    """Reorders what a linear layer gives from [C, H, W] to [H, W, C]."""
    order = np.arange(len(layer.bias)).reshape(image).transpose(1, 2, 0).ravel()
    return replace(layer, weight=layer.weight[order], bias=layer.bias[order])


def _cannot_run(network: str, what: str) -> VaebenchError:
    return VaebenchError(
        f"The page cannot run the decoder of network {network!r}: it knows linear layers, doubling "
        f"transposed convolutions, ReLU and tanh, not {what}. `vaebench report` has the run's "
        "traversals."
    )
