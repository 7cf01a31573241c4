"""Processes of our own: the caller's program is never run again."""

from __future__ import annotations

import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from tests.conftest import PATIENCE
from vaebench.child import Child


def double(pipe: Connection, number: int) -> None:
    pipe.send((2 * number, sys.modules["__main__"].__file__))


def answer(child: Child) -> tuple[int, str]:
    assert child.pipe.poll(60)
    found: tuple[int, str] = child.pipe.recv()
    assert child.wait() == 0
    child.pipe.close()
    return found


def test_a_function_is_called_in_a_process_whose_program_is_the_childs_own() -> None:
    number, program = answer(Child(double, (21,)))
    assert number == 42
    assert Path(program).name == "child.py"


def test_a_thread_can_start_one() -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(answer(Child(double, (4,)))[0]))
    thread.start()
    thread.join(PATIENCE)
    assert found == [8]


def test_what_cannot_be_pickled_leaves_no_process() -> None:
    before = psutil.Process().children()
    with pytest.raises(Exception, match="pickle"):
        Child(lambda pipe: None, ())
    assert psutil.Process().children() == before


def test_a_script_without_a_guard_is_run_once_and_its_child_ends_with_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import time\n"
        "from vaebench.child import Child\n"
        "print('run', flush=True)\n"
        "child = Child(time.sleep, ())\n"  # it is handed the pipe, and dies of that
        "print(child.wait() != 0, child.pid, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout.splitlines()[0] == "run"
    assert done.stdout.count("run") == 1
    assert done.stdout.split()[1] == "True"
