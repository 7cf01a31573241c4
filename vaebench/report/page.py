"""Makes all that the page shows: tables computed, figures and pictures drawn, sections filled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import Any

import pandas as pd

from vaebench.analysis import curves, wide_runs
from vaebench.report import showcase
from vaebench.report.browsing import Browsable, read_pictures
from vaebench.report.computed import Computed, compute
from vaebench.report.contents import (
    SettingData,
    evaluated_on,
    facts,
    mixed_processors,
    settings,
)
from vaebench.report.figures import FIGURES, FigureData
from vaebench.report.looks import sections as looks
from vaebench.report.processes import Advance, of_each
from vaebench.report.questions import PICTURES_BEFORE, QUESTIONS, place
from vaebench.report.rendering import SHARP, Drawing, render
from vaebench.report.sections import (
    CARRYING,
    Answered,
    Block,
    Section,
    answered,
    failures,
    question_sections,
    swept_text,
)
from vaebench.report.style import styled
from vaebench.report.tables import csv
from vaebench.store import Reader, environments_of, processors_of

MOST_CURVES = 60
"""Runs of a setting whose training curves are all drawn; of more, those that stand for cells."""

SEVERAL = 3
"""From so many settings on, figures stand side by side and smaller, and need fewer pixels."""


SECTIONS = (
    "answers",
    "browse",
    "failed",
    *(question.id for question in QUESTIONS if question.id != PICTURES_BEFORE),
    *showcase.TITLES,
    *(each.id for each in looks.PARTS),
    PICTURES_BEFORE,
    "ran",
    "commands",
)
"""Names of the page's parts."""


