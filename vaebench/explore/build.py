"""Builds the page of a trained model: one HTML file with data, decoder, scripts and styles."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import torch
from numpy.typing import NDArray

from vaebench.data.own.identity import parsed
from vaebench.data.own.opened import OwnData
from vaebench.errors import VaebenchError
from vaebench.evaluation import Encoder, held_out
from vaebench.evaluation.known import targets
from vaebench.explore import contents
from vaebench.explore.decoder import layers_of
from vaebench.explore.weights import Packed, pack
from vaebench.networks.vae import VAE
from vaebench.priors import StandardNormal
from vaebench.saved import load_model
from vaebench.spec import JobSpec
from vaebench.training import numpy_generator, torch_generator
from vaebench.version import __version__
from vaebench.worker import load_feed

SCRIPTS = ("decoder.js", "model.js", "state.js", "filmstrip.js", "plane.js", "gallery.js", "app.js")
"""The page's script, in order; each file uses what those before it define."""

STYLES = "explore.css"

TRIED = 160
"""Codes of each kind that quantisation is tried on."""


def build_page(
    model_file: Path,
    *,
    data_dir: Path | None = None,
    own: OwnData | None = None,
    scores: Sequence[tuple[str, str]] = (),
) -> bytes:
    """Builds the page of a trained model.

    Args:
        model_file: The model, as a sweep saved it.
        data_dir: Folder of downloaded data sets.
        own: The user's own data that the model was trained on, or None.
        scores: Names and values to show in the page's head.

    Returns:
        The page: HTML that needs no other file and no network.

    Raises:
        VaebenchError: The model file is missing or damaged, the data set is not here, or the
            page cannot run the model's network.
    """
    spec, model = load_model(model_file)
    model.requires_grad_(False)
    feed = load_feed(spec.dataset, own, data_dir, spec.network, "cpu")
    data = feed.data
    layers = layers_of(model, spec.network, data.observation_shape)
    encoder = Encoder(model, feed, "fp32")
    indices = held_out(spec, data)
    found = contents.posterior(encoder, indices)
    if not np.isfinite(found.mu).all():
        raise VaebenchError(f"{model_file} gives codes that are not finite: train it anew.")
    known = targets(data, indices)
    chosen = contents.choose_examples(data, indices)
    codes = encoder.codes(chosen)
    prior = model.prior() if model.stochastic else None
    standard = isinstance(prior, StandardNormal)
    latents = contents.latents(found, known, standard=standard)
    inputs = _codes_to_try(model, found.mu, latents)
    pixels = brightness(spec)
    packed = pack(layers, inputs, _decoded(model, inputs, pixels), pixels)
    channels, height, width = data.observation_shape
    images = np.ascontiguousarray(data.observations(chosen).transpose(0, 2, 3, 1))
    about = {
        "key": spec.key,
        "channels": channels,
        "height": height,
        "width": width,
        "bernoulli": spec.likelihood == "bernoulli",
        "labels": list(data.label_names) if model.conditional else [],
        "latents": latents,
        "bits": packed.bits,
        "layers": packed.layers,
        "images": len(packed.content),
        "examples": contents.examples(data, chosen, codes),
        "attributes": contents.attributes(found.mu, known),
        "prior": contents.prior(found.mu, prior),
    }
    return _page(about, packed.content + images.tobytes(), _head(spec, packed, scores))


def brightness(spec: JobSpec) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Returns what makes a model's output brightness in [0, 1]."""
    if spec.likelihood != "bernoulli":
        return lambda values: values.clip(0, 1)
    return lambda logits: torch.sigmoid(torch.from_numpy(logits)).numpy()


def _codes_to_try(
    model: VAE, mu: NDArray[np.float32], latents: list[dict[str, Any]]
) -> NDArray[np.float32]:
    """Codes of real images, of the prior and of all that sliders reach, with labels [N, D + L]."""
    rng = numpy_generator(0, "explore", "quantisation")
    order = [about["latent"] for about in latents]
    low, high = np.empty(len(order)), np.empty(len(order))
    low[order] = [about["low"] for about in latents]
    high[order] = [about["high"] for about in latents]
    shape = (TRIED, len(order))
    drawn = model.prior().sample(TRIED, torch_generator(0, "explore", "quantisation"))
    codes = np.concatenate(
        [rng.choice(mu, TRIED), drawn.numpy(), rng.uniform(low, high, shape)]
    ).astype(np.float32)
    if not model.conditional:
        return codes
    labels = rng.integers(model.labels, size=len(codes))
    return np.concatenate([codes, np.eye(model.labels, dtype=np.float32)[labels]], axis=1)


@torch.inference_mode()
def _decoded(
    model: VAE,
    inputs: NDArray[np.float32],
    pixels: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """The model's own pictures, brightness [N, H · W · C], channels last."""
    count = inputs.shape[1] - model.labels
    values = torch.from_numpy(inputs)
    label = values[:, count:].argmax(dim=1) if model.conditional else None
    images = model.decode(values[:, :count], label).permute(0, 2, 3, 1).flatten(1)
    return pixels(images.contiguous().numpy())


def _head(spec: JobSpec, packed: Packed, scores: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What the page says of its model."""
    return {
        "title": spec.label,
        "dataset": _plain_name(spec.dataset),
        "key": spec.key,
        "facts": [
            f"network {spec.network}",
            f"{spec.latent_dim} latents",
            f"{spec.steps:,} steps",
        ],
        "scores": list(scores),
        "bits": packed.bits,
        "error": f"{255 * packed.error:.2f}",
        "version": __version__,
    }


def _plain_name(dataset: str) -> str:
    """A data set's name without folders and digest, which are nobody else's concern."""
    kind, colon, path = dataset.partition(":")
    named = parsed(dataset)
    return f"{kind}:{named.file if named else Path(path).name}" if colon else dataset


def _page(about: dict[str, Any], content: bytes, head: dict[str, Any]) -> bytes:
    files = resources.files(__package__) / "page"
    script = "\n".join((files / name).read_text(encoding="utf-8") for name in SCRIPTS)
    script = f'"use strict";\n(() => {{\n{script}}})();\n'
    style = (files / STYLES).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, "page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("explore.html.j2").render(
        about=about,
        head=head,
        script=script,
        style=style,
        script_hash=_hash(script),
        style_hash=_hash(style),
        content=base64.b64encode(zlib.compress(content, 9)).decode(),
    )
    return page.encode()


def _hash(text: str) -> str:
    """A content security policy's name for an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
