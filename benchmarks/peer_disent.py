"""Trains disent's BetaVae with its dataset and Lightning's trainer, and says how fast it went.

Run by `peers.py` in an environment that has disent. It follows the example of disent's own
README. The decoder is disent's own, `DecoderConv64`. Its `EncoderConv64` is not the network of
the comparison (kernels of 4 and a padding of 2 in every layer, so more work), and the encoder
here has the study's layers instead; `--own-encoder` takes disent's.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import lightning
import numpy as np
from disent.dataset import DisentDataset
from disent.dataset.data import ArrayDataset
from disent.dataset.sampling import SingleSampler
from disent.dataset.transform import ToImgTensorF32
from disent.frameworks.vae import BetaVae
from disent.model import AutoEncoder, DisentEncoder
from disent.model.ae import DecoderConv64, EncoderConv64
from lightning.pytorch.callbacks import Callback, TQDMProgressBar
from peer_common import (
    BATCH,
    BETA,
    LATENTS,
    LEARNING_RATE,
    Stopwatch,
    arguments,
    encoder_layers,
)
from torch import Tensor, nn
from torch.utils.data import DataLoader

SHAPE = (1, 64, 64)


class Encoder(DisentEncoder):
    """The `locatello` encoder as disent wants encoders: mean and log-variance in one tensor."""

    def __init__(self) -> None:
        super().__init__(x_shape=SHAPE, z_size=LATENTS, z_multiplier=2)
        self.layers = nn.Sequential(encoder_layers(), nn.Linear(256, self.z_total))

    def encode(self, x: Tensor) -> Tensor:
        """Maps images to [B, 2 · LATENTS]."""
        output: Tensor = self.layers(x)
        return output


class Watch(Callback):
    """Passes Lightning's events to the stopwatch."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self.stopwatch = stopwatch

    def on_train_start(self, *_: Any) -> None:
        """All is prepared."""
        self.stopwatch.begin()

    def on_train_batch_end(self, *_: Any) -> None:
        """A step has ended."""
        self.stopwatch.step()


def main() -> None:
    """Trains for the steps wanted."""
    own = "--own-encoder" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--own-encoder"]
    images, watch, scratch = arguments()
    data = DisentDataset(
        dataset=ArrayDataset(np.moveaxis(images, 1, -1).copy()),
        sampler=SingleSampler(),
        transform=ToImgTensorF32(),
    )
    loader = DataLoader(dataset=data, batch_size=BATCH, shuffle=True, num_workers=0)
    encoder = EncoderConv64(x_shape=SHAPE, z_size=LATENTS, z_multiplier=2) if own else Encoder()
    module = BetaVae(
        model=AutoEncoder(encoder=encoder, decoder=DecoderConv64(x_shape=SHAPE, z_size=LATENTS)),
        cfg=BetaVae.cfg(
            optimizer="adam",
            optimizer_kwargs={"lr": LEARNING_RATE},
            recon_loss="bce",
            loss_reduction="mean_sum",
            beta=BETA,
        ),
    )
    trainer = lightning.Trainer(
        max_steps=watch.total,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        default_root_dir=scratch,
        # Lightning's default in a plain install; it takes another bar where rich is installed.
        callbacks=[Watch(watch), TQDMProgressBar()],
    )
    trainer.fit(module, loader)
    versions = " ".join(f"{name} {version(name)}" for name in ("disent", "lightning"))
    watch.report(module, peer=versions)


if __name__ == "__main__":
    main()
