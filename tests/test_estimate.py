"""The estimate of a dry run: each kind measured once, in a process that is ended in time."""

from __future__ import annotations

import dataclasses

import psutil
import pytest

from tests.asked import jobs_of
from vaebench import timing
from vaebench.data.cards import card
from vaebench.estimate import estimate
from vaebench.spec import JobSpec, Setting

SMALL = Setting(network="mlp", batch_size=8, eval_size=10, steps=50)


def sweep(*models: str, seeds: int = 1, **setting: object) -> list[JobSpec]:
    chosen = dataclasses.replace(SMALL, **setting)  # type: ignore[arg-type]
    return jobs_of(*models, setting=chosen, seeds=tuple(range(seeds)))


def test_time_is_that_of_one_job_of_a_kind_times_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured: list[JobSpec] = []

    class Known:
        conditional = False

        def __init__(self, job: JobSpec, *rest: object) -> None:
            measured.append(job)

        def step(self) -> float:
            return 0.5

        def encoding(self) -> float:
            return 0.0

    monkeypatch.setattr(timing, "_Measuring", Known)
    jobs = sweep("vae", "ae", seeds=7) + sweep("vae", seeds=2, steps=100)
    groups = [(job, 1, card(job.dataset).contents) for job in jobs]
    found = dict.fromkeys(range(len(jobs)), 0)
    total = 0.0
    for places, seconds in timing.measured(groups, "cpu"):
        assert isinstance(seconds, float)
        total += seconds
        for place in places:
            found[place] += 1
    assert [job.model for job in measured] == ["vae", "ae"]
    assert set(found.values()) == {1}
    assert total == pytest.approx(0.5 * (14 * 50 + 2 * 100))


def test_real_jobs_are_measured_in_a_process_of_their_own() -> None:
    before = psutil.Process().children()
    one = estimate(sweep("vae"), "cpu")
    assert (one.jobs, dict(one.unmeasured)) == (1, {})
    assert one.seconds > 0
    assert psutil.Process().children() == before


def test_what_is_not_measured_in_time_is_named_and_its_process_ended() -> None:
    jobs = sweep("vae", "cvae", seeds=3)
    before = psutil.Process().children()
    found = estimate(jobs, "cpu", budget_seconds=0.0)
    assert psutil.Process().children() == before
    assert (found.jobs, found.seconds) == (0, 0.0)
    assert dict(found.unmeasured) == {"vae on dsprites": 3, "cvae on dsprites": 3}
    assert found.reason == "not within 0 s"


def test_a_model_that_no_memory_holds_is_said_and_the_others_are_measured() -> None:
    jobs = sweep("vae", latent_dim=10**12) + sweep("ae")
    found = estimate(jobs, "cpu")
    assert found.jobs == 1
    assert dict(found.unmeasured) == {"vae on dsprites": 1}
    assert "not within" not in found.reason
    assert "\n" not in found.reason
