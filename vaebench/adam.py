"""Adam: torch's own fused step, without what its class imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

MOMENTS = ("exp_avg", "exp_avg_sq")
"""What is kept of each parameter, beside the number of its steps."""


class Adam:
    """Adam with an L2 penalty in the gradient, bit for bit `torch.optim.Adam(..., fused=True)`.

    That class has torch's compiler imported when it is made, which nothing here uses: more than a
    second of a worker's start. The step is torch's.

    Args:
        parameters: What to train, on one device.
        learning_rate: Length of a step.
        weight_decay: L2 penalty, added to the gradient.
        betas: Decay of the means of gradient and squared gradient.

    Attributes:
        parameters: What to train.
        state: By a parameter's place, once it has had a gradient: `step` (float32, 0-dimensional)
            and `MOMENTS`, of its shape.

    References:
        Kingma, Ba: Adam: A method for stochastic optimization. ICLR 2015.
        https://arxiv.org/abs/1412.6980
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self.parameters = list(parameters)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.betas = betas
        self.state: dict[int, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Moves every parameter that has a gradient."""
        places = [place for place, each in enumerate(self.parameters) if each.grad is not None]
        moved = [self.parameters[place] for place in places]
        kept = [self._state(place) for place in places]
        adam(
            moved,
            [each.grad for each in moved if each.grad is not None],
            [each["exp_avg"] for each in kept],
            [each["exp_avg_sq"] for each in kept],
            [],
            [each["step"] for each in kept],
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )

    def _state(self, place: int) -> dict[str, Tensor]:
        if place not in self.state:
            parameter = self.parameters[place]
            kept = {name: torch.zeros_like(parameter) for name in MOMENTS}
            self.state[place] = {"step": parameter.new_zeros((), dtype=torch.float32), **kept}
        return self.state[place]

    def state_dict(self) -> dict[str, Any]:
        """Returns the state, as tensors by name."""
        return {"state": self.state}

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Takes a state that `state_dict` returned, whatever device it is on."""
        self.state = {
            place: {name: tensor.to(self.parameters[place].device) for name, tensor in kept.items()}
            for place, kept in values["state"].items()
        }
