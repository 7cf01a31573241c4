"""The pictures of a trained model: reconstructions, prior samples, traversals, ways, a plane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaebench.data import Dataset
from vaebench.evaluation.encoder import Encoder
from vaebench.evaluation.walks import MOST_ATTRIBUTES, Shown, artifact, walks
from vaebench.networks.vae import VAE
from vaebench.outcome import Artifact
from vaebench.spec import JobSpec
from vaebench.training import numpy_generator, torch_generator

COLUMNS = 10
"""Examples shown in a row."""

SAMPLE_ROWS = 4
"""Rows of prior samples of a model without labels."""

MAX_LABELS = 10
"""Labels that a conditional model's prior samples are drawn for, at most."""

TRAVERSAL = tuple(np.linspace(-3.0, 3.0, 9).tolist())
"""Values that a latent is set to, in standard deviations."""

PICTURE_SEED = 0
"""Every job shows the same examples and prior draws, so that pictures can be compared."""

Decode = Callable[[Tensor, Tensor | None], Tensor]


@torch.inference_mode()
def pictures(
    spec: JobSpec,
    encoder: Encoder,
    indices: NDArray[np.int64],
    kl: NDArray[np.float64] | None,
    importances: NDArray[np.float64] | None = None,
    attributes: int | None = MOST_ATTRIBUTES,
) -> list[Artifact]:
    """Draws all the pictures of a run.

    Args:
        spec: The job.
        encoder: The trained model.
        indices: Held-out examples, int64 [N].
        kl: KL of each latent, nats, [D], which traversals are sorted by; None where latents have
            none, and traversals span the codes of the examples instead.
        importances: DCI's, of each latent for each factor that varies [D, F], if computed.
        attributes: Attributes to draw, at most; None for all.
    """
    model, data = encoder.model, encoder.data
    rng = numpy_generator(PICTURE_SEED, "pictures")
    chosen = rng.choice(np.asarray(data.test_indices), COLUMNS)
    device = encoder.feed.device
    x, label = encoder.batch(chosen)

    def decode(z: Tensor, labels: Tensor | None) -> Tensor:
        with encoder.autocast():
            output = model.decode(z, labels)
        return torch.sigmoid(output) if spec.likelihood == "bernoulli" else output

    mu = torch.from_numpy(encoder.codes(chosen)).to(device)
    blank = [""] * COLUMNS
    reconstructed = torch.cat([x, decode(mu, label)])
    sampled, sample_rows = _prior(model, data, decode, device)
    codes = encoder.codes(indices)
    centre, spread = codes.mean(0), codes.std(0)
    if kl is not None:
        centre, spread = mu[0].cpu().numpy(), np.ones_like(spread)
        order, figure = np.argsort(-kl, kind="stable"), [f"KL {value:.2f}" for value in kl]
    else:
        order, figure = np.argsort(-spread, kind="stable"), [f"sd {value:.2f}" for value in spread]
    z = torch.from_numpy(np.tile(centre, (len(order), len(TRAVERSAL), 1)).astype(np.float32))
    for row, latent in enumerate(order):
        offset = 0.0 if kl is not None else float(centre[latent])
        z[row, :, latent] = offset + torch.tensor(TRAVERSAL) * float(spread[latent])
    repeated = None if label is None else label[:1].expand(z.shape[0] * z.shape[1])
    traversed = decode(z.flatten(0, 1).to(device), repeated)
    shown = Shown(
        lambda z, labels: decode(z.to(device), labels),
        data,
        chosen,
        mu.cpu().numpy(),
        label,
        indices,
        codes,
        kl,
    )
    return [
        artifact("reconstructions", reconstructed, ["original", "reconstruction"], blank),
        artifact("samples", sampled, sample_rows, blank),
        artifact(
            "traversals",
            traversed,
            [f"z{latent} · {figure[latent]}" for latent in order],
            [f"{value:g}" for value in TRAVERSAL],
        ),
        *walks(shown, importances, attributes),
    ]


def _prior(
    model: VAE, data: Dataset, decode: Decode, device: torch.device
) -> tuple[Tensor, list[str]]:
    names = list(data.label_names[:MAX_LABELS]) if model.conditional else []
    rows = len(names) or SAMPLE_ROWS
    draws = (1 if model.conditional else rows) * COLUMNS
    z = model.prior().sample(draws, torch_generator(PICTURE_SEED, "prior"))
    if not model.conditional:
        return decode(z, None), [""] * rows
    label = torch.arange(rows, device=device).repeat_interleave(COLUMNS)
    return decode(z.repeat(rows, 1), label), names
