"""Tables for people: cells with their means, the choice by folds, statistics, failed jobs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from vaebench.analysis import MEASURES, Statistic, measure, summarise
from vaebench.analysis.frames import model_name, symbol
from vaebench.hints import hint
from vaebench.measures import TIMES
from vaebench.report.contents import SettingData
from vaebench.report.tables import Table
from vaebench.store.schema import RELATIVE

ARROWS = {"higher": "\N{NO-BREAK SPACE}↑", "lower": "\N{NO-BREAK SPACE}↓", None: ""}

FEW = ("reconstruction", "kl", "elbo", "mig", "mig_label", "factor_vae_score",
       "dci_disentanglement", "active_units", "wall_seconds")  # fmt: skip
"""Metrics of the table that is shown; the full one has them all."""

MOST_ROWS = 120
"""Rows of a statistic that the page holds; of a longer one there is the CSV."""


def summary_table(data: SettingData) -> Table:
    """Averages every figure over the runs of a cell; cells without a finished run are kept."""
    names = [*data.fit, *data.scores]
    names += ["wall_seconds"] if data.runs["wall_seconds"].notna().any() else []
    done = summarise(data.runs, ["cell"], names).set_index("cell")
    collapsed = data.runs[data.runs["active_units"] == 0].groupby("cell").size()
    rows, figures = [], []
    for cell, group in data.jobs.groupby("cell", sort=False):
        first = group.iloc[0]
        found = done.loc[cell] if cell in done.index else None
        finished = 0 if found is None else int(done["runs"].astype(int)[cell])
        strength = "–"
        if pd.notna(first["strength"]):
            strength = f"{symbol(first['strength_name'])} = {first['strength']:g}"
        fallen = int(collapsed.get(cell, 0))
        count = str(finished) if finished == len(group) else f"{finished} of {len(group)}"
        count += f" ({fallen} collapsed)" if fallen else ""
        cells = [_mean(found, name) for name in names]
        rows.append([first["series"], strength, count, *cells])
        numbers = {} if found is None else found.drop("runs").to_dict()
        named = first[["model", "series", "strength_name", "strength"]].to_dict()
        counts = {"runs": finished, "jobs": len(group), "no_active_unit": fallen}
        figures.append(named | counts | numbers)
    frame = pd.DataFrame(figures)
    sound = frame["no_active_unit"] < frame["runs"]
    best = set()
    for place, name in enumerate(names, start=3):
        better = measure(name).better
        if better is None or name in TIMES or f"{name}_mean" not in frame:
            continue
        means = frame.loc[sound, f"{name}_mean"].dropna()
        if len(means) > 1 and means.nunique() > 1:
            goal = means.max() if better == "higher" else means.min()
            best |= {(int(row), place) for row in means.index[means == goal]}
    over = "folds" if data.spec.folds is not None else "seeds"
    t = "Student’s t"
    t += ", widened by Nadeau & Bengio’s correction as folds share data" if over == "folds" else ""
    caption = (
        f"Mean over {over} ± half the width of its 95 % interval ({t}); a single run has "
        "no interval, nor has UDR, whose runs score each other. Reconstruction, KL and ELBO in "
        "nats per image, wall time in seconds for training and evaluation together. ↑ higher is "
        "better, ↓ lower is better; the best mean of each is marked, cells that collapsed "
        "altogether apart."
    )
    heads = [measure(name).title + ARROWS[measure(name).better] for name in names]
    return Table(
        f"{data.slug}_summary",
        caption,
        ["Model", "Strength", "Runs", *heads],
        rows,
        frame,
        text_columns=2,
        best=frozenset(best),
    )


def short_summary(full: Table) -> Table:
    """Returns the few columns of the summary that can be read at a glance."""
    heads = [measure(name).title + ARROWS[measure(name).better] for name in FEW]
    return full.narrowed(["Model", "Strength", "Runs", *heads])


def _mean(row: Any, name: str) -> str:
    if row is None or pd.isna(row[f"{name}_mean"]):
        return "–"
    about, mean = measure(name), row[f"{name}_mean"]
    if pd.isna(row[f"{name}_high"]) or name in RELATIVE:
        return about.text(mean)
    half = row[f"{name}_high"] - mean
    return f"{about.text(mean, half)} ± {about.text(half, half)}"


def choice_table(data: SettingData, choices: pd.DataFrame) -> Table:
    """Sets the choice of a strength by cross-validation beside the others, a row per strength.

    Args:
        data: The setting.
        choices: Rows of the table `cross_validation` that are of it.
    """
    names = [name for name in MEASURES if name in set(choices["metric"])]
    cells = choices.drop_duplicates("cell")
    titles = data.runs.drop_duplicates("cell").set_index("cell")
    rows, best = [], set()
    for place, cell in enumerate(cells["cell"]):
        mine = choices[choices["cell"] == cell].set_index("metric")
        row = titles.loc[cell]
        texts = []
        for column, name in enumerate(names, start=2):
            if name not in mine.index:
                texts.append("–")
                continue
            about, found = measure(name), mine.loc[name]
            text = about.text(found["mean"])
            if math.isfinite(found["high"]):
                half = found["high"] - found["mean"]
                text = f"{about.text(found['mean'], half)} ± {about.text(half, half)}"
            texts.append(text)
            if bool(found["chosen"]):
                best.add((place, column))
        strength = f"{symbol(str(row['strength_name']))} = {row['strength']:g}"
        rows.append([str(row["series"]), strength, *texts])
    heads = [measure(name).title + ARROWS[measure(name).better] for name in names]
    return Table(
        f"{data.slug}_cross_validation",
        "Means over folds of what was held out ± half the width of their 95 % interval (Nadeau & "
        "Bengio’s correction: folds share training data). Marked: the strength that each metric "
        "chooses for the model.",
        ["Model", "Strength", *heads],
        rows,
        choices.drop(columns=["cell", "setting"]),
        text_columns=2,
        best=frozenset(best),
    )


def statistic_table(about: Statistic, rows: pd.DataFrame) -> Table | None:
    """Makes a statistic readable: names instead of columns' words, intervals in brackets.

    Args:
        about: What the statistic is.
        rows: Its rows.

    Returns:
        The table of all runs (with collapsed ones); None where it has no rows or too many.
    """
    shown = rows[rows["collapsed"] == "with"] if about.versions and len(rows) else rows
    if shown.empty or len(shown) > MOST_ROWS:
        return None
    columns = [name for name in about.columns if name not in ("low", "high")]
    with_ends = "low" in about.columns
    value = about.columns[about.columns.index("low") - 1] if with_ends else ""
    texts = [
        [
            _text(name, row[name])
            + (_ends(row["low"], row["high"]) if with_ends and name == value else "")
            for name in columns
        ]
        for row in shown.to_dict("records")
    ]
    words = sum(not pd.api.types.is_numeric_dtype(shown[name]) for name in columns)
    return Table(about.name, about.note, [_head(n) for n in columns], texts, rows, words)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        if name.startswith("model"):
            return model_name(value)
        named = name in ("metric", "metric_a", "metric_b", "unsupervised", "downstream")
        return measure(value).title if named and value != "all" else value.replace("_", " ")
    if value is None or not math.isfinite(value):
        return "–"
    if float(value).is_integer() and name not in ("share", "probability", "spearman", "mean"):
        return f"{value:,.0f}"
    return f"{value:.3f}".replace("-", "−") if name != "strength" else f"{value:g}"


def _ends(low: float, high: float) -> str:
    if not math.isfinite(low):
        return ""
    return f" [{low:.3f}, {high:.3f}]".replace("-", "−")


def _head(name: str) -> str:
    known = {"spearman": "Spearman’s ρ", "iqm": "IQM", "model_r2": "R² of model",
             "cell_r2": "R² of model and strength", "model_adjusted": "adjusted",
             "cell_adjusted": "adjusted "}  # fmt: skip
    return known.get(name, name.replace("_", " ").capitalize())


def failure_table(data: SettingData, db: str, limit: int = 50) -> Table | None:
    """Lists failed jobs with what went wrong; None where there are none."""
    failed = data.jobs[data.jobs["state"] == "FAILED"]
    if failed.empty:
        return None
    rows = [
        [label, str(seed), key, (error or "no message").splitlines()[0][:200]]
        for label, seed, key, error in zip(
            failed["cell_label"], failed["seed"], failed["job_key"], failed["error"], strict=True
        )
    ][:limit]
    more = f" {len(failed) - limit:,} more are not listed." if len(failed) > limit else ""
    caption = f"Failed jobs. To see the traceback of one: {hint('vaebench show KEY', db)}.{more}"
    kept = failed[["job_key", "model", "cell_label", "seed", "attempts", "error"]]
    heads: Sequence[str] = ["Cell", "Seed", "Key", "Error"]
    return Table(f"{data.slug}_failed", caption, heads, rows, kept, text_columns=4)
