"""The parts of the page, made of answers, figures, tables and what is missing for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from vaebench.report.answers import answers, explained, selection
from vaebench.report.computed import Computed
from vaebench.report.contents import SettingData, dataset_title
from vaebench.report.figures import FIGURES, Figure, View
from vaebench.report.phrases import Answer
from vaebench.report.questions import QUESTIONS, Question, place
from vaebench.report.rendering import Drawing
from vaebench.report.summary import (
    choice_table,
    failure_table,
    short_summary,
    statistic_table,
    summary_table,
)
from vaebench.report.tables import Table

Drawn = Mapping[str, Sequence[Drawing]]
"""Figures by the name of their record."""


@dataclass
class Block:
    """A figure with its words, or some tables, in a section.

    Attributes:
        id: Its anchor.
        title: Its heading; empty for none.
        texts: Paragraphs, above all else.
        drawings: Figures, each with the title of its setting, or an empty one.
        above: Figures that stand in the answer above instead: anchor and title.
        caption: How to read the figures.
        tables: Tables below, in sight.
        folded: Tables below that are folded away, with their heads.
        files: Tables that are files alone: name and number of rows.
        small: Whether figures stand side by side.
    """

    id: str
    title: str = ""
    texts: list[str] = field(default_factory=list)
    drawings: list[tuple[str, Drawing]] = field(default_factory=list)
    above: str = ""
    caption: str = ""
    tables: list[Table] = field(default_factory=list)
    folded: list[tuple[str, Table]] = field(default_factory=list)
    files: list[tuple[str, int]] = field(default_factory=list)
    small: bool = False


@dataclass
class Section:
    """A part of the page.

    Attributes:
        id: Its anchor.
        title: Its heading.
        lead: A paragraph below it.
        blocks: What is in it.
        lacks: What is missing, in whole sentences, by what it is missing for.
        notes: What is to be known, in whole sentences.
        facts: By setting, what was run, as pairs of a word and its explanation.
    """

    id: str
    title: str
    lead: str = ""
    blocks: list[Block] = field(default_factory=list)
    lacks: list[tuple[str, list[str]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: list[tuple[str, Sequence[tuple[str, str]]]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether it says nothing."""
        return not (self.blocks or self.lacks or self.facts)


@dataclass(frozen=True)
class Answered:
    """What one setting, or all together, answers.

    Attributes:
        title: The setting; empty where there is one.
        answers: Each with the anchor of its figure.
        beside: The figure that carries them, with its caption; None where none is drawn.
        notes: What is to be known of all intervals.
    """

    title: str
    answers: Sequence[tuple[Answer, str]]
    beside: tuple[Drawing, Figure] | None
    notes: Sequence[str]

    def linked_to(self, sections: Sequence[Section]) -> Answered:
        """Returns it without the links to what no part of the page has."""
        there = {part.id for part in sections}
        there |= {block.id for part in sections for block in part.blocks}
        linked = [(each, anchor if anchor in there else "") for each, anchor in self.answers]
        return replace(self, answers=linked)


CARRYING = ("variance_components", "cross_validation", "strengths", "paired", "curves", "violins",
            "iqm", "rate_distortion")  # fmt: skip
"""Figures that may stand beside the answers, the best first."""


def question_sections(
    found: Sequence[SettingData],
    computed: Computed,
    drawn: Drawn,
    above: frozenset[str],
    said: Sequence[str],
) -> list[Section]:
    """Builds the parts of the questions.

    Args:
        found: The settings.
        computed: The tables.
        drawn: The figures.
        above: Stems of figures that stand in the answers already.
        said: Notes that are said already.
    """
    placed = place(FIGURES)
    titles = {data.slug: data.title for data in found if len(found) > 1}
    sections = []
    for question in QUESTIONS:
        section = Section(question.id, question.title, question.lead)
        for figure in placed[question.id]:
            block = _figure_block(figure, drawn.get(figure.name, ()), titles, above)
            if block is not None:
                section.blocks.append(block)
        section.blocks += _tables(question, found, computed)
        _say(section, question, computed, said)
        if question.id == "runs":
            section.blocks += _runs(found)
        sections.append(section)
    return sections


def _figure_block(
    figure: Figure, drawings: Sequence[Drawing], titles: Mapping[str, str], above: frozenset[str]
) -> Block | None:
    if not drawings:
        return None
    block = Block(f"figure-{figure.name}", figure.title, caption=figure.caption)
    block.drawings = [
        (titles.get(drawing.name.partition("_")[0], ""), drawing)
        for drawing in drawings
        if drawing.name not in above
    ]
    block.above = next((each.name for each in drawings if each.name in above), "")
    block.small = bool(titles) and len(block.drawings) > 2
    return block


