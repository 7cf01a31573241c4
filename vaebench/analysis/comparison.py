"""Whether a second database repeats a first: the same bits, or the same within the seeds' noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vaebench.analysis.frames import runs
from vaebench.measures import MEASURES, TIMES
from vaebench.store import RELATIVE, Reader, table_of

LEVEL = 0.05
"""How often a verdict may find a difference where there is none."""

POWER = 0.8
"""How often a difference of the size called `detectable` is found."""

POOLED = "all cells, in SD"
"""What the tests over all cells together are called."""

CELL = ["dataset", "model", "parameters"]
"""What names a cell where the two databases' settings differ."""

TEST_COLUMNS = [*CELL, "cell_label", "metric", "mean_a", "mean_b", "difference", "low", "high",
                "runs_a", "runs_b", "paired", "detectable", "p", "p_adjusted"]  # fmt: skip

_SETTING = ("steps", "batch_size", "learning_rate", "latent_dim", "network", "likelihood",
            "warmup_steps", "precision", "eval_size", "scores", "folds")  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Two databases beside each other.

    Attributes:
        runs: A row per job key in both: `job_key cell_label seed figures different`, the number
            of stored figures (scores and points of curves) and of those that are not the same.
        tests: A row per common cell and metric: the means, their difference b - a with its 95 %
            interval, whether seeds are paired, the difference that would be found with 80 %
            power, p and Holm's adjusted p. NaN where a cell has fewer than two runs on a side.
        only_a: Labels of cells that only the first has.
        only_b: Labels of cells that only the second has.
        setting: What differs between the settings of common cells, as (name, in a, in b).
    """

    runs: pd.DataFrame
    tests: pd.DataFrame
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    setting: tuple[tuple[str, str, str], ...]

    @property
    def same_bits(self) -> int:
        """Runs of which every stored figure is the same."""
        return int((self.runs["different"] == 0).sum())

    @property
    def differences(self) -> pd.DataFrame:
        """The tests that found a difference, most certain first."""
        return self.tests[self.tests["p_adjusted"] < LEVEL].sort_values("p")

    @property
    def verdict(self) -> str:
        """One of `same bits`, `same within noise`, `different` and `nothing to compare`."""
        if self.tests.empty:
            return "nothing to compare"
        cells = self.tests[self.tests["cell_label"] != POOLED]
        counts = cells.groupby(CELL)[["runs_a", "runs_b"]].max()
        everything = int(counts.to_numpy().max(axis=1).sum())
        if len(self.runs) == everything and self.same_bits == everything:
            return "same bits"
        if not self.differences.empty:
            return "different"
        return "same within noise" if self.tests["p"].notna().any() else "nothing to compare"


def compare(a: Reader, b: Reader) -> Comparison:
    """Compares two databases run by run and cell by cell.

    Runs of one job key are compared figure by figure, to the bit; relative scores (UDR) and times
    are left out. Cells are matched by model, hyperparameters and data set, so that a replication
    in another precision still finds its cell. Where a cell has the same seeds on both sides, its
    differences are paired by seed (Student's paired t test); else the means are compared by
    Welch's t test. All p values are adjusted together by Holm's method, which needs no
    independence: where nothing differs, the verdict says `different` at most once in 20 times.
    Beside the cells one test a metric is over all of them together, in standard deviations within
    cells: it finds a small shift that all share.

    Args:
        a: The database to compare with.
        b: The replication.

    References:
        Holm, A simple sequentially rejective multiple test procedure, 1979; Welch, The
        generalization of Student's problem, 1947.
    """
    left, right = runs(a), runs(b)
    metrics = [
        name
        for name in MEASURES
        if name not in (*TIMES, *RELATIVE) and {name} <= {*left.columns} & {*right.columns}
    ]
    groups = [dict(list(frame.groupby(CELL, sort=False))) for frame in (left, right)]
    common = [cell for cell in groups[0] if cell in groups[1]]
    rows = [
        dict(zip(CELL, cell, strict=True))
        | {"cell_label": groups[0][cell]["cell_label"].iloc[0], "metric": metric}
        | difference(groups[0][cell], groups[1][cell], metric)
        for cell in common
        for metric in metrics
        if all(group[cell][metric].notna().any() for group in groups)
    ]
    if len(common) > 1:
        rows += _pooled([groups[0][cell] for cell in common], [groups[1][c] for c in common], rows)
    tests = _adjusted(pd.DataFrame(rows, columns=TEST_COLUMNS[:-1]))
    only = [
        tuple(frame["cell_label"].iloc[0] for cell, frame in ours.items() if cell not in theirs)
        for ours, theirs in (groups, groups[::-1])
    ]
    return Comparison(
        runs=_same_runs(a, b, left),
        tests=tests,
        only_a=only[0],
        only_b=only[1],
        setting=_settings([groups[0][cell] for cell in common], [groups[1][c] for c in common]),
    )


def difference(a: pd.DataFrame, b: pd.DataFrame, metric: str) -> dict[str, Any]:
    """Compares a metric of a cell's runs on two sides.

    Args:
        a: Runs of one side, with the columns `seed`, `fold` and the metric.
        b: Runs of the other.
        metric: The column.

    Returns:
        `mean_a mean_b difference low high runs_a runs_b paired detectable p`; NaN where a side
        has fewer than two runs with the metric.
    """
    sides = [
        side.dropna(subset=[metric]).fillna({"fold": -1}).set_index(["seed", "fold"])[metric]
        for side in (a, b)
    ]
    x, y = (side.to_numpy(np.float64) for side in sides)
    paired = len(x) == len(y) and set(sides[0].index) == set(sides[1].index)
    found: dict[str, Any] = {
        "mean_a": float(x.mean()),
        "mean_b": float(y.mean()),
        "difference": float(y.mean() - x.mean()),
        "low": math.nan,
        "high": math.nan,
        "runs_a": len(x),
        "runs_b": len(y),
        "paired": paired,
        "detectable": math.nan,
        "p": math.nan,
    }
    if min(len(x), len(y)) < 2:
        return found
    if paired:
        return found | _paired(sides[1].reindex(sides[0].index).to_numpy(np.float64) - x)
    return found | _welch(x, y)


def _pooled(
    a: Sequence[pd.DataFrame], b: Sequence[pd.DataFrame], rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Tests, for each metric, a shift that all cells share and that each alone is too small for.

    A cell's values are divided by its standard deviation within cells and averaged over cells for
    each seed, since one seed gives all cells the same initialisation: seeds are the sample.
    """
    found = []
    for metric in dict.fromkeys(row["metric"] for row in rows):
        scaled: tuple[list[pd.DataFrame], list[pd.DataFrame]] = ([], [])
        for one, other in zip(a, b, strict=True):
            values = [side.dropna(subset=[metric]) for side in (one, other)]
            degrees = sum(max(len(side) - 1, 0) for side in values)
            squares = sum(float(((v[metric] - v[metric].mean()) ** 2).sum()) for v in values)
            if degrees == 0 or squares == 0:
                continue
            middle, sd = float(values[0][metric].mean()), math.sqrt(squares / degrees)
            for kept, side in zip(scaled, values, strict=True):
                kept.append(side.assign(**{metric: (side[metric] - middle) / sd}))
        if not scaled[0]:
            continue
        by_seed = [_by_seed(side, metric) for side in scaled]
        if all(len(side) for side in by_seed):
            name = {"dataset": "all", "parameters": "", "cell_label": POOLED, "metric": metric}
            found.append({"model": "all"} | name | difference(by_seed[0], by_seed[1], metric))
    return found


def _by_seed(cells: Sequence[pd.DataFrame], metric: str) -> pd.DataFrame:
    """Averages a metric over cells for each seed that all of them have."""
    together = pd.concat(cells).fillna({"fold": -1})
    groups = together.groupby(["seed", "fold"])[metric].agg(["mean", "size"])
    whole = groups[groups["size"] == len(cells)]["mean"]
    return whole.rename(metric).reset_index()


Values = npt.NDArray[np.float64]


def _paired(deltas: Values) -> dict[str, float]:
    n, sd = len(deltas), float(deltas.std(ddof=1))
    if sd == 0:
        p = 1.0 if deltas[0] == 0 else 0.0
        return {"low": float(deltas[0]), "high": float(deltas[0]), "detectable": 0.0, "p": p}
    from scipy.stats import ttest_1samp

    test = ttest_1samp(deltas, 0.0)
    low, high = test.confidence_interval(1 - LEVEL)
    from statsmodels.stats.power import TTestPower  # a second, as all of statsmodels

    size = TTestPower().solve_power(nobs=n, alpha=LEVEL, power=POWER)
    return {"low": low, "high": high, "detectable": float(size) * sd, "p": float(test.pvalue)}


def _welch(x: Values, y: Values) -> dict[str, float]:
    sd = math.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2)
    if sd == 0:
        delta = float(y[0] - x[0])
        return {"low": delta, "high": delta, "detectable": 0.0, "p": float(delta == 0)}
    from scipy.stats import ttest_ind

    test = ttest_ind(y, x, equal_var=False)
    low, high = test.confidence_interval(1 - LEVEL)
    from statsmodels.stats.power import TTestIndPower

    power = TTestIndPower()
    size = power.solve_power(nobs1=len(x), ratio=len(y) / len(x), alpha=LEVEL, power=POWER)
    return {"low": low, "high": high, "detectable": float(size) * sd, "p": float(test.pvalue)}


