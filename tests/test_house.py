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


def test_files_open_with_a_line_on_what_they_are_and_stay_short() -> None:
    for file in sorted((ROOT / "vaebench").rglob("*.py")):
        lines = file.read_text().splitlines()
        assert lines[0].startswith('"""'), file
        assert len(lines) <= 350, f"{file} has {len(lines)} lines"
