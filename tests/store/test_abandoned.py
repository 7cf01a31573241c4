"""When a claim is abandoned: never by a wall clock, with real processes, clocks and name spaces."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from tests.conftest import PATIENCE
from tests.store.sample_jobs import Start, make_specs
from vaebench.store import Claim, Reader, Store
from vaebench.store.schema import holders, jobs

CLAIM = """
import sys, time
sys.path.insert(0, "")
{clock}
from vaebench.store import Store
store = Store(sys.argv[1])
claim = store.claim(int(sys.argv[2]))
print(claim.spec.key, flush=True)
while sys.stdin.readline():
    store.heartbeat([claim], {{}})
    print("beat", flush=True)
"""
"""Claims a job and holds it; beats when it is told to."""

LOOK = """
import sys
{clock}
from vaebench.store import Store
store = Store(sys.argv[1])
print(store.requeue_abandoned(), store.jobs()[0].abandoned, flush=True)
"""

STEPPED = """
import time, psutil
real = time.time
time.time = lambda: real() + {seconds}
import psutil._pslinux as linux
boot = linux.boot_time()
linux.boot_time = lambda: boot + {seconds}
linux.BOOT_TIME = boot + {seconds}
"""
"""A wall clock that goes wrong: with it, as on Linux, the times at which processes started."""

ELSEWHERE = """
import vaebench.store.holders as holders
holders.this_place = lambda: "{place}"
import platform
platform.node = lambda: "{place}"
"""

RUN = """
import sys, time
from vaebench.executors import InlineExecutor
from vaebench.outcome import JobOutcome
from vaebench.runner import JobEnded, Runner
from vaebench.store import Store
{clock}
waits = [True]
def task(pack, context, on_event, should_stop):
    print("began", pack[0].key, flush=True)
    if waits:  # until the other one has begun, too
        waits.clear()
        sys.stdin.readline()
    time.sleep(0.3)
    return [JobOutcome(spec.key, "complete", train_seconds=1.0, eval_seconds=1.0) for spec in pack]
def tell(event):
    if isinstance(event, JobEnded):
        print(event.state, event.spec.key, flush=True)
with Store(sys.argv[1]) as store:
    executor = InlineExecutor(task, None, on_event=lambda progress: None)
    Runner(store, int(sys.argv[2]), executor, on_event=tell).run()
"""


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def beat(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert line_of(process) == "beat"


def a_sweep(location: str, count: int = 1) -> int:
    with Store(location) as store:
        return store.add_sweep(make_specs(count), "a sweep").sweep_id


def change(store: Store, **values: object) -> None:
    """Writes into every job past the store."""
    with store.engine.begin() as connection:
        connection.execute(sa.update(jobs).values(**values))


def change_holders(store: Store, **values: object) -> None:
    with store.engine.begin() as connection:
        connection.execute(sa.update(holders).values(**values))


def of_an_older_vaebench(store: Store) -> None:
    """Leaves of the claims what a vaebench wrote that had no holders."""
    with store.engine.begin() as connection:
        connection.execute(sa.delete(holders))


def server(location: str) -> bool:
    return "://" in location


@pytest.mark.parametrize("seconds", [5, -5, 3600, -3600])
def test_no_step_of_the_clock_takes_a_job_from_a_living_process(
    location: str, start: Start, seconds: int
) -> None:
    """Neither of the clock that looks nor of the one that claimed."""
    sweep = a_sweep(location)
    wrong = STEPPED.format(seconds=seconds)
    for claims, looks in (("", wrong), (wrong, "")):
        holder = start(CLAIM.format(clock=claims), location, sweep)
        key = line_of(holder)
        found = start(LOOK.format(clock=looks), location).communicate(timeout=PATIENCE)[0].split()
        assert found[0] == "0"
        with Store(location) as store:
            assert store.states()[key] == "RUNNING"
            holder.kill()
            holder.wait()
            assert store.requeue_abandoned() == 1


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_two_hosts_with_clocks_an_hour_apart_run_each_job_once(
    location: str, start: Start, seconds: int
) -> None:
    """Two runners that cannot look at each other's processes, one after the other."""
    sweep = a_sweep(location, 8)
    here = ELSEWHERE.format(place="one")
    there = ELSEWHERE.format(place="other") + STEPPED.format(seconds=seconds)
    first = start(RUN.format(clock=here), location, sweep)
    line_of(first)
    second = start(RUN.format(clock=there), location, sweep)
    line_of(second)
    for process in (first, second):
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    lines = [process.communicate(timeout=PATIENCE)[0].split("\n") for process in (first, second)]
    done = [line.split()[1] for line in lines[0] + lines[1] if line.startswith("complete")]
    assert sorted(done) == sorted(spec.key for spec in make_specs(8))
    assert not [line for line in lines[0] + lines[1] if line.startswith("late")]
    assert all(any(line.startswith("complete") for line in mine) for mine in lines)
    with Store(location) as store:
        assert store.counts()["COMPLETE"] == 8


