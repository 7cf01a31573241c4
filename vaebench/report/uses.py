"""Answers on using models: choosing one without labels or by folds, and what helps downstream."""

from __future__ import annotations

import math

import numpy as np

from vaebench.analysis import measure
from vaebench.analysis.frames import model_name, symbol
from vaebench.report.figures import View
from vaebench.report.phrases import Answer, gain_text, leading, rank_text, value_text

CHOSEN = {"metric": "by the metric itself", "elbo": "by ELBO", "udr": "by UDR",
          "random": "at random"}  # fmt: skip
DOWNSTREAM = ("downstream_boosted_100", "downstream_logistic_100",
              "downstream_boosted_efficiency", "downstream_logistic_efficiency")  # fmt: skip
"""Downstream scores that are spoken of: where labels are few."""

TRIALS = 10
"""Runs of which one is chosen, where a sentence speaks of choosing."""


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
        f"{measure(key).title} brings {gain_text(share)} of what labels would gain over chance."
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
        figure = rank_text(row["within_spearman"], row["within_low"], row["within_high"])
        within = f", and {figure} among runs that differ in the seed alone"
    return (
        " What is known without labels and goes with it most is "
        f"{measure(row['unsupervised']).title}: "
        f"{rank_text(row['spearman'], row['low'], row['high'])} over all runs{within}."
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
            f"{value_text(metric, top, 'mean')}"
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
            f"({rank_text(first['spearman'], first['low'], first['high'])}), least with "
            f"{measure(last['metric']).title} "
            f"({rank_text(last['spearman'], last['low'], last['high'])})."
        )
    return Answer(claim, " ".join(told), "downstream_correlation") if told else None
