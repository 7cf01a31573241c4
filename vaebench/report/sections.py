"""The parts of one section of the report: text, tables and figures for one setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from vaebench.analysis import curves, latent_kl
from vaebench.analysis.frames import symbol
from vaebench.report import showcase
from vaebench.report.contents import (
    SettingData,
    decompositions,
    facts,
    failure_table,
    summary_table,
    variance_table,
)
from vaebench.report.distributions import LEAST, distribution_figure, time_figure
from vaebench.report.shares import share_figure
from vaebench.report.strengths import FEW, strength_figure
from vaebench.report.style import Drawing, render
from vaebench.report.tables import Table
from vaebench.report.training import curve_figure
from vaebench.store import Reader, environments_of


@dataclass
class Part:
    """A part of a section.

    Attributes:
        id: Its anchor.
        title: Its heading.
        texts: Paragraphs.
        tables: Tables, below the paragraphs.
        drawings: Figures, below the tables.
        side_by_side: Whether figures stand beside each other where there is room.
    """

    id: str
    title: str
    texts: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    side_by_side: bool = False


@dataclass(frozen=True)
class Section:
    """All that the report says of one setting.

    Attributes:
        id: Its anchor.
        title: Its heading.
        state: How many jobs are done, failed and to come, in a sentence.
        alarming: Whether something failed or is missing.
        facts: What was run, as pairs of a word and its explanation.
        parts: Its parts.
    """

    id: str
    title: str
    state: str
    alarming: bool
    facts: Sequence[tuple[str, str]]
    parts: Sequence[Part]


def section(reader: Reader, data: SettingData, formats: Sequence[str]) -> Section:
    """Builds the section of one setting.

    Args:
        reader: The database.
        data: The setting's jobs and runs.
        formats: File formats of the figures.
    """
    keys = data.runs["job_key"].tolist()
    environments = environments_of(reader, keys)
    parts = [_failures(reader, data)]
    if keys:
        parts += [_summary(data), *_strengths(data, formats)]
        parts += [_distributions(data, formats), _variance(data, formats), _times(data, formats)]
        parts += [_curves(reader, data, formats), *_pictures(reader, data, formats)]
    kept = [part for part in parts if part.tables or part.drawings or part.texts]
    state, alarming = state_text({s: data.count(s) for s in data.jobs["state"].unique()})
    return Section(data.slug, data.title, state, alarming, facts(data, environments), kept)


def state_text(counts: dict[str, int]) -> tuple[str, bool]:
    """Says in a sentence how far a sweep is, and whether that is less than all.

    Args:
        counts: Number of jobs by state.
    """
    total, done = sum(counts.values()), counts.get("COMPLETE", 0)
    if total == 0:
        return "There are no jobs.", True
    if done == total:
        return (
            f"All {total:,} runs are complete." if total > 1 else "The one run is complete."
        ), False
    names = (("FAILED", "failed"), ("RUNNING", "running or interrupted"), ("PENDING", "pending"))
    rest = [f"{counts[state]:,} {word}" for state, word in names if counts.get(state)]
    start = f"{done:,} of {total:,} runs are complete" if done else f"None of {total:,} runs is"
    start += "" if done else " complete yet"
    return f"{start}: {', '.join(rest)}.", True


def _part(data: SettingData, name: str, title: str) -> Part:
    return Part(f"{data.slug}-{name}", title)


def _failures(reader: Reader, data: SettingData) -> Part:
    part = _part(data, "failed", "Failed jobs")
    table = failure_table(data, reader.location)
    if table is not None:
        part.tables.append(table)
    return part


def _summary(data: SettingData) -> Part:
    part = _part(data, "summary", "Summary")
    part.tables.append(summary_table(data))
    return part


def _strengths(data: SettingData, formats: Sequence[str]) -> list[Part]:
    parts = []
    swept = data.runs.dropna(subset=["strength"])
    for name, group in swept.groupby("strength_name", sort=False):
        sign = symbol(str(name))
        part = _part(data, f"by-{name}".replace("_", "-"), f"Against {sign}")
        parts.append(part)
        if group["strength"].nunique() < 2:
            value = f"{group['strength'].iloc[0]:g}"
            part.texts.append(f"All runs have {sign} = {value}: there is nothing to compare.")
            continue
        most = int(data.runs.groupby("cell").size().max())
        read = "Line: single runs."
        if most > 1:
            read = (
                "Line: mean; bars: 95 % interval of the mean over seeds (Student’s t), cut off "
                "where it goes far beyond the runs; small open points: single seeds, where a cell "
                f"has at most {FEW}."
            )
        if data.runs["strength_name"].isna().any():
            read += " Dashed level lines: models without a strength, with their interval."
        for kind, names, title in (
            ("fit", data.fit, "Reconstruction, KL and ELBO"),
            ("scores", data.scores, "Scores"),
        ):
            if not names or group[names].isna().all(axis=None):
                continue
            drawn = [n for n in names if group[n].notna().any()]
            figure = strength_figure(data.runs, drawn, str(name))
            stem = f"{data.slug}_{kind}_by_{name}"
            caption = f"{title} against {sign}, on held-out data. {read}"
            alt = f"Line charts of {', '.join(drawn)} against {name}, one line per model."
            part.drawings.append(render(figure, stem, caption, alt, formats=formats))
    return parts


def _distributions(data: SettingData, formats: Sequence[str]) -> Part:
    part = _part(data, "distributions", "Distributions")
    names = [*data.fit, *data.scores]
    if not names:
        return part
    caption = (
        "Each metric over all runs of a model, strengths and seeds together; the bar is the "
        f"median. A violin is drawn from {LEAST} runs on that differ."
    )
    alt = f"Violins with points of {', '.join(names)}, one row per model."
    figure = distribution_figure(data.runs, names)
    name = f"{data.slug}_distributions"
    part.drawings.append(render(figure, name, caption, alt, formats=formats))
    return part


def _variance(data: SettingData, formats: Sequence[str]) -> Part:
    part = _part(data, "variance", "What explains the variance")
    if data.runs["cell"].nunique() < 2:
        part.texts.append("One cell only: there is nothing that its runs could be told apart by.")
        return part
    found = decompositions(data)
    if not any(found.values()):
        part.texts.append("No metric differs between runs.")
        return part
    told = {name: p for name, p in found.items() if p is not None and p.seed is not None}
    if told:
        chance = next(iter(told.values())).cell
        part.texts.append(
            f"How much of a metric’s variance over the {chance.runs} runs its model explains, how "
            f"much the {chance.groups} cells of model × strength, and what is left to the seed. "
            f"Read it with care where seeds are few: {chance.groups} groups that meant nothing "
            f"would explain {100 * chance.chance:.0f} % on average."
        )
        caption = (
            "Variance explained. The orange mark shows where model and strength together would "
            "end on average if they meant nothing."
        )
        alt = f"Stacked bars: shares of model, strength and seed for {', '.join(told)}."
        name = f"{data.slug}_variance"
        part.drawings.append(render(share_figure(told), name, caption, alt, formats=formats))
    else:
        part.texts.append(
            "No cell has more than one run, so strength and seed cannot be told apart. Train more "
            "seeds: vaebench sweep … --seeds 3."
        )
    part.tables.append(variance_table(data, found))
    return part


def _times(data: SettingData, formats: Sequence[str]) -> Part:
    part = _part(data, "time", "Wall time")
    timed = data.runs.dropna(subset=["wall_seconds"])
    if timed.empty:
        return part
    caption = "Mean wall time of a run, training and evaluation apart; points: single runs in all."
    alt = "Bars of wall time per model, training and evaluation apart."
    name = f"{data.slug}_wall_time"
    part.drawings.append(render(time_figure(timed), name, caption, alt, formats=formats))
    return part


def _curves(reader: Reader, data: SettingData, formats: Sequence[str]) -> Part:
    part = _part(data, "curves", "Training curves")
    frame = curves(reader, data.runs["job_key"])
    if frame.empty:
        return part
    caption = (
        "One thin line per run, averaged over the steps between two logged points. Reconstruction "
        "and KL share a scale down their column; losses of different models are different "
        "objectives and do not. Scales are logarithmic where values span more than a factor of ten."
    )
    alt = "Line charts of loss, reconstruction and KL over training steps, one row per model."
    name = f"{data.slug}_curves"
    figure = curve_figure(data.runs, frame)
    part.drawings.append(render(figure, name, caption, alt, formats=formats))
    return part


def _pictures(reader: Reader, data: SettingData, formats: Sequence[str]) -> list[Part]:
    shown = showcase.choose(data.runs, reader.artifacts, partial(latent_kl, reader))
    parts = []
    for kind, title in showcase.TITLES.items():
        part = _part(data, kind, title)
        part.drawings, part.texts = showcase.draw(shown, kind, data.slug, formats)
        part.side_by_side = True
        if part.drawings:
            plain = any(run.chosen.startswith("Recon") for run in shown)
            chosen = "For each model and strength, the run with the median ELBO over seeds is shown"
            chosen += " (without an ELBO, the median reconstruction)." if plain else "."
            part.texts.insert(0, f"{showcase.ADVICE[kind]} {chosen}")
        parts.append(part)
    return parts
