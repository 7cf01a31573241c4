"""Runs below each other for the same images: over all strengths, failed ones, AE beside VAE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from vaebench.report.looks import matrix
from vaebench.report.pictures import Block
from vaebench.report.showcase import Shown, block_of

PLAIN, PRIOR = "ae", ("vae", "betavae_h", "cvae")
"""The model without a prior, and those to set beside it, the first that is there."""


@dataclass(frozen=True)
class Row:
    """A run in a figure of several.

    Attributes:
        label: What it is called there.
        run: Its pictures.
        more: What is said of it once, at its reconstructions.
    """

    label: str
    run: Shown
    more: str = ""


def reconstructions(rows: Sequence[Row]) -> list[Block]:
    """Sets the runs' reconstructions below their originals, those once where they are the same."""
    blocks = [(row.label + row.more, block_of(row.run, "reconstructions")) for row in rows]
    found = [(label, b) for label, b in blocks if b is not None and len(b.tiles) == 2]
    if not found:
        return []
    first = found[0][1].tiles
    same = [(label, b) for label, b in found if np.array_equal(b.tiles[:1], first[:1])]
    tiles = np.concatenate([first[:1], *(block.tiles[1:] for _, block in same)])
    return [Block("Reconstructions", tiles, ["original", *(label for label, _ in same)])]


def samples(rows: Sequence[Row]) -> list[Block]:
    """Sets a row of each run's samples from the prior below each other, of the same draws."""
    found = [
        (row.label, block.tiles[:1]) for row in rows if (block := block_of(row.run, "samples"))
    ]
    return [Block("Samples from the prior", *_joined(found))] if found else []


def latents(rows: Sequence[Row]) -> list[Block]:
    """Sets one latent's traversal of each run below each other.

    It is the latent that knows most about the factor that the runs' latents know best, where
    mutual information is stored of all of them; else the one that varies most.
    """
    tables = [known(row.run) for row in rows]
    target = best_known([table for table in tables if table is not None])
    whole = target is not None and all(table is not None for table in tables)
    found = []
    columns: Sequence[str] = ()
    for row, table in zip(rows, tables, strict=True):
        block = block_of(row.run, "traversals")
        if block is None:
            continue
        place = 0
        if whole and table is not None and target is not None:
            latent = table.latents[int(table.values[table.factors.index(target)].argmax())]
            said = [label.split(" ")[0] for label in block.row_labels]
            place = said.index(f"z{latent}") if f"z{latent}" in said else 0
        name = block.row_labels[place] if block.row_labels else ""
        found.append((f"{row.label} · {name}", block.tiles[place : place + 1]))
        columns = columns or block.column_labels
    if not found:
        return []
    title = "The latent that varies most"
    if whole:
        title = f"The latent that knows most about {'the label' if target == 'label' else target}"
    joined = Block(title, *_joined(found))
    return [replace(joined, column_labels=columns)]


def known(run: Shown) -> matrix.Known | None:
    """Returns what a run's latents know by mutual information; None where it is not stored."""
    artifact = run.artifacts.get("marginal")
    tables = [] if artifact is None else matrix.known(artifact.detail)
    return next((each for each in tables if each.title.startswith("Mutual")), None)


def best_known(tables: Sequence[matrix.Known]) -> str | None:
    """Returns the factor that single latents know best, on average over runs with it."""
    shares: dict[str, list[float]] = {}
    for table in tables:
        for name, values in zip(table.factors, table.values, strict=True):
            shares.setdefault(name, []).append(float(values.max()))
    every = {name: np.mean(found) for name, found in shares.items() if len(found) == len(tables)}
    return max(every, key=lambda name: every[name]) if every else None


def _joined(found: Sequence[tuple[str, np.ndarray]]) -> tuple[np.ndarray, list[str]]:
    """Joins rows of tiles that have the shape of the first."""
    shape = found[0][1].shape
    kept = [(label, tiles) for label, tiles in found if tiles.shape == shape]
    return np.concatenate([tiles for _, tiles in kept]), [label for label, _ in kept]


def failed(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """Chooses the runs of a series that show how it fails, beside a usual one.

    Args:
        runs: Runs of one series.

    Returns:
        Pairs of a word and a job key: `median` and `worst` of the cell in which the worst run is
        farthest below the median one (by ELBO; an autoencoder's by reconstruction), and
        `collapsed`, the run without an active unit of the weakest strength. Empty where no cell
        has two runs and none is collapsed.
    """
    by, sign = ("elbo", 1.0) if runs["elbo"].notna().any() else ("reconstruction", -1.0)
    worth = (sign * runs[by]).rename("worth")
    ordered = runs.assign(worth=worth).dropna(subset=["worth"]).sort_values(["worth", "seed"])
    best: tuple[float, list[tuple[str, str]]] = (0.0, [])
    for _, cell in ordered.groupby("cell", sort=False):
        middle = cell.iloc[(len(cell) - 1) // 2 if len(cell) > 2 else -1]
        gap = float(middle["worth"] - cell["worth"].iloc[0])
        if gap > best[0]:
            best = gap, [("median", middle["job_key"]), ("worst", cell["job_key"].iloc[0])]
    found = best[1]
    dead = ordered[ordered["active_units"] == 0] if "active_units" in ordered else ordered[:0]
    if dead.empty:
        return found
    first = str(dead.sort_values(["strength", "seed"]).iloc[0]["job_key"])
    if not found:
        alive = ordered[ordered["active_units"] > 0]
        usual = alive if len(alive) else ordered
        found = [("median", str(usual.iloc[(len(usual) - 1) // 2]["job_key"]))]
    if first in (key for _, key in found):
        return [(f"{word}, collapsed" if key == first else word, key) for word, key in found]
    return [*found, ("collapsed", first)]


def pair(runs: pd.DataFrame) -> tuple[str, str] | None:
    """Chooses an autoencoder and the model to set beside it.

    Args:
        runs: Representative runs of one setting, one a cell.

    Returns:
        Their job keys, the strength of the second nearest to 1; None where one is missing.
    """
    plain = runs[runs["model"] == PLAIN]
    for model in PRIOR:
        others = runs[runs["model"] == model]
        if len(plain) and len(others):
            away = (np.log(others["strength"].fillna(1.0).clip(lower=1e-9))).abs()
            return str(plain["job_key"].iloc[0]), str(others["job_key"].loc[away.idxmin()])
    return None
