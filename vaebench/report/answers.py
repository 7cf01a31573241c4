"""What a sweep answers, in computed sentences: functions of tables that say no more than these."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from vaebench.analysis import measure
from vaebench.analysis.frames import model_name, symbol
from vaebench.analysis.measures import STUDY, SUPERVISED
from vaebench.analysis.resampling import FULL_SEEDS
from vaebench.report.figures import View

LEADING = ("mig", "mig_label", *STUDY, *SUPERVISED)
"""Metrics in the order in which one of them is spoken of for all."""

PARTS = {"seed": "the seed", "model": "the model", "strength": "the strength"}
CHOSEN = {"metric": "by the metric itself", "elbo": "by ELBO", "udr": "by UDR",
          "random": "at random"}  # fmt: skip
DOWNSTREAM = ("downstream_boosted_100", "downstream_logistic_100",
              "downstream_boosted_efficiency", "downstream_logistic_efficiency")  # fmt: skip
"""Downstream scores that are spoken of: where labels are few."""

TRIALS = 10
"""Runs of which one is chosen, where a sentence speaks of choosing."""

APART = 0.05
"""From so large a difference on, what a figure is without collapsed runs is said too."""


@dataclass(frozen=True)
class Answer:
    """An answer to one question.

    Attributes:
        claim: What is found, in a few words.
        text: The sentences that carry it, with numbers and intervals.
        figure: Name of the figure that shows it.
    """

    claim: str
    text: str
    figure: str


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
    )
    return [answer for answer in found if answer is not None]


def leading(names: Sequence[str]) -> str | None:
    """Returns the metric that is spoken of for all: MIG where it is there."""
    return next((name for name in LEADING if name in set(names)), None)


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
        f"{PARTS[part]} {_percent(row.part_share, row.part_low, row.part_high)}"
        for part, row in parts.items()
    )
    text = f"Of the variance of {title} over {_runs(rows, metric)} runs: {said}."
    if view.collapsed:
        rest = _parts(view.table(name, "without"), metric)
        if any(abs(rest[p].part_share - parts[p].part_share) >= APART for p in rest if p in parts):
            said = ", ".join(f"{PARTS[p]} {100 * r.part_share:.0f} %" for p, r in rest.items())
            text += f" Without the {_counted(view.collapsed, 'collapsed run')}: {said}."
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
    row = _row(rows, leading(rows["metric"].tolist()) if len(rows) else None)
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
        f"{_percent(share, row['low'], row['high'])} of pairs by {measure(row['metric']).title}; "
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
        f"The mean of the middle half of its runs is {_value(about.name, first, 'iqm')}; "
        f"{other} comes next with {_value(about.name, second, 'iqm')}."
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
            f"{_percent(win['probability'], win['low'], win['high'])} of pairs."
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
        return f"{one} and {other} ({_rank(pair['spearman'], pair['low'], pair['high'])})"

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
        f"{told}; the median of Spearman’s ρ is {_number(median)}. Most alike: {say(ordered[0])}; "
        f"least: {say(ordered[-1])}."
    )
    return Answer(claim, text, "metric_correlation")


def choosing(view: View) -> Answer | None:
    """Says what choosing a run without labels costs."""
    rows = view.table("best_of")
    metric = leading(rows["metric"].tolist()) if len(rows) else None
    if metric is None:
        return None
    rows = rows[rows["metric"] == metric]
    most = int(rows["trials"].max())
    trials = TRIALS if most > TRIALS else most
    values = rows[rows["trials"] == trials].set_index("chosen_by")["value"]
    gain = values["metric"] - values["random"]
    free = [key for key in ("elbo", "udr") if key in values.index]
    if not free or gain <= 0:
        return None
    about = measure(metric)
    shares = {key: float((values[key] - values["random"]) / gain) for key in free}
    said = ", ".join(f"{CHOSEN[key]} {about.text(values[key])}" for key in (*free, "random"))
    text = (
        f"Of {trials} runs, the one that is best {CHOSEN['metric']} has {about.title} "
        f"{about.text(values['metric'])} on average; chosen {said}. "
    )
    text += " ".join(
        f"{measure(key).title} brings {_gain(share)} of what labels would gain over chance."
        for key, share in shares.items()
    )
    text += _without_labels(view, metric)
    good = [measure(key).title for key, share in shares.items() if share >= 0.5]
    claim = "Choosing without labels costs nearly all that choosing could gain."
    if good:
        claim = f"Without labels, {' and '.join(good)} can choose in part."
    elif any(share >= 0.2 for share in shares.values()):
        claim = "Choosing without labels costs most of what choosing could gain."
    return Answer(claim, text, "best_of")


def _without_labels(view: View, metric: str) -> str:
    rows = view.table("unsupervised_correlation")
    rows = rows[rows["metric"] == metric] if len(rows) else rows
    if rows.empty or rows["spearman"].isna().all():
        return ""
    row = rows.loc[rows["spearman"].abs().idxmax()]
    within = ""
    if math.isfinite(row["within_spearman"]):
        figure = _rank(row["within_spearman"], row["within_low"], row["within_high"])
        within = f", and {figure} among runs that differ in the seed alone"
    return (
        " What is known without labels and goes with it most is "
        f"{measure(row['unsupervised']).title}: "
        f"{_rank(row['spearman'], row['low'], row['high'])} over all runs{within}."
    )


def folds(view: View) -> Answer | None:
    """Says which strength cross-validation chooses for each model."""
    rows = view.table("cross_validation")
    if rows.empty:
        return None
    metric = "elbo" if "elbo" in set(rows["metric"]) else str(rows["metric"].iloc[0])
    rows = rows[rows["metric"] == metric]
    names = view.sample.cells.set_index("cell")["strength_name"]
    said, chosen = [], []
    for model, group in rows.groupby("model", sort=False):
        top = group[group["chosen"]].iloc[0]
        sign = symbol(str(names[top["cell"]]))
        level = group[(group["difference_low"] <= 0) & (group["difference_high"] >= 0)]
        also = ", ".join(f"{value:g}" for value in level["strength"])
        chosen.append(f"{sign} = {top['strength']:g}")
        said.append(
            f"{model_name(str(model))}: {sign} = {top['strength']:g}, {measure(metric).title} "
            f"{_value(metric, top, 'mean')}"
            + (f" (as good: {also})" if also else " (all others are worse)")
        )
    number = int(rows["folds"].iloc[0])
    text = f"By {measure(metric).title} on the fold held out, {number} folds. {'; '.join(said)}."
    alike = " for every model" if len(chosen) > 1 and len(set(chosen)) == 1 else ""
    claim = (
        f"Cross-validation chooses {chosen[0] if alike or len(chosen) == 1 else ', '.join(chosen)}"
    )
    return Answer(f"{claim}{alike}.", text, "cross_validation")


def downstream(view: View) -> Answer | None:
    """Says which metric goes with downstream accuracy from few labels."""
    rows = view.table("downstream_correlation")
    rows = rows[np.isfinite(rows["spearman"])] if len(rows) else rows
    told = []
    claim = ""
    for task in DOWNSTREAM:
        found = rows[rows["downstream"] == task] if len(rows) else rows
        if found.empty:
            continue
        found = found.sort_values("spearman", ascending=False, kind="stable")
        first, last = found.iloc[0], found.iloc[-1]
        if not claim:
            claim = f"Downstream, {measure(first['metric']).title} counts most."
            if not first["low"] > 0:
                claim = "No metric surely goes with downstream accuracy."
        told.append(
            f"{measure(task).title}: most with {measure(first['metric']).title} "
            f"({_rank(first['spearman'], first['low'], first['high'])}), least with "
            f"{measure(last['metric']).title} "
            f"({_rank(last['spearman'], last['low'], last['high'])})."
        )
    return Answer(claim, " ".join(told), "downstream_correlation") if told else None


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
    high = [name for name in ("modularity", "irs", "explicitness") if runs[name].notna().any()]
    spans = [
        f"{measure(name).title} {measure(name).text(runs[name].min())} to "
        f"{measure(name).text(runs[name].max())}"
        for name in high
    ]
    if spans:
        text += (
            f" They score all the same ({', '.join(spans)}): figures are given with and without."
        )
    return Answer(f"{number} of {_counted(total, 'run')} collapsed.", text, "collapse")


def selection(table: pd.DataFrame) -> Answer | None:
    """Says whether hyperparameters that were chosen elsewhere beat chance, over all settings."""
    rows = table[table["collapsed"] == "with"] if len(table) else table
    if rows.empty:
        return None
    said = []
    words = {True: "the same", False: "another"}
    for row in rows.itertuples():
        share = _percent(row.probability, row.low, row.high)
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
        f"explains {100 * row['model_adjusted']:.0f} % and {100 * row['cell_adjusted']:.0f} %. "
        "The paper’s averages (from memory): 37 % and 59 %.",
        "variance_components",
    )


def _row(rows: pd.DataFrame, metric: str | None) -> pd.Series | None:
    found = rows[rows["metric"] == metric] if metric else rows.iloc[:0]
    return None if found.empty else found.iloc[0]


def _runs(rows: pd.DataFrame, metric: str) -> int:
    return int(rows.loc[rows["metric"] == metric, "runs"].iloc[0])


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _percent(share: float, low: float, high: float) -> str:
    ends = f" [{100 * low:.0f}–{100 * high:.0f}]" if math.isfinite(low) else ""
    return f"{100 * share:.0f} %{ends}"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−").replace("−0.00", "0.00")


def _rank(value: float, low: float, high: float) -> str:
    ends = f" [{_number(low)}, {_number(high)}]" if math.isfinite(low) else ""
    return f"ρ = {_number(value)}{ends}"


def _value(name: str, row: pd.Series, column: str) -> str:
    about = measure(name)
    text = about.text(row[column]).replace("-", "−")
    if not math.isfinite(row["low"]):
        return text
    low, high = (about.text(row[end]).replace("-", "−") for end in ("low", "high"))
    return f"{text} [{low}, {high}]"


def _gain(share: float) -> str:
    if share < -0.005:
        return f"less than nothing (−{-100 * share:.0f} %)"
    return "nothing" if share <= 0.005 else f"{100 * share:.0f} %"
