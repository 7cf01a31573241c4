"""Facts about the figures: nothing clipped, overlapping or empty, honest limits, exact pixels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from tests.report.databases import sweep, write
from vaebench.analysis import MEASURES, Decomposition, RSquared, curves, measure, runs
from vaebench.analysis.measures import TIMES
from vaebench.catalogue import MODELS
from vaebench.report.distributions import distribution_figure, time_figure
from vaebench.report.shares import share_figure
from vaebench.report.strengths import strength_figure
from vaebench.report.style import COLOURS, MARKERS, jitter, shades, styled, value_limits
from vaebench.report.training import curve_figure
from vaebench.store import Reader

SCORES = ["mig", "beta_vae_score", "factor_vae_score", "active_units"]
FIT = ["reconstruction", "kl", "elbo"]


@pytest.fixture(autouse=True)
def in_style() -> Iterator[None]:
    with styled():
        yield


@pytest.fixture(scope="module")
def frames(everything: Path) -> dict[str, pd.DataFrame]:
    with Reader.open(everything) as reader:
        frame = runs(reader)
        return {str(name): group for name, group in frame.groupby("dataset")} | {
            "curves": curves(reader, frame["job_key"])
        }


def share(value: float, groups: int) -> RSquared:
    return RSquared(value, (groups - 1) / 29, value, groups, 30)


def drawings(frames: dict[str, pd.DataFrame]) -> dict[str, Figure]:
    sprite, fashion = frames["dsprites"], frames["fashion-mnist"]
    parts = {n: Decomposition(share(0.03, 2), share(0.97, 8)) for n in [*FIT, *SCORES]}
    many = pd.concat([sprite.assign(strength=sprite["strength"] * f) for f in (1, 1.1, 7, 40)])
    annealed = sprite[sprite["model"] == "cvae"].assign(series="AnnealedVAE, γ = 1000")
    annealed = annealed.assign(strength_name="c_max", strength=annealed["strength"] * 10)
    mixed = pd.concat([sprite, annealed], ignore_index=True)
    few = sprite[(sprite["seed"] == 0) & (sprite["model"] == "ae")]
    scored = [name for name in MEASURES if name not in TIMES]
    every = sprite.assign(**dict.fromkeys(scored, sprite["mig"]))
    return {
        "all scores": distribution_figure(every, scored),
        "all scores by strength": strength_figure(every, scored, "beta"),
        "fit": strength_figure(sprite, FIT, "beta"),
        "scores": strength_figure(sprite, SCORES, "beta"),
        "zero": strength_figure(fashion, [*FIT, "mig_label"], "beta"),
        "many strengths": strength_figure(many, FIT, "beta"),
        "distributions": distribution_figure(sprite, [*FIT, *SCORES]),
        "one run": distribution_figure(few, ["reconstruction"]),
        "times": time_figure(sprite),
        "variance": share_figure(parts),
        "curves": curve_figure(sprite, frames["curves"]),
        "two strengths": curve_figure(mixed, frames["curves"]),
        "long names": strength_figure(mixed, SCORES, "c_max"),
        "two panels": strength_figure(fashion, ["kl", "mig_label"], "beta"),
    }


def test_no_text_is_clipped_and_no_ticks_overlap(frames: dict[str, pd.DataFrame]) -> None:
    for name, figure in drawings(frames).items():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        edge = figure.bbox
        beyond = {
            tick.label1
            for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis))
            for tick in axis.get_major_ticks()
            if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
        }
        for text in figure.findobj(lambda artist: isinstance(artist, Text)):
            if not text.get_visible() or not text.get_text().strip() or text in beyond:
                continue
            box = text.get_window_extent(renderer)
            across = box.x0 >= -1 and box.x1 <= edge.x1 + 1
            up = box.y0 >= -1 and box.y1 <= edge.y1 + 1
            seen = across and up
            assert seen, f"{name}: {text.get_text()!r} is cut off"
        named = {axes.get_title(loc="left") for axes in figure.axes} - {""}
        found = figure.findobj(lambda artist: isinstance(artist, Text))
        titles = [t.get_window_extent(renderer) for t in found if t.get_text() in named]
        assert named or name in {"times", "variance"}, name
        for a, b in combinations(titles, 2):
            assert not a.overlaps(b), f"{name}: titles overlap"
        for axes in figure.axes:
            for axis, low, high in ((axes.xaxis, "x0", "x1"), (axes.yaxis, "y0", "y1")):
                ticks = [
                    tick.label1.get_window_extent(renderer)
                    for tick in axis.get_major_ticks()
                    if tick.label1.get_visible() and tick.label1.get_text()
                    and axis.get_view_interval().min() <= tick.get_loc()
                    <= axis.get_view_interval().max()
                ]  # fmt: skip
                ordered = sorted(ticks, key=lambda box: getattr(box, low))
                for a, b in pairwise(ordered):
                    assert getattr(a, high) < getattr(b, low), f"{name}: ticks overlap"


def test_no_panel_is_empty(frames: dict[str, pd.DataFrame]) -> None:
    for name, figure in drawings(frames).items():
        for axes in figure.axes:
            drawn = axes.lines or axes.collections or axes.patches
            assert drawn or not axes.axison, name


def test_strengths_over_decades_are_spaced_by_their_logarithm(
    frames: dict[str, pd.DataFrame],
) -> None:
    figure = strength_figure(frames["dsprites"], ["elbo"], "beta")
    assert figure.axes[0].get_xscale() == "log"
    assert sorted(figure.axes[0].get_xticks()) == [0.5, 1, 3, 10]
    near = frames["dsprites"][frames["dsprites"]["strength"].isin([1, 3])]
    assert strength_figure(near, ["elbo"], "beta").axes[0].get_xscale() == "linear"


def test_the_last_strength_is_always_labelled(frames: dict[str, pd.DataFrame]) -> None:
    dense = frames["dsprites"].replace({"strength": {0.5: 95.0, 1.0: 5.0, 3.0: 90.0, 10.0: 100.0}})
    axes = strength_figure(dense, FIT, "beta").axes[0]
    assert sorted(axes.get_xticks()) == [5, 100]


def test_a_strength_of_zero_is_shown(frames: dict[str, pd.DataFrame]) -> None:
    wide = frames["fashion-mnist"].copy()
    wide["strength"] = wide["strength"].replace({4.0: 40.0})
    axes = strength_figure(wide, ["elbo"], "beta").axes[0]
    assert axes.get_xscale() == "symlog"
    assert axes.get_xlim()[0] < 0
    assert sorted(axes.get_xticks()) == [0, 1, 40]


def test_means_and_seeds_are_drawn_where_they_are(frames: dict[str, pd.DataFrame]) -> None:
    frame = frames["dsprites"]
    cvae = frame[frame["model"] == "cvae"]
    axes = strength_figure(cvae, ["mig"], "beta").axes[0]
    drawn = {tuple(np.round(line.get_ydata(), 9)) for line in axes.lines}
    assert tuple(cvae.groupby("strength")["mig"].mean().round(9)) in drawn
    for _, cell in cvae.groupby("strength"):
        assert tuple(cell["mig"].round(9)) in drawn


def test_limits_hold_every_run_and_stay_within_what_can_be() -> None:
    low, high = value_limits([0.02, 0.3], measure("mig"))
    assert -0.02 < low <= 0
    assert 0.3 < high < 0.35
    assert value_limits([0.97, 1.0], measure("beta_vae_score"))[1] < 1.05
    low, high = value_limits([0.9, 0.9], measure("beta_vae_score"))
    assert high - low >= 0.09
    low, high = value_limits([-70.0, -50.0], measure("elbo"))
    assert low < -70
    assert -50 < high < 0


def test_no_violin_is_made_of_few_or_equal_runs(frames: dict[str, pd.DataFrame]) -> None:
    def violins(frame: pd.DataFrame) -> int:
        figure = distribution_figure(frame, ["mig"])
        return sum(isinstance(c, PolyCollection) for c in figure.axes[0].collections)

    frame = frames["dsprites"]
    assert violins(frame) == 2
    assert violins(frame[frame["seed"] == 0]) == 0
    assert violins(frame.assign(mig=0.5)) == 0


def test_every_model_has_a_colour_and_marker_of_its_own() -> None:
    assert set(MODELS) <= set(COLOURS)
    assert set(COLOURS) == set(MARKERS)
    assert len(set(COLOURS.values())) == len(set(MARKERS.values())) == len(COLOURS)
    colours = [np.array(to_rgb(value)) for value in COLOURS.values()]
    gaps = [np.abs(a - b).max() for i, a in enumerate(colours) for b in colours[:i]]
    assert min(gaps) > 0.15
    lightness = [np.dot(to_rgb(shade), [0.2126, 0.7152, 0.0722]) for shade in shades(6)]
    assert lightness == sorted(lightness)


def test_bars_of_the_shares_add_up() -> None:
    part = Decomposition(share(0.3, 2), share(0.8, 8))
    figure = share_figure({"mig": part})
    widths = [patch.get_width() for patch in figure.axes[0].patches]  # type: ignore[attr-defined]
    assert widths == pytest.approx([0.3, 0.5, 0.2])


def test_times_start_at_zero(frames: dict[str, pd.DataFrame]) -> None:
    axes = time_figure(frames["dsprites"]).axes[0]
    assert axes.get_xlim()[0] == 0
    frame = frames["dsprites"]
    vae = frame[frame["model"] == "vae"]
    assert axes.patches[2].get_width() == pytest.approx(vae["train_seconds"].mean())  # type: ignore[attr-defined]
    assert axes.patches[3].get_width() == pytest.approx(vae["eval_seconds"].mean())  # type: ignore[attr-defined]


def test_points_are_spread_the_same_way_every_time() -> None:
    assert jitter(1) == [0.0]
    assert jitter(9) == jitter(9)
    assert max(map(abs, jitter(500))) <= 1
    assert len(set(jitter(50))) == 50


def test_a_score_without_a_proper_name_is_drawn_too(tmp_path: Path) -> None:
    path = write(tmp_path / "results.db", sweep(["cvae"], (1, 2), 1))
    with Reader.open(path) as reader:
        frame = runs(reader).assign(my_score=1.0)
    assert "my_score" not in MEASURES
    assert strength_figure(frame, ["my_score"], "beta").axes[0].get_title(loc="left") == "My score"
