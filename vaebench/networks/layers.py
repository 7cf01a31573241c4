"""Convolutions that halve or double an image: torch's own, with faster paths on the CPU.

Each layer is the `torch.nn` layer that it inherits from: same parameters, names and values. On a
CPU, oneDNN is slow at three things, and each is written here as other convolutions, which
compute the same sums, some in another order:

- The gradient of a transposed convolution's bias takes longer than that of its weight. It is a
  sum over the image, and taken as such.
- A transposed convolution to one or three channels leaves most of a vector empty. It is computed
  as a convolution whose channels are the pixels of a block of the output.
- A convolution from one or three channels likewise. Pairs of neighbouring pixels are read as
  channels of one pixel, which for images stored channels last is but a view.

Elsewhere, as on a GPU, the layers are exactly torch's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional

FEW_CHANNELS = 4
"""Up to this many channels, an image is read and written several pixels at a time."""


class HalvingConv2d(nn.Conv2d):
    """A convolution of stride 2 that halves height and width, which are even.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        kernel: Height and width of the kernel, 2 or 4.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, stride=2, padding=(kernel - 2) // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, inputs, H, W] to [B, outputs, H/2, W/2]."""
        if x.device.type != "cpu" or self.in_channels > FEW_CHANNELS:
            return super().forward(x)
        pairs = _pair_pixels(x, self.kernel_size[0])
        return functional.conv2d(pairs, _pair_taps(self.weight), self.bias, stride=(2, 1))


class DoublingConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution, kernel 4 and stride 2, that doubles height and width.

    Args:
        inputs: Channels in.
        outputs: Channels out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Maps [B, inputs, H, W] to [B, outputs, 2·H, 2·W]; `output_size` is for torch alone."""
        if x.device.type != "cpu" or self.bias is None:
            return super().forward(x, output_size)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        double = _DoubleToFewChannels if self.out_channels <= FEW_CHANNELS else _Double
        output: Tensor = double.apply(x.to(dtype), self.weight.to(dtype), self.bias.to(dtype))
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
            bias_sizes=None,
            stride=(2, 2),
            padding=(1, 1),
            dilation=(1, 1),
            transposed=True,
            output_padding=(0, 0),
            groups=1,
            output_mask=(True, True, False),
        )
        return of_x, of_weight, gradient.sum((0, 2, 3))


class _DoubleToFewChannels(_Double):
    """The transposed convolution to few channels: to blocks of pixels, back from pairs."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        outputs = weight.shape[1]
        batch, _, height, width = x.shape
        # Row i of blocks is rows 2i-1 and 2i of the image, which pixels i-1 and i add to. So
        # are columns; but for one channel, column j of blocks is columns 4j to 4j+3, which
        # pixels 2j-1 to 2j+2 add to, some with taps of 0: emptier, yet faster for its width.
        margin, wide = (3, 4) if outputs == 1 and width % 2 == 0 else (0, 2)
        taps = functional.pad(weight, (margin, margin)).unfold(2, 2, 2).unfold(3, wide, 2)
        kernel = taps.flip(2, 3).permute(4, 5, 1, 0, 2, 3).flatten(0, 2)
        biases = bias.expand(2 * wide, outputs).flatten()
        blocks = functional.conv2d(x, kernel, biases, stride=(1, wide // 2), padding=1)
        rows: Tensor = blocks.permute(0, 2, 3, 1).unflatten(3, (2, wide * outputs))
        image = rows.transpose(2, 3).reshape(batch, 2 * height + 2, -1, outputs)[:, 1:-1]
        return (image if margin else image[:, :, 1:-1]).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        pairs, taps = _pair_pixels(gradient, 4), _pair_taps(weight)
        _, of_taps, _ = torch.ops.aten.convolution_backward(
            x,
            pairs,
            taps,
            bias_sizes=None,
            stride=(2, 1),
            padding=(0, 0),
            dilation=(1, 1),
            transposed=False,
            output_padding=(0, 0),
            groups=1,
            output_mask=(False, True, False),
        )
        of_weight = of_taps.unflatten(1, (2, -1)).permute(0, 2, 3, 4, 1).flatten(3)
        return functional.conv2d(pairs, taps, stride=(2, 1)), of_weight, gradient.sum((0, 2, 3))


def _pair_pixels(image: Tensor, kernel: int) -> Tensor:
    """Pads [B, C, H, W] for a kernel and joins pairs of columns, [B, 2·C, H', W'/2]."""
    margin = (kernel - 2) // 2
    padded = functional.pad(image.permute(0, 2, 3, 1), (0, 0, margin, margin, margin, margin))
    pairs: Tensor = padded.unflatten(2, (-1, 2)).flatten(3)
    return pairs.permute(0, 3, 1, 2)


def _pair_taps(weight: Tensor) -> Tensor:
    """The kernel [O, C, K, K] for joined columns, [O, 2·C, K, K/2]."""
    pairs: Tensor = weight.unflatten(3, (-1, 2))
    return pairs.permute(0, 4, 1, 2, 3).flatten(1, 2).contiguous()
