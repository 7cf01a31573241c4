"""Facts about every figure: its size, its name, its texts, and that too little gives none."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations, pairwise

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text

from tests.report.figures.frames import STRENGTHS, figure_data, folds, frame, study
from vaebench.analysis import TABLES
from vaebench.measures import SUPERVISED
from vaebench.report.figures import ALL, FIGURES, Figure, FigureData
from vaebench.report.style import styled

EACH = pytest.mark.parametrize("record", FIGURES, ids=lambda record: record.name)


@pytest.fixture(autouse=True)
def in_style() -> Iterator[None]:
    with styled():
        yield


@cache
def of_two(record: Figure) -> dict[str, Canvas]:
    """The figure of a study of two data sets."""
    return dict(record.draw(study(datasets=2)))


@cache
def drawn(record: Figure) -> dict[str, Canvas]:
    """The figure of a study of one data set, of one of two, of folds and of one metric.

    Each is drawn, once for all tests; of two data sets, the second's are as the first's.
    """
    found = dict(record.draw(study()))
    found |= {
        f"two {stem}": figure
        for stem, figure in of_two(record).items()
        if not stem.startswith("noisy-dsprites")
    }
    found |= {f"folds {stem}": figure for stem, figure in record.draw(folds())}
    found |= {f"one metric {stem}": figure for stem, figure in record.draw(one_metric())}
    for figure in found.values():
        FigureCanvasAgg(figure).draw()
    return found


@cache
def one_metric() -> FigureData:
    """A study of one supervised metric."""
    runs = frame(tuple(STRENGTHS)[:2], 3)
    return figure_data(
        runs.drop(columns=[name for name in SUPERVISED if name in runs and name != "mig"])
    )


def renderer_of(figure: Canvas) -> RendererAgg:
    assert isinstance(figure.canvas, FigureCanvasAgg)
    return figure.canvas.get_renderer()


@cache
def too_little() -> tuple[FigureData, ...]:
    """One run; runs without any figure that is a number; one seed of a model."""
    runs = study().runs
    blank = runs.select_dtypes("float").columns.difference(["strength", "fold", "folds"])
    nothing = runs.iloc[:40].assign(**dict.fromkeys(blank, float("nan")))
    return tuple(map(figure_data, (runs.iloc[:1], nothing, frame(("cvae",), 1))))


@EACH
def test_it_fits_on_a_screen_and_cuts_no_text_off(record: Figure) -> None:
    every = drawn(record)
    assert every
    for stem, figure in every.items():
        width, height = figure.get_size_inches() * figure.dpi
        assert width <= 1000, stem
        assert height <= 900, stem
        renderer = renderer_of(figure)
        for text in shown(figure):
            box = text.get_window_extent(renderer)
            seen = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
            assert seen, f"{stem}: {text.get_text()!r} is cut off"


def shown(figure: Canvas) -> Iterator[Text]:
    """The texts of a figure, but for the ticks that matplotlib keeps beyond an axis."""
    hidden: set[Text] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = (*axis.get_major_ticks(), *axis.get_minor_ticks())
            hidden |= {tick.label1 for tick in ticks if not low <= tick.get_loc() <= high}
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_visible() and text.get_text().strip() and text not in hidden:
            yield text


@EACH
def test_titles_and_ticks_do_not_overlap_and_no_panel_is_empty(record: Figure) -> None:
    for stem, figure in drawn(record).items():
        renderer = renderer_of(figure)
        seen = set(shown(figure))
        for axes in figure.axes:
            assert axes.lines or axes.collections or axes.patches or axes.images, stem
            for axis, low, high in ((axes.xaxis, "x0", "x1"), (axes.yaxis, "y0", "y1")):
                labels = [each.label1 for each in axis.get_major_ticks() if each.label1 in seen]
                flat = [each for each in labels if each.get_rotation() in {0, 90}]
                boxes = sorted(
                    (each.get_window_extent(renderer) for each in flat),
                    key=lambda box: getattr(box, low),
                )
                for a, b in pairwise(boxes):
                    assert getattr(a, high) < getattr(b, low) + 0.5, f"{stem}: ticks overlap"
        titles = [axes._left_title for axes in figure.axes if axes._left_title in seen]  # type: ignore[attr-defined]
        for one, other in combinations(titles, 2):
            a, b = one.get_window_extent(renderer), other.get_window_extent(renderer)
            assert not a.overlaps(b), f"{stem}: {one.get_text()!r} and {other.get_text()!r}"


@EACH
def test_its_texts_are_for_people(record: Figure) -> None:
    for stem, figure in drawn(record).items():
        for text in shown(figure):
            words = text.get_text()
            assert not re.search(r"(?<![{\\])\b(C_max|λ_od|lambda_od|c_max|_vae|dci_)", words), stem
            assert words.lower() != "score", stem


@EACH
def test_its_name_says_the_setting(record: Figure) -> None:
    for stem in of_two(record):
        slug, _, name = stem.partition("_")
        assert slug in ({ALL} if record.across else {"dsprites", "noisy-dsprites", ALL})
        assert name.startswith(record.name)


@EACH
def test_it_says_what_it_draws_from(record: Figure) -> None:
    known = {table.name for table in TABLES}
    assert set(record.tables) <= known
    none = FigureData(study().runs, {}, study().curves)
    if record.tables:
        assert record.draw(none) == []
    assert record.caption.endswith(".")
    assert pickle.loads(pickle.dumps(record)) == record


@EACH
def test_too_little_gives_no_figure(record: Figure) -> None:
    assert record.draw(FigureData(study().runs.iloc[:0])) == []
    for data in too_little():
        for _, figure in record.draw(data):
            FigureCanvasAgg(figure).draw()


def test_names_are_told_apart() -> None:
    assert len({record.name for record in FIGURES}) == len(FIGURES)
