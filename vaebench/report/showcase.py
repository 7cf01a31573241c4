"""One run per cell to look at: its reconstructions, samples and traversals as figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vaebench.analysis import measure, representatives
from vaebench.analysis.frames import symbol
from vaebench.outcome import Artifact
from vaebench.report.pictures import Block, by_kl, cut, labels, picture
from vaebench.report.style import Drawing, render

ADVICE = {
    "reconstructions": "Held-out originals above what the decoder makes of their posterior means.",
    "samples": "Images decoded from draws of the prior.",
    "traversals": "Each row moves one latent over the values above it and keeps the others. Rows "
    "are sorted by the latent’s KL in nats (an autoencoder’s by their standard deviation), so "
    "those that carry information come first and dead ones last.",
}
TITLES = {
    "reconstructions": "Reconstructions",
    "samples": "Samples from the prior",
    "traversals": "Latent traversals",
}


@dataclass(frozen=True)
class Shown:
    """A run that stands for its cell.

    Attributes:
        series: Its series.
        model: Its model.
        cell_label: Model and strength.
        short: Strength alone, or the model where it has none.
        seed: Its seed.
        chosen: The figure it was chosen by, such as `ELBO −57.3 nats`, or empty.
        artifacts: Its pictures by name.
        kl: KL of each latent, by index; empty where unknown.
    """

    series: str
    model: str
    cell_label: str
    short: str
    seed: int
    chosen: str
    artifacts: Mapping[str, Artifact]
    kl: Mapping[int, float]

    @property
    def title(self) -> str:
        """Cell, seed and the figure it was chosen by."""
        return " · ".join(t for t in (self.cell_label, f"seed {self.seed}", self.chosen) if t)


def choose(
    runs: pd.DataFrame,
    artifacts: Callable[[str], Iterable[Artifact]],
    latent_kl: Callable[[str], Mapping[int, float]],
) -> list[Shown]:
    """Picks the run with the median ELBO of each cell and reads its pictures.

    Args:
        runs: Runs of one setting.
        artifacts: Gives the pictures of a run by its key.
        latent_kl: Gives the KL of each of its latents.
    """
    shown = []
    for row in representatives(runs).to_dict("records"):
        by, key = str(row["chosen_by"]), str(row["job_key"])
        short = str(row["series"])
        if pd.notna(row["strength"]):
            short = f"{symbol(str(row['strength_name']))} = {row['strength']:g}"
        shown.append(
            Shown(
                str(row["series"]),
                str(row["model"]),
                str(row["cell_label"]),
                short,
                int(row["seed"]),
                f"{measure(by).title} {measure(by).text(row[by]).replace('-', '−')} nats"
                if by
                else "",
                {artifact.name: artifact for artifact in artifacts(key)},
                latent_kl(key),
            )
        )
    return shown


def draw(
    shown: Sequence[Shown], kind: str, slug: str, formats: Sequence[str]
) -> tuple[list[Drawing], list[str]]:
    """Draws one kind of picture of all shown runs.

    Args:
        shown: The runs.
        kind: `reconstructions`, `samples` or `traversals`.
        slug: What the files' names begin with.
        formats: File formats wanted.

    Returns:
        The figures (traversals: one per cell; the others: one per series), and remarks on
        pictures that cannot be shown.
    """
    drawings, remarks = [], []
    names: dict[str, int] = {}
    for series in dict.fromkeys(run.series for run in shown):
        blocks = []
        for run in (run for run in shown if run.series == series):
            artifact = run.artifacts.get(kind)
            if artifact is None:
                continue
            block = _block(run, artifact)
            if block is None:
                remarks.append(f"The {kind} of {run.title} cannot be read.")
            else:
                blocks.append((run, block))
        if not blocks:
            continue
        model = blocks[0][0].model
        number = names[model] = names.get(model, 0) + 1
        name = f"{slug}_{kind}_{model}" + (f"-{number}" if number > 1 else "")
        if kind == "traversals":
            for place, (run, block) in enumerate(blocks):
                drawings.append(_render([block], f"{name}_{place + 1}", kind, run.title, formats))
        else:
            joined = _compared(blocks) if kind == "reconstructions" else [b for _, b in blocks]
            drawings.append(_render(joined, name, kind, series, formats))
    return drawings, remarks


def _block(run: Shown, artifact: Artifact) -> Block | None:
    tiles = cut(artifact)
    if tiles is None:
        return None
    rows = labels(artifact, "row_labels", tiles.shape[0])
    columns = labels(artifact, "column_labels", tiles.shape[1])
    block = Block(run.title, tiles, rows, columns)
    return by_kl(block, run.kl) if artifact.name == "traversals" else block


def _compared(blocks: Sequence[tuple[Shown, Block]]) -> list[Block]:
    """Sets reconstructions below each other, the originals once, where all have the same."""
    first = blocks[0][1]
    same = all(
        len(block.tiles) == 2
        and block.tiles.shape == first.tiles.shape
        and bool((block.tiles[0] == first.tiles[0]).all())
        for _, block in blocks
    )
    if len(blocks) == 1 or not same:
        return [block for _, block in blocks]
    tiles = np.concatenate([first.tiles[:1], *(block.tiles[1:] for _, block in blocks)])
    rows = [f"{run.short} (seed {run.seed})" for run, _ in blocks]
    return [Block(blocks[0][0].series, tiles, ["original", *rows])]


def _render(
    blocks: Sequence[Block], name: str, kind: str, about: str, formats: Sequence[str]
) -> Drawing:
    caption = "" if kind == "traversals" else f"{about}."
    alt = f"{TITLES[kind]}, {about}. {ADVICE[kind]}"
    return render(picture(blocks), name, caption, alt, formats=formats, inline="png")
