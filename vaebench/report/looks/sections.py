"""The parts of the report that show runs beside each other, and each run's ways and planes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd

from vaebench.analysis import representatives
from vaebench.analysis.udr import codes
from vaebench.report import showcase
from vaebench.report.contents import SettingData, dataset_title
from vaebench.report.looks import images, plane, strips, walks
from vaebench.report.looks.walks import Drawn
from vaebench.report.pictures import Block as Tiles
from vaebench.report.pictures import picture
from vaebench.report.processes import of_each
from vaebench.report.rendering import Drawing, render
from vaebench.report.sections import Block, Section
from vaebench.report.showcase import Shown
from vaebench.report.style import styled
from vaebench.store import Reader

LACKS = (
    "Traversals over the fitted marginal, ways between images, attributes and the factor × latent "
    "matrix are not there: an older vaebench evaluated these runs. vaebench evaluate --all "
    "draws them where the trained models are kept."
)
"""What is said of runs without the pictures that are made since they were evaluated."""


@dataclass(frozen=True)
class Part:
    """A part of the report.

    Attributes:
        id: Its anchor, and what its figures' names hold.
        title: Its heading.
        lead: How to read it.
    """

    id: str
    title: str
    lead: str


PARTS = (
    Part(
        "strips",
        "From weak to strong: the same images",
        "The run with the median ELBO of every strength, on the same images and along one latent: "
        "what a stronger regulariser costs in detail, and what it does to a latent.",
    ),
    Part(
        "failures",
        "How runs fail",
        "Of each model the cell whose worst run is farthest below its median one by ELBO (an "
        "autoencoder’s by reconstruction), and the weakest strength with a run that has no active "
        "unit. Single runs are shown here because a median hides them.",
    ),
    Part(
        "marginal",
        "What latents do, and what they know",
        "Each row moves one latent over the Gaussian that is fitted to its codes, from the code of "
        "the first image; rows are sorted by the standard deviation (sd) of the codes. Beside "
        "them, in the same order: the mutual information of latents and factors as a share of the "
        "factor’s entropy (20 bins, as for MIG), and, with --scores all, DCI’s importances. A "
        "disentangled model has one dark cell in each row and at most one in each column.",
    ),
    Part(
        "ways",
        "Between images, and attributes added",
        "Straight lines between the codes of two images, with the label of the first; and the mean "
        "code with an attribute minus the mean code without it, added step by step to an image "
        "that lacks it.",
    ),
    Part(
        "plane",
        "Two latents, whole",
        "Codes of held-out images by class, and what is decoded within the dashed frame: the "
        "prior’s middle, three standard deviations each way, or, where there is no prior, what "
        "holds 95 % of the codes each way.",
    ),
    Part(
        "autoencoder",
        "An autoencoder beside a VAE",
        "An autoencoder’s codes lie anywhere, so that draws of a standard normal miss them and "
        "what lies between two codes need not be an image; the prior is what fills the gaps.",
    ),
    Part("images", "The data themselves", ""),
)
"""The parts, in the order to read them."""

Draw = Callable[[], Drawn | None]


@dataclass
class _Task:
    part: str
    data: SettingData
    name: str
    draw: Draw


@dataclass
class _Tasks:
    """What is to be drawn; names of figures are numbered where they are alike."""

    tasks: list[_Task] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)

    def add(self, part: str, data: SettingData, what: str, draw: Draw) -> None:
        name = f"{data.slug}_{part}" + (f"_{what}" if what else "")
        number = self.names[name] = self.names.get(name, 0) + 1
        self.tasks.append(_Task(part, data, f"{name}-{number}" if number > 1 else name, draw))


def sections(
    reader: Reader,
    found: Sequence[SettingData],
    pictured: dict[str, list[Shown]],
    formats: Sequence[str],
    wanted: Callable[[str], bool] = lambda part: True,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> list[Section]:
    """Builds the parts; those without a figure are empty.

    Args:
        reader: The database.
        found: Its settings.
        pictured: By the key of a setting, the runs that stand for its cells.
        formats: File formats of the figures.
        wanted: Says of a part's anchor whether its figures are drawn.
        advance: Is told how many figures are drawn, and of how many.
    """
    todo = _Tasks()
    for data in found:
        if len(data.runs):
            _plan(reader, data, pictured.get(data.key, []), todo)
    _plan_images(found, todo)
    tasks = [task for task in todo.tasks if wanted(task.part)]

    def one(task: _Task) -> Drawing | None:
        with styled():
            drawn = task.draw()
            if drawn is None:
                return None
            return render(drawn[0], task.name, formats=formats, patches=drawn[1])

    drawings = of_each(one, tasks, lambda done: advance(done, len(tasks)))
    return [_section(part, found, tasks, drawings, pictured) for part in PARTS if wanted(part.id)]


def drawings_of(parts: Sequence[Section]) -> list[Drawing]:
    """Lists the figures of parts."""
    return [each for part in parts for block in part.blocks for _, each in block.drawings]


def _section(
    part: Part,
    found: Sequence[SettingData],
    tasks: Sequence[_Task],
    drawings: Sequence[Drawing | None],
    pictured: dict[str, list[Shown]],
) -> Section:
    section = Section(part.id, part.title, part.lead)
    for data in found:
        block = Block(f"{data.slug}-{part.id}", data.title if len(found) > 1 else "")
        if part.id == "images":
            block.title = dataset_title(data.spec.dataset) if len(found) > 1 else ""
        block.drawings = [
            ("", drawing)
            for task, drawing in zip(tasks, drawings, strict=True)
            if drawing is not None and task.part == part.id and task.data is data
        ]
        block.small = part.id in ("ways", "autoencoder")
        if block.drawings:
            section.blocks.append(block)
        runs = pictured.get(data.key, [])
        old = [run for run in runs if run.artifacts and "marginal" not in run.artifacts]
        if part.id == "marginal" and old:
            said = "all" if len(old) == len(runs) else f"{len(old)} of {len(runs)}"
            section.lacks.append((data.title, [f"Of {said} runs shown: {LACKS}"]))
    return section


def _plan(reader: Reader, data: SettingData, shown: Sequence[Shown], todo: _Tasks) -> None:
    chosen = representatives(data.runs)
    for _, cells in chosen.groupby("series", sort=False):
        model = str(cells["model"].iloc[0])
        if cells["strength"].nunique() > 1:
            ordered = showcase.choose(reader, cells.sort_values("strength", kind="stable"))
            rows = [strips.Row(run.short, run) for run in ordered]
            todo.add("strips", data, model, partial(_strip, rows[0].run.series, rows))
    for series, runs in data.runs.groupby("series", sort=False):
        if words := strips.failed(runs):
            keys = [key for _, key in words]
            picked = runs.set_index("job_key", drop=False).loc[keys].assign(chosen_by="")
            by = "elbo" if runs["elbo"].notna().any() else "reconstruction"
            picked = picked.assign(chosen_by=by if picked[by].notna().all() else "")
            every = showcase.choose(reader, picked)
            pairs = zip(words, every, strict=True)
            rows = [_failed_row(word, run) for (word, _), run in pairs]
            model = str(runs["model"].iloc[0])
            todo.add("failures", data, model, partial(_failure, str(series), rows))
    for run in shown:
        todo.add("marginal", data, run.model, partial(walks.draw, run, "marginal"))
        for kind in ("interpolation", "attributes"):
            todo.add("ways", data, f"{kind}_{run.model}", partial(walks.draw, run, kind))
    _plan_planes(reader, data, chosen, shown, todo)
    if (both := strips.pair(chosen)) is not None:
        rows_of = chosen.set_index("job_key", drop=False).loc[list(both)]
        runs_of = showcase.choose(reader, rows_of)
        for kind in ("samples", "interpolation"):
            todo.add("autoencoder", data, kind, partial(_beside, runs_of, kind))


def _plan_planes(
    reader: Reader,
    data: SettingData,
    chosen: pd.DataFrame,
    shown: Sequence[Shown],
    todo: _Tasks,
) -> None:
    """Plans the planes, of models with two latents."""
    if data.spec.latent_dim != 2:
        return
    keys = {(row["cell_label"], row["seed"]): row for row in chosen.to_dict("records")}
    for run in shown:
        row = keys[run.cell_label, run.seed]
        key = str(row["job_key"])
        stored = reader.representations(str(row["cell"]), key).get(key)
        points = None if stored is None else codes(stored)
        todo.add("plane", data, run.model, partial(plane.draw, run, points))


def _plan_images(found: Sequence[SettingData], todo: _Tasks) -> None:
    """Plans a sheet of each data set that is at hand."""
    seen: set[str] = set()
    for data in found:
        name = data.spec.dataset
        if name in seen or ":" in name or data.runs.empty:
            continue
        seen.add(name)
        todo.add("images", data, "", partial(_sheet, name))


def _sheet(name: str) -> Drawn | None:
    """Draws a data set that is at hand; opened where it is drawn, as some come with torch."""
    data = images.at_hand(name)
    return None if data is None else picture([images.sheet(data)])


def _pictured(blocks: Sequence[Tiles]) -> Drawn | None:
    return picture(blocks) if blocks else None


def _failed_row(word: str, run: Shown) -> strips.Row:
    texts = (word, run.short if run.short != run.series else "", f"seed {run.seed}")
    more = f" · {run.chosen}" if run.chosen else ""
    return strips.Row(" · ".join(text for text in texts if text), run, more)


def _strip(series: str, rows: Sequence[strips.Row]) -> Drawn | None:
    blocks = [*strips.reconstructions(rows), *strips.latents(rows)]
    return _pictured([_titled(series, block) for block in blocks])


def _failure(series: str, rows: Sequence[strips.Row]) -> Drawn | None:
    blocks = [*strips.reconstructions(rows), *strips.samples(rows), *strips.latents(rows)]
    return _pictured([_titled(series, block) for block in blocks])


def _beside(runs: Sequence[Shown], kind: str) -> Drawn | None:
    """Sets one picture of two runs below each other; None where one of them lacks it."""
    what = {"samples": "draws of the prior", "interpolation": "between two images"}[kind]
    blocks = []
    for run in runs:
        plain = kind == "samples" and run.model == strips.PLAIN
        said = "draws of a standard normal" if plain else what
        block = showcase.block_of(run, kind)
        if block is not None:
            title = f"{run.cell_label} · seed {run.seed}: {said}"
            blocks.append(replace(block, title=title))
    return _pictured(blocks) if len(blocks) == 2 else None


def _titled(text: str, block: Tiles) -> Tiles:
    """Returns a block with a text before its title."""
    return replace(block, title=f"{text}: {block.title[0].lower()}{block.title[1:]}")
