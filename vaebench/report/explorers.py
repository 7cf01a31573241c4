"""Whose models a report has explorer's pages of, and where they lie beside it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from vaebench.analysis import measure
from vaebench.errors import UsageError
from vaebench.report.phrases import leading
from vaebench.store import Reader

FOLDER = "explore"
BEST, ALL = "best", "all"


def place(key: str) -> str:
    """Returns the file of a run's explorer, in the report's folder."""
    return f"{FOLDER}/{key}.html"


def named(reader: Reader, explore: Sequence[str]) -> list[str]:
    """Returns the job keys that are named, each by its first digits at least.

    Raises:
        StoreError: No job or more than one has a key that begins so.
        UsageError: `best` or `all` stands beside others.
    """
    if len(explore) > 1 and {BEST, ALL} & set(explore):
        raise UsageError(
            f"--explore {','.join(explore)}: give {BEST}, {ALL}, or keys of runs; not both."
        )
    return [reader.key(each) for each in explore if each not in (BEST, ALL)]


def wanted(runs: pd.DataFrame, explore: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Returns the job keys of the runs whose models are to be explored.

    Args:
        runs: The runs of the report, as `vaebench.analysis.prepare` gives them.
        explore: `best`, `all`, or keys.
        keys: What `named` made of them.
    """
    if ALL in explore:
        return list(runs["job_key"])
    return best(runs) if BEST in explore else list(dict.fromkeys(keys))


def best(runs: pd.DataFrame) -> list[str]:
    """Returns the best run of each model in each setting, collapsed ones only where all are.

    The best has most of the metric that the answers speak of (MIG, where it is known); without
    one the highest ELBO, or the lowest reconstruction.
    """
    found = []
    for _, group in runs.groupby(["setting", "model"], sort=False):
        sound = group[~group["collapsed"]] if not group["collapsed"].all() else group
        known = [name for name in sound.columns if name in sound and sound[name].notna().any()]
        names = (leading(known), "elbo", "reconstruction")
        by = next((name for name in names if name in known), None)
        if by is None:
            found.append(str(sound["job_key"].iloc[0]))
            continue
        better = -1 if measure(by).better == "lower" else 1
        found.append(str(sound.loc[(better * sound[by]).idxmax(), "job_key"]))
    return found
