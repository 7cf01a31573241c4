"""The report's figures, each as a function of a table of runs that returns a matplotlib figure."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from vaebench.errors import UsageError, unknown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def scores_by_strength(runs: pd.DataFrame) -> Figure:
    """Draws each score against the strength of regularisation, all models in one figure.

    Args:
        runs: Runs of one setting, as `vaebench.runs` gives them.

    Returns:
        The figure: `.savefig("scores.png")`, or shown by a notebook as it is.

    Raises:
        UsageError: The runs are of several settings, or too few for the figure.

    Example:
        >>> figure = scores_by_strength(runs(db))
        >>> type(figure).__name__
        'Figure'
    """
    return draw("strengths", runs)


def names() -> tuple[str, ...]:
    """Returns the names of all figures, each of which is a function of this module."""
    from vaebench.report.figures import FIGURES

    return tuple(figure.name for figure in FIGURES)


def draw(name: str, runs: pd.DataFrame, curves: pd.DataFrame | None = None) -> Figure:
    """Draws a figure of the report.

    Args:
        name: One of `names()`.
        runs: Runs, as `vaebench.runs` gives them; of one setting, but for a figure of several.
        curves: Training curves of them, as `vaebench.curves` gives them, for the figure `curves`.

    Returns:
        The figure.

    Raises:
        UsageError: There is no such figure; the runs are of several settings, or too few for it.

    Example:
        >>> draw("wall_time", runs(db)).axes != []
        True
    """
    import pandas as pd

    from vaebench.analysis import TABLES
    from vaebench.report.figures import FIGURES, FigureData

    records = {figure.name: figure for figure in FIGURES}
    if name not in records:
        raise unknown("figure", name, tuple(records))
    record = records[name]
    if "series" not in runs.columns:
        raise UsageError("These are no runs as vaebench.runs(db) gives them: their columns lack.")
    settings = runs["setting"].nunique()
    if settings > 1 and not record.across:
        raise UsageError(
            f"The runs are of {settings} settings, each of which has its own figure: choose one, "
            'as in runs[runs["dataset"] == "dsprites"].'
        )
    tables = {table.name: table(runs) for table in TABLES if table.name in record.tables}
    data = FigureData(runs, tables, pd.DataFrame() if curves is None else curves)
    drawn = record.draw(data)
    if not drawn:
        missing = [line for t in TABLES if t.name in record.tables for line in t.missing(runs)]
        raise UsageError(f"There is too little for the figure {name}. {' '.join(missing)}".strip())
    figure = drawn[0][1]
    figure._repr_png_ = partial(_png, figure)  # type: ignore[attr-defined]  # seen by notebooks
    return figure


def _png(figure: Figure) -> bytes:
    """Returns a figure as a notebook shows it, where no pyplot was imported to do that."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def __getattr__(name: str) -> Callable[..., Figure]:
    """Returns the function that draws a figure of that name."""
    if name.startswith("_") or name not in names():
        raise AttributeError(f"module 'vaebench.figures' has no figure {name!r}: {names()}")

    def of_runs(runs: pd.DataFrame, curves: pd.DataFrame | None = None) -> Figure:
        return draw(name, runs, curves)

    of_runs.__name__ = name
    of_runs.__doc__ = f"Draws the figure {name} of the report; see `vaebench.figures.draw`."
    return of_runs


def __dir__() -> list[str]:
    return sorted({*globals(), *names()})
