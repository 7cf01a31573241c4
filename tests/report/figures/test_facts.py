"""What figures draw is what the runs and tables say, with the strengths as ticks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure as Canvas

from tests.report.figures.frames import STRENGTHS, figure_data, folds, frame, study
from vaebench.analysis import measure, prepare, samples
from vaebench.models import MODELS
from vaebench.report.figures import FIGURES, FigureData
from vaebench.report.figures.ladder import ladder
from vaebench.report.figures.marks import band_of, density, dots, violins
from vaebench.report.figures.pairs import differences
from vaebench.report.style import colour, sign, signed, styled


@pytest.fixture(autouse=True)
def in_style() -> Iterator[None]:
    with styled():
        yield


def figure(name: str, data: FigureData | None = None, part: str = "") -> Canvas:
    record = next(each for each in FIGURES if each.name == name)
    found = dict(record.draw(study() if data is None else data))
    return found[next(stem for stem in found if stem.endswith(part or name))]


def panel(drawn: Canvas, start: str) -> Axes:
    return next(axes for axes in drawn.axes if axes.get_title(loc="left").startswith(start))


def rows(name: str, **where: object) -> pd.DataFrame:
    found = study().table(name)
    for column, value in where.items():
        found = found[found[column] == value]
    return found


def drawn_in(axes: Axes, model: str) -> list[np.ndarray]:
    """What lines of a model's colour show, up the panel."""
    hue = to_hex(colour(model))
    return [
        np.asarray(line.get_ydata(), dtype=float)
        for line in axes.lines
        if to_hex(line.get_color()) == hue
    ]


def test_a_matrix_writes_what_the_table_says() -> None:
    axes = figure("metric_correlation").axes[0]
    found = axes.images[0].get_array()
    names = [label.get_text() for label in axes.get_yticklabels()]
    for row in rows("metric_correlation").itertuples():
        i, j = (names.index(measure(name).title) for name in (row.metric_a, row.metric_b))
        assert found[i, j] == pytest.approx(row.spearman)
    said = {text.get_text() for text in axes.texts}
    assert {f"{v:.2f}".replace("-", "−") for v in found.ravel()} - {"−0.00"} <= said


def test_lines_over_strengths_are_medians_of_runs_that_did_not_collapse() -> None:
    axes = panel(figure("strengths", part="scores"), "MIG")
    runs = prepare(study().runs)
    alive = runs[~runs["collapsed"]]
    for model in STRENGTHS.keys() - {"cvae"}:
        own = alive[alive["model"] == model]
        middles = own.groupby("strength")["mig"].median().to_numpy()
        assert any(len(y) == 6 and np.allclose(y, middles) for y in drawn_in(axes, model)), model
    low, high = axes.get_ylim()
    assert -0.05 < low < alive["mig"].min()
    assert high > alive["mig"].max()


def test_every_strength_that_was_run_is_a_tick() -> None:
    drawn = figure("strengths", part="scores")
    lowest = [axes for axes in drawn.axes if axes.get_xticklabels()[0].get_text()]
    assert lowest
    for axes in lowest:
        ranks = [label.get_text().split("\n") for label in axes.get_xticklabels()]
        found = {tuple(float(rank[row]) for rank in ranks) for row in range(len(ranks[0]))}
        assert found == {values for name, (_, values) in STRENGTHS.items() if name != "cvae"}
    names = {text.get_text().strip() for axes in lowest for text in axes.texts}
    assert {sign(name) for name in ("beta", "gamma", "c_max", "lambda_od")} <= names


def test_models_of_one_hyperparameter_share_its_scale() -> None:
    runs = prepare(frame(("betavae_h", "cvae"), 2))
    found = ladder(samples(runs)[0])
    assert [row.strengths for row in found.rows] == [(0.5, 1, 2, 3, 4, 6, 8, 10, 16)]
    assert found.place("CVAE", 10) == found.place("beta-VAE", 16) - 1
    one = ladder(samples(runs[(runs["model"] == "cvae") | (runs["strength"] == 4)])[0])
    assert one.level == ("beta-VAE",)
    assert one.names["beta-VAE"] == "beta-VAE (β = 4)"


