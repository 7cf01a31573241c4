"""Small models of every network, trained for real on discs, and their pages in a real browser."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import torch

from tests.conftest import PATIENCE
from vaebench.explore import build_page
from vaebench.models import find_model
from vaebench.networks.vae import VAE
from vaebench.saved import load_model
from vaebench.spec import JobSpec
from vaebench.worker import WorkerContext, run_pack

COLOURS = np.array([[255, 90, 40], [60, 220, 90], [70, 120, 255]])
SIZES = {"locatello": 64, "burgess": 32, "conv28": 28, "mlp": 20}
MODELS = {"locatello": "betavae_h", "burgess": "cvae", "conv28": "ae", "mlp": "vampprior"}
PARAMETERS = {
    "betavae_h": {"beta": 0.02},
    "cvae": {"beta": 0.02},
    "vampprior": {"beta": 1.0, "components": 8},
    "ae": {},
}
CHANNELS = {"locatello": 1, "burgess": 3, "conv28": 1, "mlp": 3}


def discs(path: Path, size: int, channels: int) -> None:
    """Writes discs at 5 × 5 places in 2 radii and 3 colours (or greys), labelled by colour."""
    grid = np.indices((5, 5, 2, 3)).reshape(4, -1).T
    y, x = np.mgrid[:size, :size] / size
    images = np.zeros((len(grid), size, size, channels), np.uint8)
    for image, (column, row, radius, colour) in zip(images, grid, strict=True):
        distance = np.hypot(x - (0.2 + 0.15 * column), y - (0.2 + 0.15 * row))
        inside = np.clip((0.17 + 0.1 * radius - distance) * size, 0, 1)[..., None]
        tint = COLOURS[colour] if channels == 3 else 85 * (colour + 1)
        image[...] = inside * tint
    names = np.array(["x", "y", "radius", "colour"])
    np.savez(path, images=images if channels == 3 else images[..., 0], factors=grid,
             factor_names=names, labels=grid[:, 3],
             label_names=np.array(["red", "green", "blue"]))  # fmt: skip


@dataclass(frozen=True)
class Explored:
    """A trained model with its page."""

    spec: JobSpec
    model: VAE
    file: Path
    page: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the page is told of the model."""
        found = re.search(r'id="about">(.*?)</script>', self.page.read_text(), re.S)
        assert found is not None
        return dict(json.loads(found[1]))

    @torch.inference_mode()
    def decoded(self, codes: Any, label: int = 0) -> np.ndarray:
        """The model's own pictures, 0 to 255, [N, H, W, C]; of one code [H, W, C]."""
        z = torch.tensor(np.atleast_2d(codes), dtype=torch.float32)
        logits = self.model.decode(z, torch.full((len(z),), label))
        values = logits.clamp(0, 1) if self.spec.likelihood == "gaussian" else logits.sigmoid()
        pictures = np.asarray(255 * values.permute(0, 2, 3, 1))
        return pictures if np.ndim(codes) == 2 else pictures[0]


def train(folder: Path, network: str, steps: int) -> Explored:
    channels = CHANNELS[network]
    discs(folder / f"{network}.npz", SIZES[network], channels)
    model = MODELS[network]
    spec = JobSpec(
        model=model,
        dataset=f"npz:{folder / network}.npz",
        network=network,
        steps=steps,
        batch_size=32,
        learning_rate=3e-3,
        latent_dim=4,
        eval_size=20,
        seed=0,
        likelihood="gaussian" if network == "mlp" else "bernoulli",
        parameters=find_model(model).defaults(steps) | PARAMETERS[model],
    )
    outcome = run_pack([spec], WorkerContext(folder), lambda _: None, lambda: False)[0]
    assert outcome.status == "complete", outcome.error
    file = folder / "models" / f"{spec.key}.pt"
    page = folder / f"{network}.html"
    page.write_bytes(build_page(file))
    return Explored(spec, load_model(file)[1], file, page)


STEPS = {"locatello": 150, "burgess": 250, "conv28": 150, "mlp": 150}


Network = Callable[[str], Explored]


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Gives the model of a network and its page, made when first asked for."""
    return cache(lambda name: train(tmp_path_factory.mktemp(name), name, STEPS[name]))


@pytest.fixture(params=list(STEPS))
def explored(request: pytest.FixtureRequest, network: Network) -> Explored:
    """Each network in turn."""
    return network(request.param)


@pytest.fixture
def conditional(network: Network) -> Explored:
    """A CVAE in colour."""
    return network("burgess")


class View:
    """A page of the explorer, open in the browser."""

    def __init__(self, page: Any, file: Path, address: str = "") -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(f"file://{quote(str(file))}{address}")
        self.settle()

    def settle(self) -> None:
        """Waits until all pictures in view are painted."""
        limit = time.monotonic() + PATIENCE
        script = "Boolean(window.explorer && window.explorer.painter.idle)"
        while not self.page.evaluate(script):
            assert time.monotonic() < limit, self.complaints
            self.page.wait_for_timeout(50)
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

    def pixels(self, selector: str = "#picture") -> np.ndarray:
        """What a canvas shows, uint8 [H, W, 3]."""
        width, height, values = self.page.evaluate(
            """selector => {
              const canvas = document.querySelector(selector);
              const context = canvas.getContext("2d");
              const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
              return [canvas.width, canvas.height, [...data]];
            }""",
            selector,
        )
        image = np.array(values, dtype=np.int64).reshape(height, width, 4)
        assert (image[..., 3] == 255).all()
        return image[..., :3]

    def slide(self, name: str, value: float) -> float:
        """Sets a slider, by its beginning of a name; returns what it then stands at."""
        slider = self.page.get_by_role("slider", name=re.compile(f"^{name}"))
        slider.fill(str(value))
        self.settle()
        return float(slider.input_value())


@pytest.fixture
def browse(chromium: Any) -> Iterator[Any]:
    """Opens a page: `browse(file, address, width=…)`."""
    contexts = []

    def open_page(file: Path, address: str = "", *, width: int = 1280, **options: Any) -> View:
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        return View(context.new_page(), file, address)

    yield open_page
    for context in contexts:
        context.close()
