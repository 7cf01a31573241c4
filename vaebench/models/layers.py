"""Convolutions that halve or double an image: torch's own, with faster paths on the CPU.

Each layer is the `torch.nn` layer that it inherits from: same parameters, names and values. On a
CPU, oneDNN is slow at three things, and each is written here as other convolutions, which
compute the same sums in another order:

- The gradient of a transposed convolution's bias takes longer than that of its weight. It is a
  sum over the image, and taken as such.
- A convolution of one or three channels fills a sixteenth of a vector. Neighbouring pixels are
  therefore read as channels of one wider pixel, which for channels-last images is but a view.
- A transposed convolution to one or three channels likewise; it is computed as a convolution
  whose channels are the pixels of a block of the output.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional

FEW_CHANNELS = 4
"""Up to this many channels, pixels are read in pairs."""


class HalvingConv2d(nn.Conv2d):
    """A convolution of stride 2 that halves height and width, which are even.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        kernel: Height and width of the kernel, 2 or 4.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, stride=2, padding=(kernel - 2) // 2)

    def forward(self, input: Tensor) -> Tensor:
        """Maps [B, inputs, H, W] to [B, outputs, H/2, W/2]."""
        if input.device.type != "cpu":
            return super().forward(input)
        if self.in_channels <= FEW_CHANNELS:
            pairs = _pair_pixels(input, self.kernel_size[0])
            return functional.conv2d(pairs, _pair_taps(self.weight), self.bias, stride=(2, 1))
        return super().forward(input)


class DoublingConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution, kernel 4 and stride 2, that doubles height and width.

    Args:
        inputs: Channels in.
        outputs: Channels out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Maps [B, inputs, H, W] to [B, outputs, 2·H, 2·W]."""
        if input.device.type != "cpu" or self.bias is None:
            return super().forward(input, output_size)
        few = self.out_channels <= FEW_CHANNELS
        double = _DoubleToFewChannels if few else _Double
        dtype = _compute_dtype(input)
        parameters = self.weight.to(dtype), self.bias.to(dtype)
        output: Tensor = double.apply(input.to(dtype), *parameters)
        return output


class _Double(torch.autograd.Function):
    """The transposed convolution, with the bias' gradient taken apart from the weight's."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return functional.conv_transpose2d(x, weight, bias, stride=2, padding=1)

    @staticmethod
    def setup_context(
        ctx: FunctionCtx, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor
    ) -> None:
        del output
        ctx.save_for_backward(inputs[0], inputs[1])

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        of_x, of_weight, _ = torch.ops.aten.convolution_backward(
            gradient,
            x,
            weight,
            None,
            stride=(2, 2),
            padding=(1, 1),
            dilation=(1, 1),
            transposed=True,
            output_padding=(0, 0),
            groups=1,
            output_mask=(True, True, False),
        )
        return of_x, of_weight, gradient.sum((0, 2, 3))


class _DoubleToFewChannels(torch.autograd.Function):
    """The transposed convolution to few channels, as convolutions to and from pixel pairs."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        inputs, outputs = weight.shape[:2]
        batch, _, height, width = x.shape
        # Row i of blocks is rows 2i-1 and 2i of the image, of which pixels i-1 and i are part.
        # So are columns; but for one channel, column j of blocks is columns 4j to 4j+3, of
        # which pixels 2j-1 to 2j+2 are part, some with taps of 0: twice the vector's width.
        margin, wide = (3, 4) if outputs == 1 and width % 2 == 0 else (0, 2)
        taps = functional.pad(weight, (margin, margin)).unfold(2, 2, 2).unfold(3, wide, 2)
        kernel = taps.flip(2, 3).permute(4, 5, 1, 0, 2, 3).flatten(0, 2)
        biases = bias.expand(2 * wide, outputs).flatten()
        blocks = functional.conv2d(x, kernel, biases, stride=(1, wide // 2), padding=1)
        blocks = blocks.permute(0, 2, 3, 1).unflatten(3, (2, wide * outputs)).transpose(2, 3)
        image = blocks.reshape(batch, 2 * height + 2, -1, outputs)[:, 1:-1]
        return (image if margin else image[:, :, 1:-1]).permute(0, 3, 1, 2)

    @staticmethod
    def setup_context(
        ctx: FunctionCtx, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor
    ) -> None:
        del output
        ctx.save_for_backward(inputs[0], inputs[1])

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        of_x, of_taps, _ = torch.ops.aten.convolution_backward(
            x,
            pairs := _pair_pixels(gradient, 4),
            taps := _pair_taps(weight),
            None,
            stride=(2, 1),
            padding=(0, 0),
            dilation=(1, 1),
            transposed=False,
            output_padding=(0, 0),
            groups=1,
            output_mask=(False, True, False),
        )
        of_x = functional.conv2d(pairs, taps, stride=(2, 1))
        return of_x, _split_taps(of_taps), gradient.sum((0, 2, 3))


def _compute_dtype(input: Tensor) -> torch.dtype:
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else input.dtype


def _pair_pixels(image: Tensor, kernel: int) -> Tensor:
    """Pads [B, C, H, W] for a kernel and views pairs of columns as channels, [B, 2·C, H', W'/2]."""
    margin = (kernel - 2) // 2
    padded = functional.pad(image.permute(0, 2, 3, 1), (0, 0, margin, margin, margin, margin))
    return padded.unflatten(2, (-1, 2)).flatten(3).permute(0, 3, 1, 2)


def _pair_taps(weight: Tensor) -> Tensor:
    """The kernel [O, C, K, K] for pairs of pixels, [O, 2·C, K, K/2]."""
    return weight.unflatten(3, (-1, 2)).permute(0, 4, 1, 2, 3).flatten(1, 2)


def _split_taps(weight: Tensor) -> Tensor:
    """The kernel for single pixels [O, C, K, K] of that for pairs, [O, 2·C, K, K/2]."""
    return weight.unflatten(1, (2, -1)).permute(0, 2, 3, 4, 1).flatten(3)
