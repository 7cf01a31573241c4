"""The house rules as tests: lint, format, types, and which room may import which."""

from __future__ import annotations

import subprocess
import sys
import tomllib
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


def test_every_room_is_in_the_import_rules_and_in_the_table_of_rooms() -> None:
    package = ROOT / "vaebench"
    files = {file.stem for file in package.glob("*.py") if not file.stem.startswith("__")}
    rooms = files | {file.parent.name for file in package.glob("*/__init__.py")}
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [each["layers"] for each in rules["contracts"] if each["type"] == "layers"]
    ruled = {name.strip() for layer in layers for name in layer.split("|")}
    assert {f"vaebench.{room}" for room in rooms} == ruled
    table = (ROOT / "docs" / "design.md").read_text().split("| room |")[1].split("\n\n")[0]
    assert {room for room in rooms if f"`{room}`" not in table} == set()


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
