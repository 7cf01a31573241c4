"""The runner with workers that answer what none should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.store.sample_jobs import make_specs
from vaebench.executors import InlineExecutor
from vaebench.outcome import JobOutcome
from vaebench.runner import Runner
from vaebench.store import Store


@pytest.mark.parametrize(("status", "state"), [("odd", "FAILED"), ("interrupted", "PENDING")])
def test_a_status_that_nobody_knows_is_a_failure_and_gives_nothing_back(
    status: Any, state: str, tmp_path: Path
) -> None:
    specs = make_specs(2)
    runner: Runner

    def task(pack: Any, context: None, on_event: Any, should_stop: Any) -> list[JobOutcome]:
        if status == "interrupted":
            runner.stop()
        return [JobOutcome(spec.key, status) for spec in pack]

    with Store(tmp_path / "results.db") as store:
        sweep = store.add_sweep(specs, "a sweep").sweep_id
        executor = InlineExecutor(task, None, on_event=lambda progress: None)
        runner = Runner(store, sweep, executor)
        runner.run()
        assert store.counts()[state] == 2
