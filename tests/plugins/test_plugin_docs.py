"""docs/plugins.md: its code is the example's, and its command line does what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.conftest import CommandLine
from tests.plugins.conftest import EXAMPLE, source

DOCS = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()


def blocks(kind: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", DOCS, flags=re.DOTALL | re.MULTILINE)
    return [text for name, text in found if name == kind]


def test_code_is_the_examples() -> None:
    """Every file of the example is there whole, and nothing else but the last line of a file."""
    files = (EXAMPLE / "vaebench_blobs").glob("*.py")
    whole = {file.read_text() for file in files if file.name != "__init__.py"}
    python = set(blocks("python"))
    assert whole < python
    (last,) = python - whole
    assert source("free_bits").endswith(last)
    assert blocks("toml") == [(EXAMPLE / "pyproject.toml").read_text()]


def test_the_command_trains_what_it_says(cli: CommandLine) -> None:
    (command,) = blocks("")
    (cli.folder / "free_bits.py").write_text(source("free_bits"))
    program, *words = shlex.split(command)
    assert program == "vaebench"
    planned = cli.run(*words, "--dry-run")
    found = re.findall(r" freebits +floor=([0-9.]+) +(\d)", planned.stdout)
    assert found == [(floor, seed) for seed in "012" for floor in ("0.1", "0.5")]
    assert "as just measured" in planned.stderr
    assert "Not measured" not in planned.stderr
