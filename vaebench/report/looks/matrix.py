"""The factor × latent matrix: what each latent knows of each factor, label or attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from vaebench.report.figures.matrices import matrix
from vaebench.report.pictures import panel, text_width, write

MANY = 12
"""From so many factors on they are clustered, and a dendrogram says how."""

_CELL_WIDTH, _CELL_HEIGHT = 34, 26
_HEAD = 52
_TREE = 70
_GAP = 26


@dataclass(frozen=True)
class Known:
    """What latents know, by one way of measuring it.

    Attributes:
        title: How it is measured.
        factors: Names of the F factors, labels or attributes.
        latents: Index of each of the D latents, in the order of the traversals' rows.
        values: Shares from 0 to 1, [F, D].
    """

    title: str
    factors: tuple[str, ...]
    latents: tuple[int, ...]
    values: npt.NDArray[np.float64]


def known(detail: Mapping[str, Any]) -> list[Known]:
    """Reads the matrices that came with a run's pictures.

    Args:
        detail: What the artifact `marginal` says beside its tiles.

    Returns:
        Mutual information as a share of the factor's entropy, and DCI's importances as shares of
        each factor's, as far as they are there.
    """
    found = []
    information = _table(detail, "targets", "information")
    entropies = detail.get("entropies")
    if information is not None and isinstance(entropies, list):
        names, values = information
        whole = np.array(entropies, dtype=np.float64).reshape(-1, 1)
        if whole.shape == (len(names), 1) and (whole > 0).all():
            title = "Mutual information, % of the factor’s entropy"
            found.append(Known(title, names, _latents(detail), values / whole))
    importances = _table(detail, "factors", "importances")
    if importances is not None:
        names, values = importances
        whole = values.sum(axis=1, keepdims=True)
        shares = np.divide(values, whole, out=np.zeros_like(values), where=whole > 0)
        found.append(Known("DCI importances, % of each factor’s", names, _latents(detail), shares))
    return found


def _latents(detail: Mapping[str, Any]) -> tuple[int, ...]:
    found = detail.get("latents")
    return tuple(found) if isinstance(found, list) else ()


def _table(
    detail: Mapping[str, Any], names: str, values: str
) -> tuple[tuple[str, ...], npt.NDArray[np.float64]] | None:
    """Reads names [F] and numbers [F, D]; None where they do not fit each other."""
    try:
        said = tuple(str(name) for name in detail[names])
        numbers = np.array(detail[values], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        return None
    fits = numbers.shape == (len(said), len(_latents(detail))) and numbers.size > 0
    return (said, numbers) if fits and np.isfinite(numbers).all() else None


def clustered(values: npt.NDArray[np.float64]) -> tuple[list[int], Any]:
    """Clusters factors by which latents know of them.

    Args:
        values: Shares [F, D].

    Returns:
        The order of the factors, and SciPy's linkage (average, Euclidean).
    """
    from scipy.cluster.hierarchy import leaves_list, linkage

    tree = linkage(values, "average", optimal_ordering=True)
    return leaves_list(tree).tolist(), tree


def size(tables: list[Known]) -> tuple[int, int]:
    """Returns the width and height that matrices need below each other, page pixels."""
    if not tables:
        return 0, 0
    widths = [_left(each) + _CELL_WIDTH * len(each.latents) + _tree(each) for each in tables]
    titles = [text_width(each.title, bold=True) for each in tables]
    heights = [_HEAD + _CELL_HEIGHT * len(each.factors) for each in tables]
    return _GAP + max(*widths, *titles), sum(heights) + _GAP * (len(tables) - 1)


def draw(figure: Figure, tables: list[Known], left: float, top: float) -> None:
    """Draws matrices below each other.

    Args:
        figure: The figure, which has room for them.
        tables: The matrices.
        left: Page pixels on their left, without `size`'s margin.
        top: Page pixels above them.
    """
    for each in tables:
        order, tree = list(range(len(each.factors))), None
        if len(order) >= MANY:
            order, tree = clustered(each.values)
        write(figure, each.title, left, top + 14, bold=True)
        begin = left + _left(each)
        width, height = _CELL_WIDTH * len(each.latents), _CELL_HEIGHT * len(order)
        axes = panel(figure, begin, top + _HEAD, width, height)
        names = [each.factors[place] for place in order]
        matrix(axes, each.values[order], names, [f"z{n}" for n in each.latents], kind="share",
               size=8.5, labels=9.5, slanted=False)  # fmt: skip
        axes.xaxis.tick_top()
        if tree is not None:
            _dendrogram(panel(figure, begin + width + 4, top + _HEAD, _TREE - 8, height), tree)
        top += _HEAD + height + _GAP


def _dendrogram(axes: Any, tree: Any) -> None:
    """Draws how factors were clustered, leaves at the left and from the top down."""
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(tree, no_plot=True)
    for places, heights in zip(drawn["icoord"], drawn["dcoord"], strict=True):
        axes.plot(heights, places, color="#5c5c5c", linewidth=1)
    axes.set_ylim(10 * len(drawn["leaves"]), 0)
    axes.set_xlim(left=0)
    axes.set_axis_off()


def _left(table: Known) -> int:
    return max(text_width(name) for name in table.factors) + 10


def _tree(table: Known) -> int:
    return _TREE if len(table.factors) >= MANY else 0
