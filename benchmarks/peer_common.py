"""What the scripts of the peers share: their arguments, the network's layers, the stopwatch.

A peer's script runs in the peer's own environment, where there is no vaebench: torch alone is
imported here. It prepares data and model, says `ready` and waits for a line on its standard
input, so that several processes can be let go at once; then it trains and says how long the
steps took, as one line of JSON. Whatever the peer prints itself goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

BATCH = 64
LATENTS = 10
BETA = 4.0
LEARNING_RATE = 1e-3


class Stopwatch:
    """Times the steps of a training loop that calls back before the first and after each.

    Args:
        warm_steps: Steps before the timed ones.
        steps: Steps to time.
    """

    def __init__(self, warm_steps: int, steps: int) -> None:
        self.warm_steps = warm_steps
        self.steps = steps
        self.done = 0
        self.seconds = 0.0
        self._start = 0.0
        self._answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    @property
    def total(self) -> int:
        """Steps that the loop has to do."""
        return self.warm_steps + self.steps

    def begin(self) -> None:
        """Says that all is prepared, and waits for the harness to let go."""
        self._answers.write("ready\n")
        sys.stdin.readline()

    def step(self) -> None:
        """Counts a step that has ended."""
        self.done += 1
        if self.done == self.warm_steps:
            self._start = time.perf_counter()
        elif self.done == self.total:
            self.seconds = time.perf_counter() - self._start

    def report(self, model: nn.Module, **more: Any) -> None:
        """Prints the answer.

        Args:
            model: What was trained; its parameters are counted.
            more: Further values of JSON types, such as versions.

        Raises:
            RuntimeError: The loop did not do its steps.
        """
        if self.done != self.total:
            raise RuntimeError(f"The peer did {self.done} steps, not {self.total}.")
        answer = {
            "steps": self.steps,
            "seconds": self.seconds,
            "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            **more,
        }
        self._answers.write(json.dumps(answer) + "\n")


def arguments() -> tuple[NDArray[np.uint8], Stopwatch, Path]:
    """Reads a peer's command line.

    Returns:
        Images of 0 and 255, uint8 [N, 1, 64, 64], as many as one epoch of all steps takes; the
        stopwatch; and a folder that the peer may write to.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="npz file with `images`")
    parser.add_argument("--scratch", type=Path, required=True, help="folder to write to")
    parser.add_argument("--warm-steps", type=int, default=12)
    parser.add_argument("--steps", type=int, default=300)
    chosen = parser.parse_args()
    watch = Stopwatch(chosen.warm_steps, chosen.steps)
    images = np.load(chosen.data)["images"]
    needed = watch.total * BATCH
    if len(images) < needed:
        raise SystemExit(f"{chosen.data} has {len(images)} images, {needed} are needed.")
    return images[:needed], watch, chosen.scratch


def encoder_layers() -> nn.Sequential:
    """The `locatello` encoder up to its 256 features, in the layers that torch ships."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 4, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 32, 4, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 64, 2, stride=2),
        nn.ReLU(inplace=True),
        nn.Conv2d(64, 64, 2, stride=2),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(1024, 256),
        nn.ReLU(inplace=True),
    )


def decoder_layers() -> nn.Sequential:
    """The `locatello` decoder, latents to logits."""
    return nn.Sequential(
        nn.Linear(LATENTS, 256),
        nn.ReLU(inplace=True),
        nn.Linear(256, 1024),
        nn.ReLU(inplace=True),
        nn.Unflatten(1, (64, 4, 4)),
        nn.ConvTranspose2d(64, 64, 4, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(32, 32, 4, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),
    )