@dataclass(frozen=True)
class Part:
    """What a report is of, where it is not of all.

    Attributes:
        keys: Job keys; None for all.
        only: Names of the page's parts; empty for all.
    """

    keys: frozenset[str] | None = None
    only: Sequence[str] = ()

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Returns the rows that are of it."""
        return rows if self.keys is None else rows[rows["job_key"].isin(self.keys)]

    def has(self, section: str) -> bool:
        """Says whether a part of the page is."""
        return not self.only or section in self.only


@dataclass(frozen=True)
class Page:
    """All that the page shows, and the files beside it.

    Attributes:
        titles: What each setting is called, by what its files begin with.
        swept: What was swept, in sentences.
        answered: The answers.
        sections: The parts below.
        files: Files beside the page by name.
        figures: Names of the figures.
        tables: Names of the tables.
        browsable: The runs, for the run browser.
        part: What it is of.
    """

    titles: Mapping[str, str]
    swept: Sequence[str]
    answered: Sequence[Answered]
    sections: Sequence[Section]
    files: Mapping[str, bytes] = field(repr=False)
    figures: tuple[str, ...]
    tables: tuple[str, ...]
    browsable: Browsable = field(repr=False)
    part: Part


def make(
    reader: Reader,
    jobs: pd.DataFrame,
    formats: Sequence[str],
    on_progress: Advance,
    part: Part,
) -> Page:
    """Makes all that the page shows of a database.

    Args:
        reader: The database.
        jobs: Its jobs, as `vaebench.analysis.jobs` gives them.
        formats: File formats of the figures.
        on_progress: Is told what is being done.
        part: What of it is shown.
    """
    on_progress("Reading", 0, 1)
    jobs, runs = part.of(jobs), part.of(wide_runs(reader))
    found = settings(jobs, runs)
    on_progress("Reading", 1, 1)
    computed = compute(runs, _advance(on_progress, "Computing tables", _TABLES))
    chosen = _chosen(found)
    data = FigureData(
        computed.runs,
        computed.tables,
        _curves(reader, found, chosen),
        {setting.key: setting.slug for setting in found},
        {setting.key: setting.title for setting in found},
    )
    pictured = {key: showcase.choose(reader, rows) for key, rows in chosen.items()}
    drawn, pictures = _draw(found, data, pictured, formats, on_progress, part)
    common = _common(computed)
    answers = answered(data.views, computed, drawn, common) if part.has("answers") else []
    above = frozenset(part.beside[0].name for part in answers if part.beside is not None)
    sections = question_sections(found, computed, drawn, above, common)
    at = next(n for n, each in enumerate(sections) if each.id == PICTURES_BEFORE)
    advance = partial(on_progress, "Drawing pictures")
    looked = looks.sections(reader, found, pictured, formats, part.has, advance)
    sections[at:at] = [*_pictures(found, pictured, pictures), *looked]
    sections = [failures(found, reader.location), *sections, _ran(reader, found)]
    kept = [section for section in sections if not section.empty and part.has(section.id)]
    answers = [each.linked_to(kept) for each in answers]
    drawings = [each for several in drawn.values() for each in several]
    drawings += [each for several, _ in pictures.values() for each in several]
    drawings += looks.drawings_of(looked)
    if part.only:
        shown = {each.name for each in on_page(answers, kept)}
        drawings = [each for each in drawings if each.name in shown]
    files = {f"figures/{d.name}.{kind}": d.files[kind] for d in drawings for kind in d.files}
    tables: dict[str, None] = {}
    if len(computed.runs):
        tables |= dict.fromkeys(computed.tables)
        files |= {f"tables/{name}.csv": csv(rows) for name, rows in computed.tables.items()}
    for block in (block for section in kept for block in section.blocks):
        for table in (*block.tables, *(table for _, table in block.folded)):
            if table.name not in computed.tables and table.name not in tables:
                tables[table.name] = None
    for section in kept:
        files |= _files(section, computed)
    return Page(
        {setting.slug: setting.title for setting in found},
        swept_text(found, computed.runs),
        answers if len(computed.runs) else (),
        kept,
        files,
        tuple(drawing.name for drawing in drawings),
        tuple(tables),
        _browsable(reader, found, computed, chosen),
        part,
    )


def on_page(answers: Sequence[Answered], sections: Sequence[Section]) -> list[Drawing]:
    """Returns the figures that answers and parts show, in the order to read them."""
    shown = [part.beside[0] for part in answers if part.beside is not None]
    return shown + [
        each for part in sections for block in part.blocks for _, each in block.drawings
    ]


def _browsable(
    reader: Reader,
    found: Sequence[SettingData],
    computed: Computed,
    chosen: Mapping[str, pd.DataFrame],
) -> Browsable:
    """Gathers the runs for the run browser, and the pictures of as many as it has room for."""
    each = {
        data.key: read_pictures(reader, data.runs, chosen[data.key]["job_key"])
        for data in found
        if len(data.runs)
    }
    turns = zip_longest(*(pictures.items() for pictures in each.values()))
    return Browsable(
        computed.runs,
        {data.key: data.title for data in found if len(data.runs)},
        {data.key: data.slug for data in found},
        dict(pair for turn in turns for pair in turn if pair is not None),
    )


_TABLES = 20


def _files(section: Section, computed: Computed) -> dict[str, bytes]:
    """Writes tables of runs: the whole one where a narrow one by its name is shown too."""
    found: dict[str, bytes] = {}
    for block in section.blocks:
        for table in (*block.tables, *(table for _, table in block.folded)):
            if table.name not in computed.tables:
                files = table.files()
                found |= {f"tables/{table.name}.{end}": content for end, content in files.items()}
    return found


def _advance(on_progress: Advance, what: str, total: int) -> Callable[[int], None]:
    return lambda done: on_progress(what, done, total)


def _common(computed: Computed) -> list[str]:
    """Returns what is to be known of intervals, said of more than half of the tables."""
    said = [text for texts in computed.cautions.values() for text in dict.fromkeys(texts)]
    return [text for text in dict.fromkeys(said) if said.count(text) >= 3]


def _chosen(found: Sequence[SettingData]) -> dict[str, pd.DataFrame]:
    with_runs = [data for data in found if len(data.runs)]
    cells = sum(data.runs["cell"].nunique() for data in with_runs)
    return {data.key: showcase.representative(data.runs, cells) for data in with_runs}


def _curves(
    reader: Reader, found: Sequence[SettingData], chosen: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    keys: list[str] = []
    for data in found:
        if len(data.runs):
            every = len(data.runs) <= MOST_CURVES
            keys += (data.runs if every else chosen[data.key])["job_key"].tolist()
    return curves(reader, keys)


Pictures = Mapping[tuple[str, str], tuple[list[Drawing], list[str]]]


def _draw(
    found: Sequence[SettingData],
    data: FigureData,
    pictured: Mapping[str, Sequence[showcase.Shown]],
    formats: Sequence[str],
    on_progress: Advance,
    part: Part,
) -> tuple[dict[str, list[Drawing]], Pictures]:
    """Draws figures and pictures, several at a time."""
    sharp = SHARP if len(found) < SEVERAL else SHARP / 2
    slugs = {each.key: each.slug for each in found}
    kinds = [(key, kind) for key in pictured for kind in showcase.TITLES if part.has(kind)]
    placed = {
        each.name for name, several in place(FIGURES).items() if part.has(name) for each in several
    }
    placed |= {*CARRYING} if part.has("answers") else set()
    wanted = [each for each in FIGURES if each.name in placed]
    data.views  # noqa: B018  made once, before processes are forked

    def figure(place: int) -> list[Drawing]:
        with styled():
            drawn = wanted[place].draw(data)
            return [render(each, stem, formats=formats, sharp=sharp) for stem, each in drawn]

    def picture(key: str, kind: str) -> tuple[list[Drawing], list[str]]:
        with styled():
            return showcase.draw(pictured[key], kind, slugs[key], formats)

    tasks: list[Callable[[], Any]] = [partial(figure, place) for place in range(len(wanted))]
    tasks += [partial(picture, key, kind) for key, kind in kinds]
    if data.runs.empty:
        return {}, {}
    done = of_each(lambda task: task(), tasks, _advance(on_progress, "Drawing", len(tasks)))
    figures = {each.name: result for each, result in zip(wanted, done, strict=False)}
    return figures, dict(zip(kinds, done[len(wanted) :], strict=True))


def _pictures(
    found: Sequence[SettingData],
    pictured: Mapping[str, Sequence[showcase.Shown]],
    pictures: Pictures,
) -> list[Section]:
    sections = []
    for kind, title in showcase.TITLES.items():
        section = Section(kind, title)
        for data in found:
            drawings, remarks = pictures.get((data.key, kind), ([], []))
            if not drawings and not remarks:
                continue
            shown = pictured[data.key]
            block = Block(f"{data.slug}-{kind}", data.title if len(found) > 1 else "")
            if drawings:
                said = showcase.advice(kind, shown, evaluated_on(data.spec))
                plain = any(run.chosen.startswith("Recon") for run in shown)
                said += " Of each cell the run with the median ELBO is shown"
                said += " (without an ELBO, the median reconstruction)." if plain else "."
                if len(shown) < data.runs["cell"].nunique():
                    said += " Not all strengths are shown."
                block.texts.append(said)
            block.texts += remarks
            block.drawings = [("", drawing) for drawing in drawings]
            block.small = True
            section.blocks.append(block)
        sections.append(section)
    return sections


def _ran(reader: Reader, found: Sequence[SettingData]) -> Section:
    """Builds the part on what was run."""
    section = Section("ran", "What was run")
    for data in found:
        keys = data.runs["job_key"].tolist()
        said = facts(data, environments_of(reader, keys))
        said += mixed_processors(data.runs, processors_of(reader, keys))
        section.facts.append((data.title if len(found) > 1 else "", said))
    return section