def _tables(question: Question, found: Sequence[SettingData], computed: Computed) -> list[Block]:
    block = Block(f"{question.id}-tables")
    for name in question.tables:
        rows, about = computed.tables[name], computed.record(name)
        if rows.empty:
            continue
        if name == "cross_validation":
            block.tables += [
                choice_table(data, mine)
                for data in found
                if len(mine := rows[(rows["setting"] == data.key) & (rows["collapsed"] == "with")])
            ]
        elif (table := statistic_table(about, rows)) is not None:
            block.folded.append((about.title, table))
        block.files.append((name, len(rows)))
    return [block] if block.files else []


def _say(section: Section, question: Question, computed: Computed, said: Sequence[str]) -> None:
    """Adds what tables lack, and what is to be known of them and was not said yet."""
    for name in question.tables:
        if name == "cross_validation" and computed.runs["fold"].isna().all():
            continue
        if lacks := computed.missing[name]:
            section.lacks.append((computed.record(name).title, lacks))
        if len(computed.tables[name]):
            section.notes += [
                text for text in computed.cautions[name] if text not in (*said, *section.notes)
            ]


def _runs(found: Sequence[SettingData]) -> list[Block]:
    blocks = []
    for data in found:
        full = summary_table(data)
        short = short_summary(full)
        block = Block(f"{data.slug}-summary", data.title if len(found) > 1 else "")
        block.tables.append(short)
        if len(full.columns) > len(short.columns):
            block.folded.append((f"All {len(full.columns) - 3} metrics", full))
        blocks.append(block)
    return blocks


def failures(found: Sequence[SettingData], db: str) -> Section:
    """Builds the part on failed jobs."""
    section = Section("failed", "Failed jobs")
    for data in found:
        table = failure_table(data, db)
        if table is not None:
            title = data.title if len(found) > 1 else ""
            section.blocks.append(Block(f"{data.slug}-failed", title, tables=[table]))
    return section


def answered(
    views: Sequence[View], computed: Computed, drawn: Drawn, common: Sequence[str]
) -> list[Answered]:
    """Answers the questions for every setting, and for all together.

    Args:
        views: The settings that have a run, with their tables.
        computed: The tables.
        drawn: The figures.
        common: What is to be known of the intervals of all.
    """
    anchors = {name: f"figure-{name}" for name, drawings in drawn.items() if drawings}
    anchors |= _elsewhere(anchors)
    parts = []
    together = [explained(computed.tables["variance_explained"])]
    together.append(selection(computed.tables["selection"]))
    for place_, view in enumerate(views):
        shares = computed.record("variance_components")
        missing = {shares.name: shares.missing(view.runs, dataset_title)}
        found = answers(view, missing)
        alone = len(views) == 1
        found += [answer for answer in together if answer is not None and alone]
        beside = _beside(view, drawn) if place_ == 0 else None
        linked = [(answer, anchors.get(answer.figure, "")) for answer in found]
        title = "" if alone else view.title
        parts.append(Answered(title, linked, beside, common if place_ == 0 else ()))
    if len(views) > 1:
        linked = [(each, anchors.get(each.figure, "")) for each in together if each is not None]
        if linked:
            parts.insert(0, Answered("", linked, parts[0].beside, common))
            parts[1] = Answered(parts[1].title, parts[1].answers, None, ())
    return parts


def _elsewhere(anchors: Mapping[str, str]) -> dict[str, str]:
    """Gives the anchor of the section to figures that are not drawn."""
    found: dict[str, str] = {}
    for question in QUESTIONS:
        for name in (*question.figures, *question.tables):
            if name not in anchors:
                found.setdefault(name, question.id)
    return found


def _beside(view: View, drawn: Drawn) -> tuple[Drawing, Figure] | None:
    records = {figure.name: figure for figure in FIGURES}
    for name in CARRYING:
        for drawing in drawn.get(name, ()):
            if drawing.name.startswith(f"{view.slug}_") and name in records:
                return drawing, records[name]
    return None


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


def swept_text(found: Sequence[SettingData], runs: pd.DataFrame) -> list[str]:
    """Says what was swept: a sentence a setting, with how many runs collapsed."""
    sentences = []
    for data in found:
        models = data.jobs["model"].nunique()
        cells = data.jobs["cell"].nunique()
        seeds, folds = data.jobs["seed"].nunique(), data.spec.folds
        mine = runs[runs["setting"] == data.key]
        fallen = int(mine["collapsed"].sum()) if len(mine) else 0
        words = [_counted(models, "model"), f"{_counted(cells, 'cell')} (model and strength)"]
        words.append(
            _counted(seeds, "seed") + (f", {folds} folds of cross-validation" if folds else "")
        )
        failed = data.count("FAILED")
        ends = [f"{_counted(len(mine), 'run')} of {_counted(len(data.jobs), 'job')}"]
        ends += [f"{failed:,} failed"] if failed else ["none failed"]
        if len(mine) and mine["active_units"].notna().any():
            ends.append(f"{fallen:,} collapsed" if fallen else "none collapsed")
        sentences.append(f"{data.title}: {', '.join(words)}. {', '.join(ends).capitalize()}.")
    return sentences


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
