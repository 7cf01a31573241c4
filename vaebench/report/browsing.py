"""The runs for the page's run browser: rounded figures by column, colours, stored pictures."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from vaebench.analysis import measure
from vaebench.analysis.frames import symbol
from vaebench.measures import MEASURES, TIMES
from vaebench.report.phrases import leading
from vaebench.report.style import colour, marker
from vaebench.store import Reader, pictures_of

PICTURE = "reconstructions"
"""The stored picture that is shown of a run."""

MOST_PICTURES = 3_000_000
"""Bytes of pictures of a setting's own page, at most; a run's are some 4,000."""

MOST_PICTURES_FIRST = 900_000
"""Bytes of pictures in the browser of the first page, at most."""

FIGURES_SHOWN = 3
"""Digits, at least, that tell the values of a figure apart over its range."""


@dataclass(frozen=True)
class Browsable:
    """The runs that can be browsed.

    Attributes:
        runs: The runs, as `vaebench.analysis.prepare` gives them.
        titles: What each setting is called, by its key, in the order to show them.
        slugs: What a setting's files begin with, by its key.
        pictures: Stored pictures, PNG, by job key; those to be shown first come first.
        explorers: Pages that explore a run's model, by job key.
    """

    runs: pd.DataFrame = field(repr=False)
    titles: Mapping[str, str]
    slugs: Mapping[str, str]
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    explorers: Mapping[str, str] = field(default_factory=dict)

    def data(self, slug: str = "", *, most: int = MOST_PICTURES, base: str = "") -> dict[str, Any]:
        """Returns what the page is told, as JSON has it.

        Args:
            slug: Of the one setting to tell of; all where it is empty.
            most: Bytes of pictures, at most.
            base: What leads from the page to the report's folder.
        """
        keys = [key for key in self.titles if slug in ("", self.slugs[key])]
        rows = self.runs[self.runs["setting"].isin(keys)].reset_index(drop=True)
        names = [name for name in MEASURES if name in rows and rows[name].notna().any()]
        names = [name for name in names if name not in TIMES[1:]]
        if not names:
            return {}
        models = rows.drop_duplicates("series").set_index("series")["model"].to_dict()
        symbols = rows.dropna(subset=["strength"]).drop_duplicates("series").set_index("series")
        order = {series: place for place, series in enumerate(models)}
        digits = {name: _digits(name, rows[name]) for name in names}
        fold = rows["fold"].notna().any()
        return {
            "settings": [self.titles[key] for key in keys],
            "series": [
                {
                    "name": series,
                    "model": model,
                    "colour": colour(model),
                    "marker": marker(model),
                    "symbol": symbol(symbols["strength_name"].get(series, "")),
                }
                for series, model in models.items()
            ],
            "measures": [
                {
                    "name": name,
                    "title": measure(name).title,
                    "unit": measure(name).unit,
                    "digits": digits[name],
                    "better": measure(name).better,
                    "high": measure(name).high,
                }
                for name in names
            ],
            "metric": leading(names) or ("elbo" if "elbo" in names else names[0]),
            "key": rows["job_key"].tolist(),
            "at": rows["setting"].map({key: place for place, key in enumerate(keys)}).tolist(),
            "of": rows["series"].map(order).tolist(),
            "strength": [_number(float(f"{value:.9g}")) for value in rows["strength"]],
            "seed": rows["seed"].astype(int).tolist(),
            "fold": _numbers(rows["fold"], 0) if fold else None,
            "collapsed": rows["collapsed"].astype(int).tolist(),
            "values": {name: _numbers(rows[name], digits[name]) for name in names},
            "pictures": self._pictures(rows["job_key"], most),
            "explore": {
                place: base + self.explorers[key]
                for place, key in enumerate(rows["job_key"])
                if key in self.explorers
            },
        }

    def explored(self, slug: str = "") -> list[tuple[str, str]]:
        """Returns the label and the page of each model that can be explored."""
        rows = self.runs[self.runs["job_key"].isin(self.explorers)]
        several = len(self.titles) > 1 and not slug
        found = []
        for row in rows.to_dict("records"):
            if slug in ("", self.slugs[row["setting"]]):
                said = f"{row['cell_label']}, seed {row['seed']}"
                title = f"{self.titles[row['setting']]}: " if several else ""
                found.append((title + said, self.explorers[row["job_key"]]))
        return found

    def _pictures(self, keys: Iterable[str], most: int) -> dict[int, str]:
        places = {key: place for place, key in enumerate(keys)}
        found: dict[int, str] = {}
        for key, content in self.pictures.items():
            if key in places and (most := most - len(content)) >= 0:
                found[places[key]] = base64.b64encode(content).decode()
        return found


def read_pictures(
    reader: Reader, runs: pd.DataFrame, first: Iterable[str], most: int = MOST_PICTURES
) -> dict[str, bytes]:
    """Reads the pictures of a setting's runs, as many as a page has room for.

    Args:
        reader: The database.
        runs: The runs of the setting.
        first: Job keys of the runs to be shown in any case.
        most: Bytes, at most.
    """
    keys = dict.fromkeys([*first, *runs["job_key"]])
    found = {}
    for key, content in pictures_of(reader, PICTURE, keys):
        most -= len(content)
        if most < 0:
            break
        found[key] = content
    return found


def _digits(name: str, values: pd.Series) -> int:
    """Says to how many decimals a figure's values are rounded: its own, more in a small range."""
    spread = float(values.max() - values.min())
    least = measure(name).digits
    if not math.isfinite(spread) or spread <= 0:
        return least
    return min(9, max(least, FIGURES_SHOWN - 1 - math.floor(math.log10(spread))))


def _numbers(values: pd.Series, digits: int) -> list[float | int | None]:
    """Rounds numbers; whole ones lose their point, what is missing is None."""
    rounded: Sequence[float] = values.astype("float64").round(digits).tolist()
    return [_number(value) for value in rounded]


def _number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) else value