def test_a_model_has_its_colour_in_every_figure() -> None:
    for name, part in (("strengths", "fit"), ("rate_distortion", ""), ("profiles", ""),
                       ("total_correlation", ""), ("iqm", ""), ("seeds_power", "")):  # fmt: skip
        drawn = figure(name, part=part)
        known = {to_hex(model.colour) for model in MODELS}
        used = {to_hex(line.get_color()) for axes in drawn.axes for line in axes.lines}
        models = {to_hex(colour(model)) for model in STRENGTHS if model != "cvae"}
        assert used & known == models, name


def test_shares_of_the_variance_fill_their_bars() -> None:
    bars, *whiskers = figure("variance_components").axes
    names = [label.get_text() for label in bars.get_yticklabels()]
    place = names.index("MIG")
    shares = rows("variance_components", metric="mig")
    widths = [p.get_width() for p in bars.patches if abs(p.get_y() + 0.35 - place) < 1e-9]  # type: ignore[attr-defined]
    assert widths == pytest.approx(shares["share"].tolist())
    assert sum(widths) == pytest.approx(1)
    assert [axes.get_title(loc="left") for axes in whiskers] == ["Model", "Strength", "Seed"]
    seed = shares[shares["part"] == "seed"]["part_share"].iloc[0]
    points = [line.get_xydata() for line in whiskers[2].lines if len(line.get_xdata()) > 1]
    assert any(np.allclose(xy, (seed, place)) for line in points for xy in np.asarray(line))


def test_a_violin_bridges_no_gap_and_needs_enough_runs() -> None:
    rng = np.random.default_rng(0)
    apart = np.concatenate([rng.normal(0, 0.02, 12), rng.normal(1, 0.02, 12)])
    places, share = density(apart)
    assert share.max() == 1
    assert (share[(places > 0.3) & (places < 0.7)] == 0).all()
    axes = Canvas().add_subplot()
    have = violins(axes, [0, 1, 2], [apart, apart[:7], np.zeros(20)], ["k", "k", "k"])
    assert have == [True, False, False]
    (shapes,) = axes.collections
    assert isinstance(shapes, PolyCollection)
    for path in shapes.get_paths():
        low, high = path.vertices[:, 1].min(), path.vertices[:, 1].max()
        assert high < 0.3 or low > 0.7


def test_a_band_is_of_all_runs_and_of_many_the_middle() -> None:
    assert band_of(np.array([3.0, 1.0, 2.0])) == (2, 1, 3)
    middle, low, high = band_of(np.arange(101.0))
    assert (middle, low, high) == (50, 10, 90)
    assert np.isnan(band_of(np.array([]))).all()


def test_an_interval_beyond_the_axis_ends_in_an_arrow_head() -> None:
    axes = Canvas().add_subplot()
    axes.set_xlim(0, 1)
    dots(axes, [0, 1], [0.5, 0.5], [-2, 0.4], [0.6, 0.6], hue="k")
    ends = [np.asarray(segment)[:, 0] for segment in axes.collections[0].get_segments()]  # type: ignore[attr-defined]
    assert min(each.min() for each in ends) == 0
    heads = [line for line in axes.lines if line.get_marker() == "<"]
    assert [tuple(line.get_xydata()[0]) for line in heads] == [(0, 0)]


def test_collapsed_runs_are_hollow_and_move_no_median() -> None:
    axes = figure("rate_distortion").axes[0]
    runs = prepare(study().runs)
    hollow = [line for line in axes.lines if to_rgba(line.get_markerfacecolor()) == (1, 1, 1, 1)]
    assert sum(len(line.get_xdata()) for line in hollow) == runs["collapsed"].sum()
    alive = runs[~runs["collapsed"] & (runs["model"] == "betavae_b")]
    middles = alive.groupby("strength")["reconstruction"].median().to_numpy()
    assert any(np.allclose(y, middles) for y in drawn_in(axes, "betavae_b") if len(y) == 6)


