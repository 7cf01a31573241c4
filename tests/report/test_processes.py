"""What a report shares among processes comes back in order, and none of them outlives it."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from tests.conftest import PATIENCE
from vaebench.report import processes

SHARING = """
import time
from vaebench.report import processes
processes.processors = lambda: 3
print("begun", flush=True)
processes.of_each(lambda thing: time.sleep(600), range(9), lambda done: None)
"""


def test_what_comes_back_is_in_the_order_of_the_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "processors", lambda: 3)
    told: list[int] = []
    found = processes.of_each(lambda thing: thing * thing, range(20), told.append)
    assert found == [thing * thing for thing in range(20)]
    assert told == list(range(1, 21))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a report has one process")
def test_killed_it_leaves_no_process_behind() -> None:
    command = [sys.executable, "-c", SHARING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "begun\n"
        until = time.monotonic() + PATIENCE
        while len(children := psutil.Process(started.pid).children()) < 3:
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(0.5)  # so that all of them watch
        started.kill()
    gone, alive = psutil.wait_procs(children, timeout=PATIENCE)
    for process in alive:
        process.kill()
    assert len(gone) == 3
