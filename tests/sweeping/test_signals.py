"""A stop that comes in the middle of an import, or that a library swallows, is not lost."""

from __future__ import annotations

import subprocess
import sys

import pytest

START = """
import os, signal, sys
from vaebench.cli import stopping
from vaebench.sweeping.signals import Stopped, held_back, stopping_in_order

class Runner:
    def stop(self): print("stopped")
    def close(self, *, kill): print("closed", kill)

stopping.while_working()
number = int(sys.argv[1])
"""

SWALLOWED = """
try:
    os.kill(os.getpid(), number)
except KeyboardInterrupt:
    pass  # as C code does
try:
    with stopping_in_order(Runner(), []):
        print("went on")
except Stopped:
    print("ended")
"""

HELD_BACK = """
try:
    with held_back():
        os.kill(os.getpid(), number)
        print("imported")
    print("went on")
except Stopped:
    print("ended")
"""

TWICE = """
try:
    with held_back():
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        print("imported")
except Stopped:
    print("ended")
"""


@pytest.mark.parametrize("number", [2, 15])
@pytest.mark.parametrize(
    ("code", "said"),
    [(SWALLOWED, "closed True ended"), (HELD_BACK, "imported ended"), (TWICE, "ended")],
    ids=["swallowed", "held back", "twice"],
)
def test_a_stop_is_not_lost(number: int, code: str, said: str) -> None:
    words = [sys.executable, "-c", START + code, str(number)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == said.split()
