"""The forecast of the time left, against schedules worked out by hand."""

from __future__ import annotations

import pytest

from vaebench.forecast import Forecast
from vaebench.spec import JobSpec


def job(seed: int, model: str = "vae", steps: int = 100, scores: str = "core") -> JobSpec:
    return JobSpec(model=model, parameters={}, seed=seed, steps=steps, scores=scores)


def test_nothing_is_known_before_the_first_step() -> None:
    forecast = Forecast()
    assert forecast.remaining([job(0)], 2) is None
    forecast.running(job(0), 0, 0.0)
    assert forecast.remaining([job(1)], 2) is None


def test_finished_jobs_give_the_time_of_those_to_come() -> None:
    forecast = Forecast()
    forecast.finished(job(0), train_seconds=50, eval_seconds=10)
    assert forecast.remaining([job(k) for k in range(1, 5)], 2) == pytest.approx(2 * 60)
    assert forecast.remaining([job(1), job(2), job(3)], 2) == pytest.approx(2 * 60)
    assert forecast.remaining([job(1, steps=200)], 2) == pytest.approx(2 * 50 + 10)
    assert forecast.remaining([], 2) == 0


def test_running_jobs_hold_their_slot() -> None:
    forecast = Forecast()
    forecast.finished(job(0), 50, 10)
    forecast.running(job(1), step=80, step_seconds=0.5)  # 20 · 0.5 + 10 = 20 s left
    assert forecast.remaining([], 2) == pytest.approx(20)
    assert forecast.remaining([job(2), job(3)], 2) == pytest.approx(80)  # 60 beside 20 + 60
    forecast.running(job(1), step=100, step_seconds=0.0, evaluating=True)
    assert forecast.remaining([], 1) == pytest.approx(5)
    forecast.gone(job(1))
    assert forecast.remaining([], 1) == 0


def test_the_step_time_outlives_the_training_phase() -> None:
    forecast = Forecast()
    forecast.running(job(0), 50, 0.4)
    forecast.running(job(0), 100, 0.0, evaluating=True)
    expected = 100 * 0.4 * 1.25
    assert forecast.remaining([job(1)], 1) == pytest.approx(0.25 * 100 * 0.4 / 2 + expected)


def test_a_kind_not_seen_takes_the_median_of_those_seen() -> None:
    forecast = Forecast()
    for k, seconds in enumerate((10, 20, 90)):
        forecast.finished(job(k), seconds, 4)
    assert forecast.remaining([job(9, model="ae")], 1) == pytest.approx(20 + 4)


def test_scores_that_take_longer_are_timed_on_their_own() -> None:
    forecast = Forecast()
    forecast.finished(job(0), 50, 2)
    forecast.finished(job(0, scores="all"), 50, 300)
    assert forecast.remaining([job(1)], 1) == pytest.approx(50 + 2)
    assert forecast.remaining([job(1, scores="all")], 1) == pytest.approx(50 + 300)
    assert forecast.remaining([job(1), job(1, scores="all")], 1) == pytest.approx(402)


def test_an_evaluation_unlike_any_other_is_not_said_to_end_at_once() -> None:
    forecast = Forecast()
    forecast.finished(job(0), 0.01, 0.01)
    forecast.running(job(1, scores="all"), 100, 0.0001, evaluating=True)
    assert forecast.remaining([], 1) is None
    forecast.finished(job(1, scores="all"), 0.01, 60)
    forecast.running(job(2, scores="all"), 100, 0.0001, evaluating=True)
    assert forecast.remaining([], 1) == pytest.approx(30)


def test_what_still_runs_takes_a_second_at_least() -> None:
    forecast = Forecast()
    forecast.finished(job(0), 0.01, 0.01)
    forecast.running(job(1), 100, 0.0001, evaluating=True)
    assert forecast.remaining([], 1) == 1
    assert forecast.remaining([job(2)], 1) == 1
