"""What a sweep answers, in computed sentences: functions of tables that say no more than these."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from vaebench.analysis import measure
from vaebench.analysis.frames import model_name
from vaebench.analysis.resampling import FULL_SEEDS
from vaebench.measures import STUDY, SUPERVISED
from vaebench.report.figures import View
from vaebench.report.phrases import (
    Answer,
    counted,
    leading,
    number_text,
    percent,
    rank_text,
    row_of,
    runs_of,
    value_text,
    whole,
)
from vaebench.report.uses import beginning, choosing, downstream, folds

PARTS = {"seed": "the seed", "model": "the model", "strength": "the strength"}
APART = 0.05
"""From so large a difference on, what a figure is without collapsed runs is said too."""


def answers(view: View, missing: Mapping[str, Sequence[str]]) -> list[Answer]:
    """Answers what the runs of a setting can answer, in the order to read it.

    Args:
        view: The setting, with its computed tables.
        missing: By table, what it lacks, in whole sentences.
    """
    found = (
        decides(view, missing),
        good_seed(view),
        best(view),
        agreement(view),
        choosing(view),
        folds(view),
        downstream(view),
        collapse(view),
        beginning(view),
    )
    return [answer for answer in found if answer is not None]


def decides(view: View, missing: Mapping[str, Sequence[str]]) -> Answer | None:
    """Says whether seed, model or strength decides a metric."""
    name = "variance_components"
    rows = view.table(name)
    if rows.empty:
        if not (lacks := missing.get(name, [])):
            return None
        return Answer("Seed or model? These runs cannot tell.", " ".join(lacks), "strengths")
    metric = leading(rows["metric"].tolist()) or str(rows["metric"].iloc[0])
    parts = _parts(rows, metric)
    title = measure(metric).title
    said = ", ".join(
        f"{PARTS[part]} {percent(row.part_share, row.part_low, row.part_high)}"
        for part, row in parts.items()
    )
    text = f"Of the variance of {title} over {runs_of(rows, metric)} runs: {said}."
    if view.collapsed:
        rest = _parts(view.table(name, "without"), metric)
        if any(abs(rest[p].part_share - parts[p].part_share) >= APART for p in rest if p in parts):
            said = ", ".join(f"{PARTS[p]} {100 * r.part_share:.0f} %" for p, r in rest.items())
            text += f" Without the {counted(view.collapsed, 'collapsed run')}: {said}."
    text += _over_metrics(rows)
    first, *others = parts.values()
    word = next(iter(parts))
    surely = len(view.sample.seeds) >= FULL_SEEDS
    surely = surely and all(first.part_low > other.part_high for other in others)
    claim = f"{PARTS[word].capitalize()} decides most of {title}."
    if not surely:
        claim = f"{PARTS[word].capitalize()} seems to decide most of {title}, not surely."
    if len(parts) == 1:
        claim = f"All that differs in {title} comes with {PARTS[word]}."
    return Answer(claim, text, name)


def _parts(rows: pd.DataFrame, metric: str) -> dict[str, pd.Series]:
    """Returns seed, model and strength with their shares, the greatest first."""
    chosen = rows[rows["metric"] == metric].drop_duplicates("part")
    ordered = chosen.sort_values("part_share", ascending=False, kind="stable")
    return {str(row["part"]): row for _, row in ordered.iterrows()}


def _over_metrics(rows: pd.DataFrame) -> str:
    seed = rows[(rows["part"] == "seed") & rows["metric"].isin(SUPERVISED)]
    seed = seed.drop_duplicates("metric").sort_values("part_share", kind="stable")
    if len(seed) < 2:
        return ""
    low, high = seed.iloc[0], seed.iloc[-1]
    return (
        f" Over {len(seed)} metrics the seed’s share goes from {100 * low['part_share']:.0f} % "
        f"({measure(low['metric']).title}) to {100 * high['part_share']:.0f} % "
        f"({measure(high['metric']).title})."
    )


def good_seed(view: View) -> Answer | None:
    """Says how often a good seed beats good hyperparameters."""
    rows = view.table("seed_or_strength")
    row = row_of(rows, leading(rows["metric"].tolist()) if len(rows) else None)
    if row is None:
        return None
    share = float(row["probability"])
    claim = "Good hyperparameters beat a good seed."
    if share >= 0.35:
        claim = "A good seed is worth about as much as good hyperparameters."
    elif share >= 0.2:
        claim = "Good hyperparameters mostly beat a good seed."
    return Answer(
        claim,
        f"A run of a worse cell (model and strength) beats a run of a better one in "
        f"{percent(share, row['low'], row['high'])} of pairs by {measure(row['metric']).title}; "
        "50 % would mean that the seed alone decides.",
        "seed_or_strength",
    )


def best(view: View) -> Answer | None:
    """Says which model is best, and whether it is told from the next."""
    rows = view.table("iqm")
    metric = leading(rows["metric"].tolist()) if len(rows) else None
    rows = rows[rows["metric"] == metric] if metric else rows
    if len(rows) < 2 or metric is None:
        return None
    rows = rows.sort_values("iqm", ascending=False, kind="stable")
    first, second = rows.iloc[0], rows.iloc[1]
    about = measure(metric)
    one, other = model_name(first["model"]), model_name(second["model"])
    text = (
        f"The mean of the middle half of its runs is {value_text(about.name, first, 'iqm')}; "
        f"{other} comes next with {value_text(about.name, second, 'iqm')}."
    )
    wins = view.table("improvement")
    wins = wins[
        (wins["metric"] == metric)
        & (wins["model_a"] == first["model"])
        & (wins["model_b"] == second["model"])
    ]
    sure = math.isfinite(first["low"]) and first["low"] > second["high"]
    if len(wins):
        win = wins.iloc[0]
        text += (
            f" One of its runs beats one of {other} in "
            f"{percent(win['probability'], win['low'], win['high'])} of pairs."
        )
        sure = bool(win["low"] > 0.5)
    sure = sure and len(view.sample.seeds) >= FULL_SEEDS
    claim = f"Best by {about.title}: {one}"
    return Answer(f"{claim}." if sure else f"{claim}, but not surely.", text, "iqm")


def agreement(view: View) -> Answer | None:
    """Says which metrics agree."""
    rows = view.table("metric_correlation")
    if rows.empty:
        return None
    there = set(rows["metric_a"])
    names = [name for name in STUDY if name in there]
    if len(names) < 2:
        names = [name for name in SUPERVISED if name in there]
    by_pair = rows.set_index(["metric_a", "metric_b"])
    pairs = [by_pair.loc[pair] for pair in combinations(names, 2) if pair in by_pair.index]
    pairs = [pair for pair in pairs if math.isfinite(pair["spearman"])]
    if not pairs:
        return None
    ordered = sorted(pairs, key=lambda pair: -pair["spearman"])

    def say(pair: pd.Series) -> str:
        one, other = (measure(name).title for name in pair.name)
        return f"{one} and {other} ({rank_text(pair['spearman'], pair['low'], pair['high'])})"

    if len(pairs) == 1:
        claim = "The two metrics agree." if pairs[0]["low"] > 0 else "Two metrics, one number."
        return Answer(claim, f"Spearman’s ρ of {say(pairs[0])}.", "metric_correlation")
    median = float(np.median([pair["spearman"] for pair in pairs]))
    alike = sum(pair["low"] > 0 for pair in pairs)
    against = sum(pair["high"] < 0 for pair in pairs)
    told = f"Of {len(pairs)} pairs of metrics, {alike} order the runs alike (interval above 0)"
    told += f" and {against} against each other" if against else ""
    if not any(math.isfinite(pair["low"]) for pair in pairs):
        told = f"There are {len(pairs)} pairs of metrics"
    claim = "The metrics agree mostly." if median >= 0.6 else "The metrics agree in part."
    claim = "The metrics hardly agree." if median < 0.3 else claim
    text = (
        f"{told}; the median of Spearman’s ρ is {number_text(median)}. "
        f"Most alike: {say(ordered[0])}; least: {say(ordered[-1])}."
    )
    return Answer(claim, text, "metric_correlation")


def collapse(view: View) -> Answer | None:
    """Says how many runs collapsed, which, and what they score all the same."""
    rows = view.table("collapse")
    number = int(rows["collapsed"].sum()) if len(rows) else 0
    total = int(rows["runs"].sum()) if len(rows) else 0
    if not number:
        return None
    models = rows.groupby("model", sort=False)[["collapsed", "runs"]].sum()
    models = models[models["collapsed"] > 0].sort_values(
        "collapsed", ascending=False, kind="stable"
    )
    said = ", ".join(
        f"{model_name(str(model))} {row['collapsed']} of {row['runs']}"
        for model, row in models.iterrows()
    )
    text = f"No latent of theirs is active: {said}."
    runs = view.runs[view.runs["collapsed"]]
    whole = ("modularity", "irs", "explicitness")
    high = [name for name in whole if name in view.sample.having(whole) and runs[name].any()]
    spans = [
        f"{measure(name).title} {measure(name).text(runs[name].min())} to "
        f"{measure(name).text(runs[name].max())}"
        for name in high
    ]
    if spans:
        text += (
            f" They score all the same ({', '.join(spans)}): figures are given with and without."
        )
    return Answer(f"{number} of {counted(total, 'run')} collapsed.", text, "collapse")


def selection(table: pd.DataFrame) -> Answer | None:
    """Says whether hyperparameters that were chosen elsewhere beat chance, over all settings."""
    rows = table[table["collapsed"] == "with"] if len(table) else table
    if rows.empty:
        return None
    said = []
    words = {True: "the same", False: "another"}
    for row in rows.itertuples():
        share = percent(row.probability, row.low, row.high)
        said.append(f"{words[bool(row.same_metric)]} metric on {words[bool(row.same_dataset)]} "
                    f"data set {share}")  # fmt: skip
    return Answer(
        "Chosen hyperparameters against chance.",
        "The cell that is best with one seed beats a uniformly drawn one with another seed, judged "
        f"by {'; '.join(said)}; 50 % is chance (the paper’s Table 1, computed exactly).",
        "selection",
    )


def explained(table: pd.DataFrame) -> Answer | None:
    """Gives the average of the paper's own R² over data sets and metrics, beside the paper's."""
    rows = table[(table["dataset"] == "all") & (table["collapsed"] == "with")]
    if rows.empty or not math.isfinite(rows["cell_r2"].iloc[0]):
        return None
    row = rows.iloc[0]
    return Answer(
        f"In the paper’s own terms: the model {100 * row['model_r2']:.0f} %, model and strength "
        f"{100 * row['cell_r2']:.0f} %.",
        "Raw R², averaged over data sets and the study’s metrics; adjusted for what chance alone "
        f"explains {whole(row['model_adjusted'])} % and {whole(row['cell_adjusted'])} %. "
        "The paper’s averages (from memory): 37 % and 59 %.",
        "variance_components",
    )