def test_on_a_diagonal_the_elbo_is_what_is_written_there() -> None:
    axes = figure("rate_distortion").axes[0]
    said = {-float(text.get_text().split()[1].replace("−", "-")) for text in axes.texts}
    sums = {
        round(float(np.mean(line.get_xdata()) + np.mean(line.get_ydata())), 6)
        for line in axes.lines
        if to_hex(line.get_color()) == "#c9c9c9"
    }
    assert said
    assert said <= sums
    for text in axes.texts:
        assert sum(text.get_position()) in said


def test_a_diagonals_word_covers_no_run() -> None:
    drawn = figure("rate_distortion")
    axes = drawn.axes[0]
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    runs = np.concatenate([line.get_xydata() for line in axes.lines if line.get_marker() != "None"])
    dots = axes.transData.transform(runs)
    for text in axes.texts:
        box = text.get_window_extent(canvas.get_renderer())
        middle = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
        assert np.hypot(*(dots - middle).T).min() > 12, text.get_text()


def test_models_of_one_strength_have_lines_of_their_own() -> None:
    runs = prepare(frame(("betavae_h", "betavae_b"), 2))
    runs = runs[(runs["model"] == "betavae_h") | (runs["strength"] == 25)]
    twice = runs[runs["model"] == "betavae_b"].assign(series="AnnealedVAE, γ = 1", cell="other")
    found = ladder(samples(pd.concat([runs, twice]))[0])
    assert len({str(found.line(series)) for series in found.models}) == 3


def test_models_are_paired_by_seed_and_fold() -> None:
    data = folds()
    table = differences(prepare(data.runs), "kl")
    assert table.shape == (4, 5)
    assert np.allclose(table, -2)
    axes = panel(figure("paired", data), "KL")
    assert any(np.allclose(line.get_ydata(), -2) for line in axes.lines)


def test_the_chosen_strength_is_ringed() -> None:
    axes = panel(figure("cross_validation", folds()), "ELBO")
    chosen = folds().table("cross_validation")
    chosen = chosen[chosen["chosen"] & (chosen["metric"] == "elbo")]
    rings = [line for line in axes.lines if line.get_markersize() == 14]
    assert sorted(float(line.get_ydata()[0]) for line in rings) == sorted(chosen["mean"])


def test_curves_of_trials_are_the_table() -> None:
    axes = panel(figure("best_of"), "MIG")
    for key in ("metric", "udr", "elbo", "random"):
        wanted = rows("best_of", metric="mig", chosen_by=key)["value"].to_numpy()
        assert any(np.allclose(line.get_ydata(), wanted) for line in axes.lines), key


def test_profiles_start_and_end_within_their_shares() -> None:
    axes = panel(figure("profiles"), "MIG")
    assert axes.get_ylim() == (0, 1)
    wanted = rows("profiles", metric="mig", model="btcvae")["share"].to_numpy()
    assert any(np.array_equal(y, wanted) for y in drawn_in(axes, "btcvae"))


def test_selection_and_transfer_need_several_data_sets_for_all_their_rows() -> None:
    two = study(datasets=2)
    labels = [each.get_text() for each in figure("selection", two).axes[0].get_yticklabels()]
    assert len(labels) == 4
    assert len(figure("selection").axes[0].get_yticklabels()) == 2
    between = panel(figure("transfer", two, "all_transfer"), "MIG").images[0].get_array()
    found = two.table("transfer")
    own = found[(found["metric"] == "mig") & (found["metric_b"] == "mig")]
    own = own[own["setting_a"] != own["setting_b"]]
    assert between[0, 1] == pytest.approx(own["spearman"].iloc[0])


def test_nothing_is_collapsed_so_nothing_is_said_of_it() -> None:
    data = figure_data(frame(("betavae_h", "btcvae"), 5, collapsed=False))
    record = next(each for each in FIGURES if each.name == "collapse")
    assert record.draw(data) == []


def test_hyperparameters_are_written_as_in_papers() -> None:
    assert sign("c_max") == r"$C_\mathrm{max}$"
    assert sign("my_strength") == "my strength"
    assert signed("AnnealedVAE, γ = 1000") == "AnnealedVAE, γ = 1000"
    assert re.search("mathrm", signed("x, C_max = 25"))
