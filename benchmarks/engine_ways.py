"""Ways to train many models at once on one device, of which `engine.py` measures the speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from engine_products import encoded_and_decoded
from torch import Tensor
from torch.func import functional_call, grad, vmap

from vaebench.data.stored import StoredImages
from vaebench.models.likelihoods import bernoulli
from vaebench.networks.vae import VAE
from vaebench.priors import kl_per_latent
from vaebench.spec import JobSpec
from vaebench.training import Batches, Feed, Trainer, build_model

BETA, RATE = 4.0, 1e-3
IMAGES = 4096
DRAWN = 128
"""Steps whose batches and noise lie on the device; then they come again."""

WARM_STEPS = 3


@dataclass(frozen=True)
class Setup:
    """What all ways train: the same network, data and optimiser.

    Attributes:
        device: Where.
        precision: `fp32`, `tf32` or `bf16`.
        network: Name of the network.
        size: Height and width of the images, which have one channel.
        batch_size: Examples a step, B.
        latents: Latents, D.
    """

    device: torch.device
    precision: str
    network: str
    size: int
    batch_size: int
    latents: int = 10

    def job(self, seed: int) -> JobSpec:
        """The job that the product would train."""
        return JobSpec(
            model="betavae_h",
            parameters={"beta": BETA},
            seed=seed,
            steps=10**9,
            batch_size=self.batch_size,
            learning_rate=RATE,
            latent_dim=self.latents,
            network=self.network,
            precision=self.precision,
        )

    def data(self) -> StoredImages:
        """Random images, half of them black."""
        rng = np.random.default_rng(0)
        shape = (IMAGES, self.size, self.size, 1)
        images = rng.integers(0, 2, shape, dtype=np.uint8) * 255
        return StoredImages(f"random {self.size}", str(Path(__file__)), images)

    def model(self, seed: int) -> VAE:
        """A model at its first step."""
        return build_model(self.job(seed), (1, self.size, self.size), 0).to(self.device)

    def autocast(self) -> torch.autocast:
        """The context that models compute in."""
        enabled = self.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def adam(self, parameters: Sequence[Tensor]) -> torch.optim.Adam:
        """The product's optimiser, in a form that a graph can replay."""
        graphs = self.device.type == "cuda"
        return torch.optim.Adam(parameters, lr=RATE, fused=True, capturable=graphs)


class Way(Protocol):
    """Trains one or more models, all of them by one step at a time."""

    def step(self) -> object:
        """Does one step of each model."""

    def weights(self) -> list[Tensor]:
        """Returns all weights of the first model."""


class Product:
    """One model, as the product trains it today."""

    def __init__(self, setup: Setup, seed: int = 0) -> None:
        feed = Feed(setup.data(), setup.device)
        job = setup.job(seed)
        self.trainer = Trainer(job, setup.model(seed), feed, torch.arange(IMAGES), setup.device)
        self.step = self.trainer.advance

    def weights(self) -> list[Tensor]:
        """Returns all weights."""
        return [p.detach() for p in self.trainer.model.parameters()]


class Draws:
    """Batches and noise of models on the device, and where each is among them.

    Args:
        setup: What is trained.
        images: All images, uint8 [N, 1, H, W] on the device.
        seeds: Of the models.
    """

    def __init__(self, setup: Setup, images: Tensor, seeds: Sequence[int]) -> None:
        self.images = images
        streams = [Batches(s, IMAGES, setup.batch_size, setup.latents) for s in seeds]
        steps = range(DRAWN)
        order = torch.stack([torch.stack([b.positions(s) for b in streams]) for s in steps])
        noise = torch.stack([torch.stack([b.noise(s) for b in streams]) for s in steps])
        self.order, self.noise = order.to(setup.device), noise.to(setup.device)
        self.at = torch.zeros(1, dtype=torch.int64, device=setup.device)

    def next(self) -> tuple[Tensor, Tensor]:
        """Returns observations [K, B, 1, H, W] and noise [K, B, D] of a step."""
        order = self.order.index_select(0, self.at)[0]
        noise = self.noise.index_select(0, self.at)[0]
        self.at.add_(1).remainder_(DRAWN)
        return self.images[order].to(torch.float32).mul_(1 / 255), noise


