"""The house rules as tests: lint, format, types, and which room may import which."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", ["check", "format --check"])
def test_ruff(rule: str) -> None:
    run(sys.executable, "-m", "ruff", *rule.split(), "vaebench", "tests", "benchmarks")


def test_types() -> None:
    run(sys.executable, "-m", "mypy")


def test_imports_go_down() -> None:
    run(str(Path(sys.executable).parent / "lint-imports"))


def test_what_trains_nothing_imports_no_torch() -> None:
    """Records name functions that import torch when they are called: importing calls none."""
    rooms = ["analysis", "metrics", "outcome", "report", "runner", "store"]
    code = (
        "import importlib, pkgutil, sys\n"
        "for room in sys.argv[1:]:\n"
        "    path = getattr(importlib.import_module(f'vaebench.{room}'), '__path__', [])\n"
        "    for part in pkgutil.walk_packages(path, f'vaebench.{room}.'):\n"
        "        importlib.import_module(part.name)\n"
        "assert 'torch' not in sys.modules\n"
    )
    run(sys.executable, "-c", code, *rooms)


def test_files_open_with_a_line_on_what_they_are_and_stay_short() -> None:
    for file in sorted((ROOT / "vaebench").rglob("*.py")):
        lines = file.read_text().splitlines()
        assert lines[0].startswith('"""'), file
        assert len(lines) <= 350, f"{file} has {len(lines)} lines"
