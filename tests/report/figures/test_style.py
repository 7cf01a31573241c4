"""One look: limits within what can be, a colour and marker per model, points spread evenly."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from tests.report.figures.frames import figure_data, frame
from vaebench.analysis import MEASURES, measure
from vaebench.models import MODELS
from vaebench.report.figures import FIGURES
from vaebench.report.figures.board import TALLEST, board, legend_columns
from vaebench.report.style import (
    colour,
    jitter,
    marker,
    shades,
    sign,
    signed,
    styled,
    unit,
    value_limits,
)


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


def test_every_model_has_a_colour_and_marker_of_its_own() -> None:
    names = [*(model.name for model in MODELS), "a stranger's"]
    assert len({marker(name) for name in names}) == len(names)
    colours = [np.array(to_rgb(colour(name))) for name in names]
    gaps = [np.abs(a - b).max() for i, a in enumerate(colours) for b in colours[:i]]
    assert min(gaps) > 0.15
    lightness = [np.dot(to_rgb(shade), [0.2126, 0.7152, 0.0722]) for shade in shades(6)]
    assert lightness == sorted(lightness)


def test_hyperparameters_are_written_as_in_papers() -> None:
    assert [sign(name) for name in ("beta", "lambda_od", "c_max")] == [
        "β",
        r"$λ_\mathrm{od}$",
        r"$C_\mathrm{max}$",
    ]
    assert sign("lambda_d_factor") == "lambda d factor"
    assert sign("nobody_knows") == "nobody knows"
    assert signed("AnnealedVAE, γ = 5, C_max = 25") == r"AnnealedVAE, γ = 5, $C_\mathrm{max}$ = 25"
    assert (unit("c_max"), unit("beta"), unit("nobody_knows")) == ("nats", "", "")


def test_points_are_spread_the_same_way_every_time() -> None:
    assert jitter(1) == [0.0]
    assert jitter(9) == jitter(9)
    assert max(map(abs, jitter(500))) <= 1
    assert len(set(jitter(50))) == 50


def test_a_score_without_a_proper_name_is_drawn_too() -> None:
    runs = frame(("cvae",), 1).assign(my_score=[0.1, 0.2, 0.3, 0.4])
    assert "my_score" not in MEASURES
    record = next(each for each in FIGURES if each.name == "strengths")
    with styled():
        found = dict(record.draw(figure_data(runs)))
    titles = [axes.get_title(loc="left") for axes in found["dsprites_strengths_others"].axes]
    assert titles == ["My score"]


def test_panels_stand_where_there_is_room() -> None:
    placed = board(5, 3, 1.5)
    width, height = placed.figure.get_size_inches()
    assert height < TALLEST
    boxes = [axes.get_position() for axes in placed.panels]
    assert all(box.height * height == pytest.approx(1.5) for box in boxes)
    assert boxes[0].x1 * width + 0.3 == pytest.approx(boxes[1].x0 * width)
    assert [axes in placed.lowest() for axes in placed.panels] == [False, False, True, True, True]
    assert legend_columns(["a" * 200, "b"]) == 1
    assert legend_columns(["a", "b", "c"]) == 3