def _adjusted(tests: pd.DataFrame) -> pd.DataFrame:
    """Adds Holm's adjusted p values of all tests together."""
    known = tests["p"].notna()
    tests["p_adjusted"] = math.nan
    if known.any():
        from statsmodels.stats.multitest import multipletests

        tests.loc[known, "p_adjusted"] = multipletests(tests.loc[known, "p"], method="holm")[1]
    return tests[TEST_COLUMNS]


def _same_runs(a: Reader, b: Reader, known: pd.DataFrame) -> pd.DataFrame:
    """Counts, for each job key in both, the stored figures that are not the same bits."""
    first, second = _figures(a), _figures(b)
    common = [key for key in known["job_key"] if key in first and key in second]
    counts = [
        (key, len({*first[key], *second[key]}), _unequal(first[key], second[key])) for key in common
    ]
    counted = pd.DataFrame(counts, columns=["job_key", "figures", "different"])
    return known[["job_key", "cell_label", "seed"]].merge(counted, on="job_key")


Figures = dict[tuple[str, int], tuple[float | None, ...]]


def _figures(reader: Reader) -> dict[str, Figures]:
    """Reads all figures of finished runs: scores, and points of curves, by job key."""
    found: dict[str, Figures] = {}
    for table, relative in (("scores", RELATIVE), ("curves", ())):
        types, rows = table_of(reader, table)
        names = list(types)
        place = {name: names.index(name) for name in names}
        for row in rows:
            key = row[place["job_key"]]
            if table == "scores":
                if row[place["name"]] in relative:
                    continue
                figure, value = (row[place["name"]], 0), (row[place["value"]],)
            else:
                figure = ("curve", row[place["step"]])
                value = tuple(row[place[name]] for name in ("loss", "reconstruction", "kl"))
            found.setdefault(key, {})[figure] = value
    return found


def _unequal(first: Figures, second: Figures) -> int:
    missing = object()
    names = {*first, *second}
    return sum(first.get(name, missing) != second.get(name, missing) for name in names)


def _settings(
    a: Sequence[pd.DataFrame], b: Sequence[pd.DataFrame]
) -> tuple[tuple[str, str, str], ...]:
    """Names the fields of the setting whose values are not the same on both sides."""
    if not a:
        return ()
    left, right = pd.concat(a), pd.concat(b)
    found: list[tuple[str, str, str]] = []
    for name in _SETTING:
        if name in left.columns and name in right.columns:
            here, there = _values(left[name]), _values(right[name])
            if here != there:
                found.append((name, here, there))
    return tuple(found)


def _values(column: pd.Series) -> str:
    known = column.dropna().unique()
    return ", ".join(sorted(f"{v:g}" if isinstance(v, float) else str(v) for v in known)) or "none"
