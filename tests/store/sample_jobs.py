"""Small jobs and their ends, and the type of what starts processes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.asked import jobs_of
from vaebench.outcome import Artifact, CurvePoint, JobOutcome, Score
from vaebench.spec import JobSpec, Setting

Start = Callable[..., "subprocess.Popen[str]"]


def make_specs(seeds: int = 3, model: str = "vae") -> list[JobSpec]:
    """Returns small jobs that differ in the seed."""
    setting = Setting(steps=10)
    return jobs_of(model, setting=setting, seeds=tuple(range(seeds)))


def outcome(spec: JobSpec, **values: object) -> JobOutcome:
    """Returns a finished job with a figure of every kind."""
    found = {
        "scores": (
            Score("reconstruction", 41.5, 1000, 40.0, 43.0),
            Score("mig", 0.25, 10_000),
            Score("mig_label", None, note="the data set has factors"),
            Score("kl_0", 1.25),
        ),
        "curves": (CurvePoint(5, 60.0, 50.0, 10.0), CurvePoint(10, 55.0, 48.0, None)),
        "artifacts": (Artifact("samples", b"\x89PNG\x00\xff", 2, 3, {"rows": ["a", "b"]}),),
        "environment": {"device": "cpu", "threads": 1, "git_dirty": True, "versions": {"x": "1"}},
        "train_seconds": 10.0,
        "eval_seconds": 2.5,
    }
    return JobOutcome(spec.key, "complete", **{**found, **values})  # type: ignore[arg-type]


def failure(spec: JobSpec) -> JobOutcome:
    """Returns a job that failed."""
    return JobOutcome(spec.key, "failed", error="It broke.", traceback="Traceback: it broke.")
