"""Pictures of ways through the latents: the fitted marginal, between images, along attributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaebench.data import Dataset
from vaebench.data.tiles import tiled_png
from vaebench.evaluation import known
from vaebench.evaluation.samples import shared_examples
from vaebench.outcome import Artifact

LEVELS = 31
"""Steps of brightness in a picture, beside black: as many as the eye needs, in small files."""

MARGINAL = tuple(np.linspace(-2.25, 2.25, 7).tolist())
"""Standard deviations of the Gaussian that is fitted to a latent's codes, from its mean."""

BETWEEN = 8
"""Codes on the way from one image to another, both ends included."""

PAIRS = 3
"""Pairs of images with a way between them."""

AMOUNTS = (0.0, 0.5, 1.0, 1.5, 2.0)
"""How much of an attribute is added, in lengths of its vector."""

MOST_ATTRIBUTES = 10
"""Attributes with a stored picture, at most; of more, a trained model gives the others."""

PLANE = 13
"""Codes along each of two latents in the decoded plane."""

REACH = 3.0
"""How far the plane of a model with a prior goes, in standard deviations."""

MOST_CLASSES = 20
"""A factor of more values does not colour the codes of a model with two latents."""


@dataclass(frozen=True)
class Shown:
    """A trained model, and the examples that its pictures are of.

    Attributes:
        decode: Decodes codes [N, D] with their labels, or None, to brightness [N, C, H, W].
        data: The data set.
        chosen: The examples that every job on it shows, int64 [K].
        mu: Their codes [K, D].
        label: Their labels, of a conditional model.
        indices: The examples that the run is evaluated on, int64 [N].
        codes: Their codes [N, D].
        kl: KL of each latent, nats [D]; None where latents have none.
    """

    decode: Callable[[Tensor, Tensor | None], Tensor]
    data: Dataset
    chosen: NDArray[np.int64]
    mu: NDArray[np.float32]
    label: Tensor | None
    indices: NDArray[np.int64]
    codes: NDArray[np.float32]
    kl: NDArray[np.float64] | None

    def decoded(self, codes: NDArray[np.float32], examples: Sequence[int]) -> Tensor:
        """Decodes codes [N, D], each with the label of one of the chosen examples."""
        label = None if self.label is None else self.label[list(examples)]
        return self.decode(torch.from_numpy(np.ascontiguousarray(codes)), label)


def walks(
    shown: Shown,
    importances: NDArray[np.float64] | None = None,
    most: int | None = MOST_ATTRIBUTES,
) -> list[Artifact]:
    """Draws `marginal`, `interpolation`, `attributes` and, with two latents, `plane`.

    Args:
        shown: The trained model.
        importances: DCI's, of each latent for each factor that varies [D, F], if computed.
        most: Attributes to draw, at most; None for all.
    """
    about = known.targets(shown.data, np.concatenate([shown.indices, shown.chosen]))
    found = [marginal(shown, about, importances), interpolation(shown)]
    if (added := arithmetic(shown, about, most)) is not None:
        found.append(added)
    if shown.codes.shape[1] == 2:
        found.append(plane(shown))
    return found


def marginal(
    shown: Shown, about: Sequence[known.Target], importances: NDArray[np.float64] | None
) -> Artifact:
    """Moves each latent over a Gaussian fitted to its codes, from one image's code.

    Its detail says of each row's latent the standard deviation of its codes and its KL, and has
    what latents know of each target: mutual information, targets' entropies, DCI's importances.
    """
    codes = shown.codes.astype(np.float64)
    mean, sd = codes.mean(axis=0), codes.std(axis=0)
    order = np.argsort(-sd, kind="stable")
    z = np.tile(shown.mu[0], (len(order), len(MARGINAL), 1))
    for row, latent in enumerate(order):
        z[row, :, latent] = mean[latent] + sd[latent] * np.array(MARGINAL)
    said = [f"z{latent} · sd {sd[latent]:.2f}" for latent in order]
    if shown.kl is not None:
        said = [f"{text} · KL {shown.kl[n]:.2f}" for text, n in zip(said, order, strict=True)]
    detail: dict[str, Any] = {
        "latents": order.tolist(),
        "mean": _rounded(mean[order]),
        "sd": _rounded(sd[order]),
        "kl": None if shown.kl is None else _rounded(shown.kl[order]),
    }
    table = known.information(shown.codes, first := _of(about, len(shown.codes)))
    if table is not None:
        detail["targets"] = [target.name for target in first]
        detail["information"] = [_rounded(row) for row in table[0][order].T]
        detail["entropies"] = _rounded(table[1])
    if importances is not None:
        sizes = zip(shown.data.factor_names, shown.data.factor_sizes, strict=True)
        detail["factors"] = [name for name, size in sizes if size > 1]
        detail["importances"] = [_rounded(row) for row in importances[order].T]
    tiles = shown.decoded(z.reshape(-1, z.shape[2]), [0] * (z.shape[0] * z.shape[1]))
    steps = [f"{value:+g} sd" if value else "mean" for value in MARGINAL]
    return artifact("marginal", tiles, said, steps, **detail)


