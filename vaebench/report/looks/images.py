"""The data themselves: factors varied one at a time, or images of each class."""

from __future__ import annotations

import numpy as np

from vaebench.data import Dataset, data_folder, find_dataset, load_dataset
from vaebench.data.cards import card
from vaebench.errors import VaebenchError
from vaebench.report.pictures import Block

ACROSS = 10
"""Images in a row, at most."""

MOST_ROWS = 20
"""Classes that are shown, at most."""


def sheet(data: Dataset) -> Block:
    """Shows a data set.

    Where it has an image for every combination of its factors, each row varies one of them over
    its whole range and keeps the others in the middle of theirs. Else each row has images of one
    label, or, without labels, of the data set.

    Args:
        data: The data set.
    """
    rng = np.random.default_rng(0)
    if data.has_grid:
        sizes = np.array(data.factor_sizes)
        varied = [place for place, size in enumerate(sizes) if size > 1]
        factors = np.tile(sizes // 2, (len(varied), ACROSS, 1))
        for row, place in enumerate(varied):
            steps = np.linspace(0, sizes[place] - 1, ACROSS).round().astype(np.int64)
            factors[row, :, place] = steps
        indices = data.index(factors.reshape(-1, len(sizes)))
        rows = [f"{data.factor_names[place]} ({sizes[place]})" for place in varied]
        return _block(
            "Factors varied one at a time, with their numbers of values", data, indices, rows
        )
    test = np.asarray(data.test_indices)
    order = rng.choice(test, min(len(test), 5_000), replace=False)
    labels = data.labels(order)
    if labels is None:
        return _block("Images drawn at random", data, rng.choice(test, 2 * ACROSS), ["", ""])
    names = data.label_names[:MOST_ROWS]
    chosen = [
        rng.choice(mine, ACROSS) for n in range(len(names)) if len(mine := order[labels == n])
    ]
    said = [name for n, name in enumerate(names) if (labels == n).any()]
    return _block("Images of each label", data, np.concatenate(chosen), said)


def at_hand(name: str) -> Dataset | None:
    """Opens a data set of the literature where its files are here.

    Args:
        name: The data set, as jobs name it.
    """
    try:
        find_dataset(name)
        here = card(name, data_folder(None))
        return load_dataset(name) if here.available else None
    except (VaebenchError, OSError):
        return None


def _block(title: str, data: Dataset, indices: np.ndarray, rows: list[str]) -> Block:
    images = data.observations(indices).transpose(0, 2, 3, 1)
    images = images.repeat(3 // images.shape[-1], axis=-1)
    tiles = images.reshape(len(rows), -1, *images.shape[1:])
    return Block(title, np.ascontiguousarray(tiles), rows)
