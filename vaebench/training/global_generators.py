"""The global random generators of a process: watched, because no figure may depend on them."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from vaebench.errors import GlobalRandomError


class GlobalGenerators:
    """The states of torch's, NumPy's and Python's global generators when this was made.

    What is drawn from them depends on all that the process did before: on what was trained in it
    and where a job was resumed. A whole look takes some 0.1 ms, so it is taken now and then.

    Args:
        device: Whose generator of torch is watched beside the CPU's.
    """

    def __init__(self, device: torch.device) -> None:
        self._look: dict[str, Callable[[], Any]] = {
            "torch's": lambda: torch.get_rng_state().numpy().tobytes(),
            "NumPy's": _numpy_state,
            "Python's": random.getstate,
        }
        if device.type == "cuda":
            self._look["torch's CUDA"] = lambda: torch.cuda.get_rng_state(device).numpy().tobytes()
        elif device.type == "mps":
            self._look["torch's MPS"] = lambda: torch.mps.get_rng_state().numpy().tobytes()
        self._before = {name: look() for name, look in self._look.items()}

    def check(self, what: str, instead: str) -> None:
        """Makes sure that nothing has drawn from them.

        Args:
            what: What has been done since, as the error begins.
            instead: What to draw from, as the error ends.

        Raises:
            GlobalRandomError: One of them is not in the state it was.
        """
        for name, look in self._look.items():
            if look() != self._before[name]:
                raise GlobalRandomError(
                    f"{what} drew from {name} global random generator, or seeded it: such a run "
                    f"could not be reproduced. {instead}"
                )


def _numpy_state() -> bytes:
    return pickle.dumps(np.random.get_state(legacy=False))  # noqa: NPY002 - looked at, not drawn from
