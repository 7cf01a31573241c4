"""Trains pythae's BetaVAE with its own trainer, dataset and loader, and says how fast it went.

Run by `peers.py` in an environment that has pythae. All but the networks, the batch size and the
learning rate is as pythae ships it. Its binary cross-entropy takes probabilities, so its decoder
ends in a sigmoid, as pythae's own decoders do.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import torch
from peer_common import (
    BATCH,
    BETA,
    LATENTS,
    LEARNING_RATE,
    Stopwatch,
    arguments,
    decoder_layers,
    encoder_layers,
)
from pythae.data.datasets import BaseDataset
from pythae.models import BetaVAE, BetaVAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor, nn


class Encoder(BaseEncoder):
    """The `locatello` encoder as pythae wants encoders."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = encoder_layers()
        self.mean = nn.Linear(256, LATENTS)
        self.logvar = nn.Linear(256, LATENTS)

    def forward(self, x: Tensor) -> ModelOutput:
        """Maps images to mean and log-variance, [B, LATENTS] each."""
        features = self.layers(x)
        return ModelOutput(embedding=self.mean(features), log_covariance=self.logvar(features))


class Decoder(BaseDecoder):
    """The `locatello` decoder as pythae wants decoders."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = decoder_layers()

    def forward(self, z: Tensor) -> ModelOutput:
        """Maps latents to probabilities [B, 1, 64, 64]."""
        return ModelOutput(reconstruction=torch.sigmoid(self.layers(z)))


class Watch(TrainingCallback):
    """Passes pythae's events to the stopwatch."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self.stopwatch = stopwatch

    def on_train_begin(self, training_config: Any, **kwargs: Any) -> None:
        """All is prepared."""
        self.stopwatch.begin()

    def on_train_step_end(self, training_config: Any, **kwargs: Any) -> None:
        """A step has ended."""
        self.stopwatch.step()


def main() -> None:
    """Trains for one epoch."""
    images, watch, scratch = arguments()
    settings = BetaVAEConfig(
        input_dim=(1, 64, 64), latent_dim=LATENTS, reconstruction_loss="bce", beta=BETA
    )
    model = BetaVAE(settings, encoder=Encoder(), decoder=Decoder())
    trainer = BaseTrainer(
        model=model,
        train_dataset=BaseDataset(torch.from_numpy(images) / 255, torch.zeros(len(images))),
        training_config=BaseTrainerConfig(
            output_dir=str(scratch),
            num_epochs=1,
            per_device_train_batch_size=BATCH,
            learning_rate=LEARNING_RATE,
            no_cuda=True,
        ),
        callbacks=[Watch(watch)],
    )
    trainer.train()
    watch.report(model, peer=f"pythae {version('pythae')}")


if __name__ == "__main__":
    main()
