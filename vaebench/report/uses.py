"""Answers on using models: choosing one without labels or by folds, and what helps downstream."""

from __future__ import annotations

import math

import numpy as np

from vaebench.analysis import measure
from vaebench.analysis.frames import model_name, symbol
from vaebench.report.figures import View
from vaebench.report.phrases import Answer, counted, gain_text, leading, rank_text, value_text

CHOSEN = {"metric": "by the metric itself", "elbo": "by ELBO", "udr": "by UDR",
          "random": "at random"}  # fmt: skip
DOWNSTREAM = ("downstream_boosted_100", "downstream_logistic_100",
              "downstream_boosted_efficiency", "downstream_logistic_efficiency")  # fmt: skip
"""Downstream scores that are spoken of: where labels are few."""

BEGINNING = {"dataset": "fashion-mnist", "model": "cvae", "strength": 0.5, "network": "conv28",
             "batch_size": 128, "steps": 4688, "latent_dim": 10}  # fmt: skip
"""What the CVAE of the project's first notebook is known by: the study `fashion-cvae`."""

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
    if most < TRIALS:
        return None
    values = rows[rows["trials"] == TRIALS].set_index("chosen_by")["value"]
    gain = values["metric"] - values["random"]
    free = [key for key in ("elbo", "udr") if key in values.index]
    if not free or gain <= 0:
        return None
    about = measure(metric)
    shares = {key: float((values[key] - values["random"]) / gain) for key in free}
    said = ", ".join(f"{CHOSEN[key]} {about.text(values[key])}" for key in (*free, "random"))
    text = (
        f"Of {TRIALS} runs, the one that is best {CHOSEN['metric']} has {about.title} "
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
        chosen.append((f"{sign} = {top['strength']:g}", model_name(str(model))))
        said.append(
            f"{model_name(str(model))}: {sign} = {top['strength']:g}, {measure(metric).title} "
            f"{value_text(metric, top, 'mean')}"
            + (f" (as good: {also})" if also else " (all others are worse)")
        )
    number = int(rows["folds"].iloc[0])
    text = f"By {measure(metric).title} on the fold held out, {number} folds. {'; '.join(said)}."
    claim = ", ".join(f"{strength} for {model}" for strength, model in chosen)
    if len(chosen) > 1 and len({strength for strength, _ in chosen}) == 1:
        claim = f"{chosen[0][0]} for every model"
    return Answer(f"Cross-validation chooses {claim}.", text, "cross_validation")


def beginning(view: View) -> Answer | None:
    """Says how near runs of the project's first CVAE come to what its notebook printed."""
    runs = view.runs
    mine = np.ones(len(runs), dtype=bool)
    for name, value in BEGINNING.items():
        if name not in runs.columns:
            return None
        mine &= (runs[name] == value).to_numpy()
    curves = view.curves
    if not mine.any() or curves.empty:
        return None
    curves = curves[curves["job_key"].isin(runs.loc[mine, "job_key"])]
    epoch = float(curves["step"].max()) / 10
    first = curves.loc[curves["step"] <= epoch].groupby("job_key")["loss"].mean()
    last = curves.loc[curves["step"] > 9 * epoch].groupby("job_key")["loss"].mean()
    if first.empty or last.empty:
        return None
    return Answer(
        f"The CVAE that this project began with comes out again: {first.mean():.1f} and "
        f"{last.mean():.1f} nats an image.",
        "Its notebook printed 294.4 nats an image of training loss in epoch 1 and 232.7 in epoch "
        f"10; {counted(len(last), 'seed')} here give {first.min():.1f} to {first.max():.1f} and "
        f"{last.min():.1f} to {last.max():.1f}.",
        "curves",
    )


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
