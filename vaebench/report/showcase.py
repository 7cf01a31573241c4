"""One run per cell to look at: its reconstructions, samples and traversals as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vaebench.analysis import latent_variance, measure, representatives
from vaebench.analysis.frames import symbol
from vaebench.outcome import Artifact
from vaebench.report.pictures import Block, by_variance, cut, labels, picture
from vaebench.report.rendering import Drawing, render
from vaebench.store import Reader, latent_kl

TITLES = {
    "reconstructions": "Reconstructions",
    "samples": "Samples from the prior",
    "traversals": "Latent traversals",
}

MOST_CELLS = 24
"""Cells of a database whose runs are all shown; of more, three of each series."""

MANY_CELLS = 40
"""Of so many cells, the middle strength of each series alone."""


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
        variance: Variance of each latent's posterior mean over images; empty where not stored.
    """

    series: str
    model: str
    cell_label: str
    short: str
    seed: int
    chosen: str
    artifacts: Mapping[str, Artifact]
    kl: Mapping[int, float]
    variance: Mapping[int, float]

    @property
    def title(self) -> str:
        """Cell, seed and the figure it was chosen by."""
        return " · ".join(t for t in (self.cell_label, f"seed {self.seed}", self.chosen) if t)


def representative(runs: pd.DataFrame, cells: int) -> pd.DataFrame:
    """Picks the runs to look at: those with the median ELBO of their cells.

    Args:
        runs: Runs of one setting.
        cells: Cells of the whole database: of many, not all are shown.
    """
    found = representatives(runs)
    if cells <= MOST_CELLS:
        return found
    kept = []
    for _, group in found.groupby("series", sort=False):
        ordered = group.sort_values("strength", kind="stable")
        last = len(ordered) - 1
        places = {last // 2} if cells > MANY_CELLS else {0, last // 2, last}
        kept.append(ordered.iloc[sorted(places)])
    return pd.concat(kept, ignore_index=True)


def choose(reader: Reader, chosen: pd.DataFrame) -> list[Shown]:
    """Reads the pictures of the runs to look at.

    Args:
        reader: The database.
        chosen: The runs, as `representative` gives them.
    """
    shown = []
    for row in chosen.to_dict("records"):
        by, key = str(row["chosen_by"]), str(row["job_key"])
        short = str(row["series"])
        if pd.notna(row["strength"]):
            short = f"{symbol(str(row['strength_name']))} = {row['strength']:g}"
        told = ""
        if by:
            told = f"{measure(by).title} {measure(by).text(row[by]).replace('-', '−')} nats"
        shown.append(
            Shown(
                str(row["series"]),
                str(row["model"]),
                str(row["cell_label"]),
                short,
                int(row["seed"]),
                told,
                {artifact.name: artifact for artifact in reader.artifacts(key)},
                latent_kl(reader, key=key).get(key, {}),
                latent_variance(reader, str(row["cell"]), key),
            )
        )
    return shown


def advice(kind: str, shown: Sequence[Shown], images: str) -> str:
    """Says how to read a kind of picture.

    Args:
        kind: `reconstructions`, `samples` or `traversals`.
        shown: The runs.
        images: What originals are, as `contents.evaluated_on` says it.
    """
    if kind == "reconstructions":
        return f"Originals ({images}) above what the decoder makes of their posterior means."
    if kind == "samples":
        return "Images decoded from draws of the prior."
    text = "Each row moves one latent over the values above it and keeps the others."
    with_pictures = [run for run in shown if kind in run.artifacts]
    if all(run.variance for run in with_pictures):
        return (
            f"{text} Rows are sorted by the variance of the latent’s posterior mean over images: "
            "one that does not vary carries nothing, whatever its KL in nats."
        )
    return (
        f"{text} Rows are sorted by the latent’s KL in nats (an autoencoder’s by their standard "
        "deviation), as the codes of some of these runs were not stored: one whose posterior is "
        "narrow and everywhere the same has a high KL and carries nothing."
    )


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
            block = block_of(run, kind)
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
            for place, (_, block) in enumerate(blocks):
                drawings.append(_render([block], f"{name}_{place + 1}", formats))
        else:
            joined = _compared(blocks) if kind == "reconstructions" else [b for _, b in blocks]
            drawings.append(_render(joined, name, formats))
    return drawings, remarks


def block_of(run: Shown, kind: str) -> Block | None:
    """Returns a run's picture with its labels; None where it has none that can be read."""
    artifact = run.artifacts.get(kind)
    tiles = None if artifact is None else cut(artifact)
    if artifact is None or tiles is None:
        return None
    rows = labels(artifact, "row_labels", tiles.shape[0])
    columns = labels(artifact, "column_labels", tiles.shape[1])
    block = Block(run.title, tiles, rows, columns)
    return by_variance(block, run.variance, run.kl) if kind == "traversals" else block


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


def _render(blocks: Sequence[Block], name: str, formats: Sequence[str]) -> Drawing:
    figure, patches = picture(blocks)
    return render(figure, name, formats=formats, patches=patches)
