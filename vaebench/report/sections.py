"""The parts of one section of the report: text, tables and figures for one setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vaebench.analysis import curves, long_scores
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
from vaebench.store import Reader

_KL = "kl_latent_"


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
    environments = [dict(t) for t in dict.fromkeys(_items(reader, key) for key in keys)]
    parts = [_failures(data)]
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
        noun = "run is" if total == 1 else "runs are"
        return f"All {total:,} {noun} complete." if total > 1 else "The one run is complete.", False
    names = (("FAILED", "failed"), ("RUNNING", "running or interrupted"), ("PENDING", "pending"))
    rest = [f"{counts[state]:,} {word}" for state, word in names if counts.get(state)]
    start = f"{done:,} of {total:,} runs are complete" if done else f"None of {total:,} runs is"
    start += "" if done else " complete yet"
    return f"{start}: {', '.join(rest)}.", True


def _items(reader: Reader, key: str) -> tuple[tuple[str, object], ...]:
    found = reader.environment(key)
    return tuple((name, _frozen(found[name])) for name in sorted(found))


def _frozen(value: object) -> object:
    return FrozenDict(value) if isinstance(value, dict) else str(value) if isinstance(value, list) else value


def _part(data: SettingData, name: str, title: str) -> Part:
    return Part(f"{data.slug}-{name}", title)


def _failures(data: SettingData) -> Part:
    part = _part(data, "failed", "Failed jobs")
    table = failure_table(data)
    if table is not None:
        part.tables.append(table)
    return part


def _summary(data: SettingData) -> Part:
    part = _part(data, "summary", "Summary")
    part.tables.append(summary_table(data))
    return part
