"""A VAE's layers as batched matrix products over K models: no convolution, no group.

A convolution of kernel 4 and stride 2 is one of kernel 2 and stride 1 on blocks of 2×2 pixels
read as channels (space to depth), and so a matrix product of four shifted images side by side. A
transposed one is the same the other way round. Images are [K, B, H, W, C], features [K, B, F].
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from vaebench.networks.layers import DoublingConvTranspose2d, HalvingConv2d
from vaebench.networks.vae import VAE

Weights = Mapping[str, Tensor]


def encoded_and_decoded(
    model: VAE, weights: Weights, x: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What K models make of their own batches.

    Args:
        model: One of them, for the order of its layers.
        weights: Stacked over models, by the names that they have in one.
        x: Observations, [K, B, C, H, W].
        noise: Standard normal, [K, B, D].

    Returns:
        Logits [K, B, C, H, W], mu and logvar [K, B, D], float32.
    """
    features = layers(model.network.trunk, weights, "network.trunk", x.permute(0, 1, 3, 4, 2))
    both = layers(model.network.head, weights, "network.head", features)
    mu, logvar = both.float().chunk(2, dim=2)
    z = mu + torch.exp(0.5 * logvar) * noise
    image = layers(model.network.decoder, weights, "network.decoder", z)
    return image.float().permute(0, 1, 4, 2, 3), mu, logvar


def layers(several: nn.Module, weights: Weights, name: str, x: Tensor) -> Tensor:
    """Applies layers one after the other.

    Raises:
        TypeError: There is no matrix product for a layer.
    """
    named = several.named_children() if isinstance(several, nn.Sequential) else [("", several)]
    for place, layer in named:
        weight, bias = (weights.get(f"{name}.{place}.{kind}") for kind in ("weight", "bias"))
        if isinstance(layer, nn.Flatten):
            x = x.permute(0, 1, 4, 2, 3).flatten(2)  # as one model has them: channels first
        elif isinstance(layer, nn.Unflatten):
            x = x.unflatten(2, tuple(layer.unflattened_size)).permute(0, 1, 3, 4, 2)
        elif isinstance(layer, nn.ReLU):
            x = functional.relu(x)
        elif isinstance(layer, nn.Tanh):
            x = torch.tanh(x)
        elif weight is None or bias is None:
            raise TypeError(f"No matrix product is known for {layer}.")
        elif isinstance(layer, HalvingConv2d):
            x = halved(x, weight, bias)
        elif isinstance(layer, DoublingConvTranspose2d):
            x = doubled(x, weight, bias)
        else:
            x = product(x, weight.transpose(1, 2), bias)
    return x


def product(x: Tensor, matrix: Tensor, bias: Tensor) -> Tensor:
    """Multiplies the last dimension of [K, …, I] by [K, I, O] and adds [K, O]."""
    rows = torch.bmm(x.flatten(1, -2), matrix) + bias[:, None]
    return rows.reshape(*x.shape[:-1], matrix.shape[2])


def halved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The convolution of stride 2 with kernels [K, O, C, 2, 2] or [K, O, C, 4, 4]."""
    blocks = weight.unflatten(3, (-1, 2)).unflatten(5, (-1, 2))  # K, O, C, a, i, b, j
    matrix = blocks.permute(0, 3, 5, 4, 6, 2, 1).flatten(1, 5)
    margin = (weight.shape[3] - 2) // 2
    padded = functional.pad(x, (0, 0, margin, margin, margin, margin))
    deep = padded.unflatten(2, (-1, 2)).unflatten(4, (-1, 2))  # K, B, h, i, w, j, C
    deep = deep.permute(0, 1, 2, 4, 3, 5, 6).flatten(4)
    return product(_shifted(deep, 1 + margin), matrix, bias)


def doubled(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The transposed convolution of stride 2 with kernels [K, C, O, 4, 4]."""
    outputs = weight.shape[2]
    blocks = weight.unflatten(3, (2, 2)).unflatten(5, (2, 2)).flip(3, 5)  # K, C, O, a, i, b, j
    matrix = blocks.permute(0, 3, 5, 1, 4, 6, 2).flatten(1, 3).flatten(2)
    around = functional.pad(x, (0, 0, 1, 1, 1, 1))
    deep = product(_shifted(around, 2), matrix, bias.repeat(1, 4))
    image = deep.unflatten(4, (2, 2, outputs)).permute(0, 1, 2, 4, 3, 5, 6)
    return image.flatten(4, 5).flatten(2, 3)[:, :, 1:-1, 1:-1]


def _shifted(x: Tensor, count: int) -> Tensor:
    """Puts an image side by side with itself, shifted by 0 to count - 1 in both directions."""
    height, width = x.shape[2] - count + 1, x.shape[3] - count + 1
    parts = [
        x[:, :, row : row + height, column : column + width]
        for row in range(count)
        for column in range(count)
    ]
    return torch.cat(parts, dim=4)