def test_a_runner_never_puts_back_what_it_holds(location: str) -> None:
    with Store(location) as store:
        store.add_sweep(make_specs(2), "a sweep")
        claims = [store.claim(1), store.claim(1)]
        mine = [claim for claim in claims if claim is not None]
        change(store, heartbeat_at=1.0, claim_started=1.0)
        change_holders(store, started=1)
        assert store.requeue_abandoned(0.0, mine) == 0
        assert store.requeue_abandoned(0.0, mine[:1]) == 1
        assert store.states()[mine[0].spec.key] == "RUNNING"


def test_a_process_that_hangs_loses_its_job(location: str, start: Start) -> None:
    """It lives, but nothing is heard of it: on SQLite as long as the store itself has listened."""
    holder = start(CLAIM.format(clock=""), location, a_sweep(location))
    line_of(holder)
    with Store(location) as store:
        assert store.requeue_abandoned(1.0) == 0
        for _ in range(8):
            time.sleep(0.2)
            beat(holder)
            assert store.requeue_abandoned(1.0) == 0
        psutil.Process(holder.pid).suspend()
        time.sleep(0.6)
        assert store.requeue_abandoned(1.0) == 0
        time.sleep(0.6)
        assert store.requeue_abandoned(1.0) == 1


def test_a_machine_that_slept_loses_no_job(location: str) -> None:
    """All of its heartbeats are old by the server's clock, but the processes live."""
    sweep = a_sweep(location)
    with Store(location) as first, Store(location) as second:
        assert first.claim(sweep) is not None
        with first.engine.begin() as connection:
            connection.execute(sa.update(jobs).values(heartbeat_at=jobs.c.heartbeat_at - 3600))
        assert second.requeue_abandoned() == 0
        assert second.counts()["RUNNING"] == 1


@pytest.mark.parametrize("seconds", [0, 3600, -3600])
def test_a_host_that_nobody_can_look_into_counts_by_its_heartbeats(
    location: str, start: Start, seconds: int
) -> None:
    clock = ELSEWHERE.format(place="other") + STEPPED.format(seconds=seconds)
    holder = start(CLAIM.format(clock=clock), location, a_sweep(location))
    line_of(holder)
    with Store(location) as store:
        for _ in range(8):
            assert store.requeue_abandoned(1.0) == 0
            time.sleep(0.2)
            beat(holder)
        holder.kill()
        holder.wait()
        assert store.requeue_abandoned(1.0) == 0
        time.sleep(1.2)
        assert store.requeue_abandoned(1.0) == 1