def interpolation(shown: Shown) -> Artifact:
    """Goes straight from the code of one image to that of another, with the first one's label.

    Its detail names the images by their columns in `reconstructions`.
    """
    pairs = [(2 * each, 2 * each + 1) for each in range(PAIRS)]
    share = np.linspace(0, 1, BETWEEN, dtype=np.float32)[:, None]
    z = [(1 - share) * shown.mu[one] + share * shown.mu[other] for one, other in pairs]
    tiles = shown.decoded(np.concatenate(z), [one for one, _ in pairs for _ in range(BETWEEN)])
    steps = [f"{value:.2f}" for value in share[:, 0]]
    return artifact("interpolation", tiles, [""] * PAIRS, steps, pairs=[list(p) for p in pairs])


def arithmetic(shown: Shown, about: Sequence[known.Target], most: int | None) -> Artifact | None:
    """Adds attributes step by step to an image without them; None where nothing is known.

    The image is the first of the chosen ones that lacks the attribute; the label stays its own.
    Its detail names those images by their columns in `reconstructions`, and says how many
    attributes are left out.
    """
    count = len(shown.codes)
    named = {name: has[count:] for target in about for name, has in target.sides}
    first = sorted(_of(about, count), key=lambda target: not target.names)
    every = [
        each
        for each in known.attributes(shown.codes, first)
        if not named[each.name].all()  # there is an image to add it to
    ]
    drawn = every if most is None else every[:most]
    if not drawn:
        return None
    bases = [int(np.flatnonzero(~named[each.name])[0]) for each in drawn]
    amounts = np.array(AMOUNTS, dtype=np.float32)[:, None]
    z = [shown.mu[base] + amounts * each.vector for base, each in zip(bases, drawn, strict=True)]
    tiles = shown.decoded(np.concatenate(z), [base for base in bases for _ in AMOUNTS])
    return artifact(
        "attributes",
        tiles,
        [each.name for each in drawn],
        [f"+{value:g}" if value else "without" for value in AMOUNTS],
        images=bases,
        left_out=len(every) - len(drawn),
    )


def plane(shown: Shown) -> Artifact:
    """Decodes a grid of the two latents, the second one upwards, with the first image's label.

    Its detail has the ends of both latents, and the class of each example that codes are stored
    of: of its label, or of the factor with the fewest values.
    """
    if shown.kl is not None:
        low, high = [-REACH] * 2, [REACH] * 2
    else:
        low, high = np.quantile(shown.codes, [0.025, 0.975], axis=0).tolist()
    across, up = (np.linspace(low[n], high[n], PLANE) for n in (0, 1))
    z = np.stack(np.meshgrid(across, up[::-1]), axis=-1).reshape(-1, 2).astype(np.float32)
    tiles = shown.decoded(z, [0] * len(z))
    blank = [""] * PLANE
    detail: dict[str, Any] = {"low": low, "high": high}
    about = known.targets(shown.data, shared_examples(shown.data))
    about = [target for target in about if target.size <= MOST_CLASSES]
    if about:
        best = min(about, key=lambda target: (not target.names, target.size))
        detail["of"] = best.name
        detail["classes"] = best.values.tolist()
        detail["class_names"] = [best.said(value) for value in range(best.size)]
    return artifact("plane", tiles, blank, blank, **detail)


def artifact(
    name: str, tiles: Tensor, row_labels: Sequence[str], column_labels: Sequence[str], **more: Any
) -> Artifact:
    """Lays tiles out in one PNG.

    Args:
        name: The picture's name.
        tiles: Brightness [R · K, C, H, W], row after row, cut to [0, 1].
        row_labels: A label for each of the R rows.
        column_labels: A label for each of the K columns.
        **more: What else its detail says, JSON types.
    """
    rows, columns = len(row_labels), len(column_labels)
    levels = (tiles.float().clamp(0, 1) * LEVELS).round() * (255 / LEVELS)
    pixels = levels.round().to(torch.uint8).cpu().numpy()
    detail = {"row_labels": list(row_labels), "column_labels": list(column_labels), **more}
    return Artifact(name, tiled_png(pixels, rows, columns), rows, columns, detail)


def _of(about: Sequence[known.Target], count: int) -> list[known.Target]:
    """Keeps the first examples of targets, and of those the ones that vary among them."""
    first = [replace(target, values=target.values[:count]) for target in about]
    return [target for target in first if len(np.unique(target.values)) > 1]


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in values]
