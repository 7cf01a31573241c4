"""Adam against torch's class, to the bit, and without what that imports."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from vaebench.adam import Adam


def network() -> list[nn.Parameter]:
    """Weights of every layout that networks here have, and one that gets no gradient."""
    generator = torch.Generator().manual_seed(3)
    shapes = [(8, 4, 3, 3), (5, 7), (5,), (), (2,)]
    weights = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    weights[0].data = weights[0].data.to(memory_format=torch.channels_last)
    return weights


def learn(weights: list[nn.Parameter], draw: int) -> None:
    """Gives all but the last weight the gradient of a draw."""
    generator = torch.Generator().manual_seed(draw)
    for weight in weights[:-1]:
        noise: Tensor = torch.randn(weight.shape, generator=generator)
        weight.grad = (noise * weight.detach().abs()).to(memory_format=torch.preserve_format)


@pytest.mark.parametrize("weight_decay", [0.0, 0.02])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9)])
def test_every_bit_is_torchs(weight_decay: float, betas: tuple[float, float]) -> None:
    ours, theirs = network(), network()
    mine = Adam(ours, learning_rate=3e-3, weight_decay=weight_decay, betas=betas)
    known = torch.optim.Adam(theirs, lr=3e-3, weight_decay=weight_decay, betas=betas, fused=True)
    for draw in range(50):
        if draw == 20:  # as from a checkpoint
            state = mine.state_dict()
            mine = Adam(ours, learning_rate=3e-3, weight_decay=weight_decay, betas=betas)
            mine.load_state_dict(state)
        for weights in (ours, theirs):
            learn(weights, draw)
        mine.step()
        known.step()
        mine.zero_grad()
        assert all(weight.grad is None for weight in ours)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)
        assert one.stride() == other.stride()
    assert mine.state.keys() == known.state_dict()["state"].keys() == {0, 1, 2, 3}
    for place, kept in known.state_dict()["state"].items():
        for name, value in kept.items():
            assert torch.equal(mine.state[place][name], value)


def test_no_compiler_is_imported() -> None:
    code = (
        "import sys, torch\nfrom vaebench.adam import Adam\n"
        "weight = torch.nn.Parameter(torch.ones(3))\nmine = Adam([weight], learning_rate=0.1)\n"
        "weight.sum().backward()\nmine.step()\n"
        "print('torch._dynamo' in sys.modules, float(weight[0].detach()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    compiler, weight = done.stdout.split()
    assert compiler == "False"
    assert float(weight) == pytest.approx(0.9, abs=1e-6)