def test_a_store_that_has_slept_has_seen_no_silence(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of Ctrl-Z between two looks counts as half a minute of them."""
    location = str(tmp_path / "results.db")
    clock = ELSEWHERE.format(place="other")
    holder = start(CLAIM.format(clock=clock), location, a_sweep(location))
    line_of(holder)
    real = time.monotonic
    with Store(location) as store:
        assert store.requeue_abandoned() == 0
        monkeypatch.setattr(time, "monotonic", lambda: real() + 3600)
        assert store.requeue_abandoned() == 0
        for hours in (2, 3, 4, 5):
            monkeypatch.setattr(time, "monotonic", lambda hours=hours: real() + 3600 * hours)
            found = store.requeue_abandoned()
        assert found == 1


def test_another_process_of_the_same_number_is_not_the_claims(location: str) -> None:
    with Store(location) as store:
        claim = store.claim(store.add_sweep(make_specs(1), "a sweep").sweep_id)
        assert isinstance(claim, Claim)
        assert not store.jobs()[0].abandoned
        change_holders(store, started=12345)
        assert store.jobs()[0].abandoned
        assert store.requeue_abandoned() == 1


class TestClaimsOfAnOlderVaebench:
    def test_a_process_that_is_gone(self, location: str, start: Start) -> None:
        holder = start(CLAIM.format(clock=""), location, a_sweep(location))
        line_of(holder)
        with Store(location) as store:
            of_an_older_vaebench(store)
            assert store.requeue_abandoned() == 0
            holder.kill()
            holder.wait()
            assert store.jobs()[0].abandoned
            assert store.requeue_abandoned() == 1

    @pytest.mark.parametrize("seconds", [0.0, 5.0, -3600.0])
    def test_a_process_that_lives_whatever_its_start_seems_to_be(
        self, location: str, start: Start, seconds: float
    ) -> None:
        """A step of the clock since would look the same, so it is its heartbeats that count."""
        holder = start(CLAIM.format(clock=""), location, a_sweep(location))
        line_of(holder)
        with Store(location) as store:
            of_an_older_vaebench(store)
            change(store, claim_started=jobs.c.claim_started + seconds)
            change(store, heartbeat_at=jobs.c.heartbeat_at - 3600)
            assert store.requeue_abandoned() == 0
            time.sleep(0.5)
            assert store.requeue_abandoned(0.4) == 1

    def test_another_host(self, location: str) -> None:
        with Store(location) as store:
            store.add_sweep(make_specs(1), "a sweep")
            assert store.claim(1) is not None
            of_an_older_vaebench(store)
            change(store, claim_host="another", claim_pid=1)
            assert store.requeue_abandoned() == 0
            assert not store.jobs()[0].abandoned
            change(store, heartbeat_at=time.time() - 1000)
            assert store.jobs()[0].abandoned
            assert store.requeue_abandoned() == 0  # perhaps its clock is behind
            time.sleep(0.5)
            assert store.requeue_abandoned(0.4) == 1

    def test_its_database_is_read_as_it_is_and_completed_for_writing(self, location: str) -> None:
        with Store(location) as store:
            store.add_sweep(make_specs(1), "a sweep")
            assert store.claim(1) is not None
            with store.engine.begin() as connection:
                connection.exec_driver_sql("DROP TABLE holders")
        with Reader.open(location) as reader:
            assert reader.jobs()[0].state == "RUNNING"
            assert not sa.inspect(reader.engine).has_table("holders")
        with Store(location) as store:
            assert sa.inspect(store.engine).has_table("holders")
            assert store.requeue_abandoned() == 0


def test_containers_with_one_host_name_do_not_take_each_others_jobs(
    location: str, start: Start
) -> None:
    """A process of another name space of numbers: of another number there, or of the same."""
    words = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip("name spaces cannot be made here")
    sweep = a_sweep(location, 2)
    code = CLAIM.format(clock="import os; print(os.getpid(), flush=True)")
    contained = subprocess.Popen(
        [*words, sys.executable, "-c", code, location, str(sweep)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        number, key = int(line_of(contained)), line_of(contained)
        assert not psutil.pid_exists(number) or number < 10
        with Store(location) as store:
            assert store.requeue_abandoned() == 0
            assert store.states()[key] == "RUNNING"
            outside: Any = store.claim(sweep)
            look = [*words, sys.executable, "-c", LOOK.format(clock=""), location]
            path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
            found = subprocess.run(look, capture_output=True, text=True, env=path, check=True)
            assert found.stdout.split()[0] == "0", found
            assert store.states()[outside.spec.key] == "RUNNING"
            time.sleep(0.5)
            assert store.requeue_abandoned(0.4, [outside]) == 1
    finally:
        contained.kill()
        contained.communicate()