def on_device(setup: Setup) -> Tensor:
    """Returns all images on the device, uint8 [N, 1, H, W]."""
    return torch.from_numpy(setup.data().observations(np.arange(IMAGES))).to(setup.device)


class One:
    """One model whose step touches nothing but memory of its own, and never the host."""

    def __init__(self, setup: Setup, images: Tensor, seed: int = 0) -> None:
        self.setup = setup
        self.model = setup.model(seed)
        self.optimiser = setup.adam(list(self.model.parameters()))
        self.draws = Draws(setup, images, [seed])

    def step(self) -> None:
        """Does one step."""
        x, noise = (values[0] for values in self.draws.next())
        x = x.contiguous(memory_format=torch.channels_last)
        with self.setup.autocast():
            logits, mu, logvar, _ = self.model(x, noise)
        self.optimiser.zero_grad(set_to_none=True)
        loss_of(logits, x, mu, logvar).backward()
        self.optimiser.step()

    def weights(self) -> list[Tensor]:
        """Returns all weights."""
        return [p.detach() for p in self.model.parameters()]


class Graph:
    """K models whose steps are branches of one CUDA graph: the kernels that each has alone."""

    def __init__(self, setup: Setup, images: Tensor, count: int) -> None:
        self.ones = [One(setup, images, seed) for seed in range(count)]
        streams = [torch.cuda.Stream(setup.device) for _ in self.ones]
        for one, stream in zip(self.ones, streams, strict=True):
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARM_STEPS):
                    one.step()
        torch.cuda.synchronize(setup.device)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            begin = torch.cuda.current_stream()
            for one, stream in zip(self.ones, streams, strict=True):
                stream.wait_stream(begin)
                with torch.cuda.stream(stream):
                    one.step()
            for stream in streams:
                begin.wait_stream(stream)
        self.step = self.graph.replay

    def weights(self) -> list[Tensor]:
        """Returns all weights of the first model."""
        return self.ones[0].weights()


class Stacked:
    """K models as one, their weights stacked; a subclass says how gradients are computed."""

    def __init__(self, setup: Setup, images: Tensor, count: int) -> None:
        self.setup = setup
        models = [setup.model(seed) for seed in range(count)]
        self.skeleton = models[0]
        named = [dict(model.named_parameters()) for model in models]
        self.parameters = {
            name: torch.stack([each[name].detach() for each in named]).requires_grad_()
            for name in named[0]
        }
        self.optimiser = setup.adam(list(self.parameters.values()))
        self.draws = Draws(setup, images, range(count))

    def weights(self) -> list[Tensor]:
        """Returns all weights of the first model."""
        return [stacked.detach()[0] for stacked in self.parameters.values()]


class Vmapped(Stacked):
    """K models under `torch.func.vmap`: convolutions become grouped ones, as in HFTA.

    References:
        Horizontally Fused Training Array, Wang et al., 2021, https://arxiv.org/abs/2102.02344
    """

    def step(self) -> None:
        """Does one step of each."""
        found = vmap(grad(self._loss))(
            {name: value.detach() for name, value in self.parameters.items()}, *self.draws.next()
        )
        for name, value in self.parameters.items():
            value.grad = found[name]
        self.optimiser.step()

    def _loss(self, parameters: dict[str, Tensor], x: Tensor, noise: Tensor) -> Tensor:
        with self.setup.autocast():
            logits, mu, logvar, _ = functional_call(self.skeleton, parameters, (x, noise))
        return loss_of(logits, x, mu, logvar)


class Products(Stacked):
    """K models whose layers are batched matrix products, see `engine_products`."""

    def step(self) -> None:
        """Does one step of each."""
        x, noise = self.draws.next()
        with self.setup.autocast():
            found = encoded_and_decoded(self.skeleton, self.parameters, x, noise)
        logits, mu, logvar = (values.flatten(0, 1) for values in found)
        self.optimiser.zero_grad(set_to_none=True)
        mean_of_all = loss_of(logits, x.flatten(0, 1), mu, logvar)
        (len(x) * mean_of_all).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()


def loss_of(logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The beta-VAE's objective, as the product's."""
    kl = kl_per_latent(mu, logvar).sum(1).mean()
    return bernoulli(logits, x).mean() + BETA * kl
