"""The forecast of the time left, against schedules worked out by hand."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

import pytest

from vaebench.forecast import Forecast, TimeLeft
from vaebench.spec import JobSpec


def job(
    seed: int,
    model: str = "vae",
    steps: int = 100,
    scores: str = "core",
    dataset: str = "dsprites",
) -> JobSpec:
    return JobSpec(
        model=model, parameters={}, seed=seed, steps=steps, scores=scores, dataset=dataset
    )


def left(forecast: Forecast, waiting: Sequence[JobSpec], workers: int) -> TimeLeft:
    found = forecast.remaining(dict.fromkeys(waiting, 1), workers)
    assert found is not None
    return found


def exactly(forecast: Forecast, waiting: Sequence[JobSpec], workers: int) -> float:
    found = left(forecast, waiting, workers)
    assert found.low == found.high
    return found.low


def test_nothing_is_known_before_the_first_step() -> None:
    forecast = Forecast()
    assert forecast.remaining({job(0): 1}, 2) is None
    forecast.running(job(0), 0, 0.0)
    assert forecast.remaining({job(1): 1}, 2) is None


def test_finished_jobs_give_the_time_of_those_to_come() -> None:
    forecast = Forecast()
    forecast.finished(job(0), train_seconds=50, eval_seconds=10)
    assert exactly(forecast, [job(k) for k in range(1, 5)], 2) == pytest.approx(2 * 60)
    assert exactly(forecast, [job(1), job(2), job(3)], 2) == pytest.approx(2 * 60)
    assert exactly(forecast, [job(1, steps=200)], 2) == pytest.approx(2 * 50 + 10)
    assert exactly(forecast, [], 2) == 0


def test_jobs_of_other_variants_are_of_another_kind() -> None:
    def vamp(seed: int, components: float, beta: float = 1.0) -> JobSpec:
        parameters = {"beta": beta, "components": components}
        return JobSpec(model="vampprior", parameters=parameters, seed=seed, steps=100)

    forecast = Forecast()
    forecast.finished(vamp(0, 10), train_seconds=20, eval_seconds=10)
    forecast.finished(vamp(0, 500), train_seconds=500, eval_seconds=10)
    assert exactly(forecast, [vamp(1, 10)], 1) == pytest.approx(30)
    assert exactly(forecast, [vamp(1, 500)], 1) == pytest.approx(510)
    assert exactly(forecast, [vamp(1, 500, beta=4)], 1) == pytest.approx(510)


def test_running_jobs_hold_their_slot() -> None:
    forecast = Forecast()
    forecast.finished(job(0), 50, 10)
    forecast.running(job(1), step=80, step_seconds=0.5)  # 20 · 0.5 + 10 = 20 s left
    assert exactly(forecast, [], 2) == pytest.approx(20)
    assert exactly(forecast, [job(2), job(3)], 2) == pytest.approx(80)  # 60 beside 20 + 60
    forecast.running(job(1), step=100, step_seconds=0.0, evaluating=True)
    assert exactly(forecast, [], 1) == pytest.approx(5)
    forecast.gone(job(1))
    assert exactly(forecast, [], 1) == 0


def test_until_an_evaluation_was_timed_only_the_training_is_counted_and_has_no_upper_end() -> None:
    forecast = Forecast()
    forecast.running(job(0), 50, 0.4)
    assert left(forecast, [job(1)], 1) == TimeLeft(pytest.approx(50 * 0.4 + 100 * 0.4), math.inf)
    forecast.running(job(0), 100, 0.0, evaluating=True)  # the step time outlives the training
    assert left(forecast, [job(1)], 1) == TimeLeft(pytest.approx(100 * 0.4), math.inf)
    assert forecast.remaining({}, 1) is None


def test_a_kind_not_seen_takes_as_long_as_the_fastest_to_the_slowest_of_those_seen() -> None:
    forecast = Forecast()
    for seconds, model in ((10, "vae"), (30, "ae"), (20, "betavae_h")):
        parameters = {"beta": 1.0} if model == "betavae_h" else {}
        forecast.finished(
            JobSpec(model=model, parameters=parameters, seed=0, steps=100), seconds, 4
        )
    unseen = JobSpec(model="cvae", parameters={"beta": 1.0}, seed=0, steps=100)
    assert left(forecast, [unseen], 1) == TimeLeft(pytest.approx(14), pytest.approx(34))
    assert exactly(forecast, [job(1)], 1) == pytest.approx(14)


def test_the_evaluation_of_another_data_set_lies_between_those_seen() -> None:
    forecast = Forecast()
    forecast.finished(job(0), 50, 2)
    forecast.finished(job(0, dataset="mnist"), 50, 6)
    assert left(forecast, [job(1, dataset="cars3d")], 1) == TimeLeft(52, 56)


def test_scores_that_take_longer_are_timed_on_their_own() -> None:
    forecast = Forecast()
    forecast.finished(job(0), 50, 2)
    assert left(forecast, [job(1, scores="all")], 1) == TimeLeft(50, math.inf)
    forecast.finished(job(0, scores="all"), 50, 300)
    assert exactly(forecast, [job(1)], 1) == pytest.approx(50 + 2)
    assert exactly(forecast, [job(1, scores="all")], 1) == pytest.approx(50 + 300)
    assert exactly(forecast, [job(1), job(1, scores="all")], 1) == pytest.approx(402)


def test_an_evaluation_unlike_any_other_is_not_said_to_end_at_once() -> None:
    forecast = Forecast()
    forecast.finished(job(0), 0.01, 0.01)
    forecast.running(job(1, scores="all"), 100, 0.0001, evaluating=True)
    assert forecast.remaining({}, 1) is None
    forecast.finished(job(1, scores="all"), 0.01, 60)
    forecast.running(job(2, scores="all"), 100, 0.0001, evaluating=True)
    assert exactly(forecast, [], 1) == pytest.approx(30)


def test_what_still_runs_takes_a_second_at_least() -> None:
    forecast = Forecast()
    forecast.finished(job(0), 0.01, 0.01)
    forecast.running(job(1), 100, 0.0001, evaluating=True)
    assert exactly(forecast, [], 1) == 1
    assert exactly(forecast, [job(2)], 1) == 1


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_many_jobs_of_a_kind_are_scheduled_as_if_one_by_one(workers: int) -> None:
    forecast = Forecast()
    forecast.finished(job(0), 50, 10)
    forecast.finished(job(0, "ae"), 31, 10)
    forecast.running(job(1), 30, 0.5)
    jobs = [job(k) for k in range(2, 102)] + [job(k, "ae") for k in range(103)]
    together = forecast.remaining({jobs[0]: 100, jobs[-1]: 103}, workers)
    assert together is not None
    assert together.low == pytest.approx(exactly(forecast, jobs, workers))


def test_a_forecast_of_a_full_study_takes_as_much_work_as_of_its_kinds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forecast = Forecast()
    for _ in range(12_600):
        forecast.finished(job(0), 50, 10)
    replaced = 0
    one_by_one = heapq.heapreplace

    def counted(heap: list[float], item: float) -> float:
        nonlocal replaced
        replaced += 1
        return one_by_one(heap, item)

    monkeypatch.setattr(heapq, "heapreplace", counted)
    waiting = {job(k): 300 for k in range(42)}
    found = forecast.remaining(waiting, 8)
    assert found is not None
    assert found.low == pytest.approx(math.ceil(12_600 / 8) * 60)
    assert replaced < 42 * 8 * 2


def test_a_sweep_whose_evaluation_takes_longer_than_its_training() -> None:
    """Four jobs of 40 s of training and 90 s of evaluation, looked at each second."""
    jobs = [job(seed, steps=400) for seed in range(4)]
    forecast, total = Forecast(), 4 * 130.0
    for second in range(1, int(total)):
        number, within = divmod(second, 130)
        current = jobs[number]
        if within == 0:
            forecast.finished(jobs[number - 1], 40.0, 90.0)
        step = min(400, 10 * within)
        forecast.running(current, step, 0.1 if 0 < step < 400 else 0.0, evaluating=within >= 40)
        waiting = dict.fromkeys(jobs[number + 1 :], 1)
        found = forecast.remaining(waiting, 1)
        truth = total - second
        assert found is not None
        if number == 0:
            assert found.low <= truth
            assert found.high == math.inf
        else:
            assert found.low == found.high == pytest.approx(truth, abs=45)
