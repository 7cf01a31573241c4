"""The layers against torch's own, forward and backward, alone, packed and under autocast."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from vaebench.networks.layers import DoublingConvTranspose2d, HalvingConv2d

HALVING = [(1, 32, 4), (3, 32, 4), (32, 32, 4), (32, 64, 2), (2, 5, 2), (1, 7, 2)]
DOUBLING = [(32, 1), (32, 3), (5, 2), (32, 32), (64, 16)]
PAIRS: list[tuple[Callable[[], nn.Module], Callable[[], nn.Module], int]] = [
    *(
        (
            lambda i=i, o=o, k=k: HalvingConv2d(i, o, k),
            lambda i=i, o=o, k=k: nn.Conv2d(i, o, k, stride=2, padding=(k - 2) // 2),
            i,
        )
        for i, o, k in HALVING
    ),
    *(
        (
            lambda i=i, o=o: DoublingConvTranspose2d(i, o),
            lambda i=i, o=o: nn.ConvTranspose2d(i, o, 4, stride=2, padding=1),
            i,
        )
        for i, o in DOUBLING
    ),
]
FORMATS = [torch.contiguous_format, torch.channels_last]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fill(layer: nn.Module) -> nn.Module:
    for index, parameter in enumerate(layer.parameters()):
        parameter.data = draw(*parameter.shape, seed=index + 1) / 10
    return layer


def results(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """The output for x, and the gradients of x, weight and bias."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    output = layer(x)
    gradient = draw(*output.shape, seed=9).to(output)
    return [output.detach(), *torch.autograd.grad(output, [x, *layer.parameters()], gradient)]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("memory", FORMATS)
@pytest.mark.parametrize("size", [(4, 6), (8, 8), (6, 10), (16, 4)])
def test_layers_are_torch_s(
    pair: tuple[Callable[[], nn.Module], Callable[[], nn.Module], int],
    memory: torch.memory_format,
    size: tuple[int, int],
) -> None:
    mine, theirs = fill(pair[0]()), fill(pair[1]())
    x = draw(3, pair[2], *size).contiguous(memory_format=memory)
    for dtype in (torch.float64, torch.float32):
        ours = results(mine.to(dtype), x.to(dtype))
        expected = results(theirs.to(dtype), x.to(dtype))
        for value, reference in zip(ours, expected, strict=True):
            torch.testing.assert_close(value, reference, rtol=1e-4, atol=2e-5)
            if dtype == torch.float64:
                torch.testing.assert_close(value, reference)


@pytest.mark.parametrize("inputs", [1, 5, 32])
@pytest.mark.parametrize("outputs", [1, 3, 8])
def test_odd_sizes_are_doubled_too(inputs: int, outputs: int) -> None:
    mine = fill(DoublingConvTranspose2d(inputs, outputs))
    theirs = fill(nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1))
    x = draw(2, inputs, 5, 7)
    for value, reference in zip(results(mine, x), results(theirs, x), strict=True):
        torch.testing.assert_close(value, reference)


@pytest.mark.parametrize("pair", PAIRS)
def test_parameters_have_torch_s_names_and_shapes(
    pair: tuple[Callable[[], nn.Module], Callable[[], nn.Module], int],
) -> None:
    mine, theirs = pair[0](), pair[1]()
    shapes = {name: value.shape for name, value in mine.state_dict().items()}
    assert shapes == {name: value.shape for name, value in theirs.state_dict().items()}
    assert isinstance(mine, type(theirs))


@pytest.mark.parametrize("pair", PAIRS)
def test_autocast_rounds_as_torch_does(
    pair: tuple[Callable[[], nn.Module], Callable[[], nn.Module], int],
) -> None:
    mine, theirs = fill(pair[0]()).float(), fill(pair[1]()).float()
    x = draw(4, pair[2], 8, 8).float()
    with torch.autocast("cpu", torch.bfloat16):
        rounded, expected = results(mine, x), results(theirs, x)
    exact = results(theirs, x)
    for value, reference, truth in zip(rounded, expected, exact, strict=True):
        assert value.dtype == reference.dtype
        error = (value.float() - truth).norm() / truth.norm()
        assert error < 0.006, "bfloat16 keeps 8 bits"
        torch.testing.assert_close(
            value, reference, rtol=0.02, atol=0.01 * float(truth.abs().max())
        )


@pytest.mark.parametrize("pair", PAIRS)
def test_packed_layers_are_the_layers_alone(
    pair: tuple[Callable[[], nn.Module], Callable[[], nn.Module], int],
) -> None:
    layers = [fill(pair[0]()) for _ in range(3)]
    for scale, layer in enumerate(layers, start=1):
        for parameter in layer.parameters():
            parameter.data *= scale
    parameters, _ = stack_module_state(layers)
    x = draw(3, 2, pair[2], 4, 6)

    def loss(values: dict[str, Tensor], x: Tensor) -> Tensor:
        output: Tensor = functional_call(layers[0], values, (x,))
        return output.square().sum()

    packed, of_x = vmap(grad(loss, argnums=(0, 1)))(parameters, x)
    for index, layer in enumerate(layers):
        one = x[index].clone().requires_grad_()
        expected = torch.autograd.grad(layer(one).square().sum(), [one, *layer.parameters()])
        names = [name for name, _ in layer.named_parameters()]
        values = [of_x[index], *(packed[name][index] for name in names)]
        for value, reference in zip(values, expected, strict=True):
            torch.testing.assert_close(value, reference)


def test_layers_can_be_differentiated_by_central_differences() -> None:
    for layer, inputs in ((DoublingConvTranspose2d(3, 1), 3), (DoublingConvTranspose2d(2, 5), 2)):
        x = draw(2, inputs, 2, 4).requires_grad_()
        assert torch.autograd.gradcheck(fill(layer), (x,))
        assert torch.autograd.gradgradcheck(layer, (x,))


@pytest.mark.gpu
@pytest.mark.parametrize("pair", PAIRS)
def test_the_device_agrees_with_the_cpu(
    pair: tuple[Callable[[], nn.Module], Callable[[], nn.Module], int], device: str
) -> None:
    x = draw(3, pair[2], 8, 8)
    here, there = results(fill(pair[0]()), x), results(fill(pair[0]()).to(device), x.to(device))
    for value, reference in zip(here, there, strict=True):
        torch.testing.assert_close(value, reference.cpu())
