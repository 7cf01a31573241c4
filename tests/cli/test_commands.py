"""One command of many: it alone is imported, and is what it is beside all the others."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.cli.conftest import Say
from vaebench.cli.commands import _COMMANDS, application

COMMANDS = list(_COMMANDS)


def test_the_help_lists_every_command(say: Say) -> None:
    listed = re.findall(r"^│ ([a-z]+) ", say("--help").out, re.MULTILINE)
    assert listed == COMMANDS
    assert {"sweep", "status", "runs", "report", "data"} < set(listed)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_alone_is_the_one_among_all(name: str, capsys: pytest.CaptureFixture) -> None:
    helps = []
    for app in (application(name), application("")):
        app(args=[name, "--help"], prog_name="vaebench", standalone_mode=False)
        helps.append(capsys.readouterr().out)
    assert helps[0] == helps[1]
    assert f"Usage: vaebench {name} " in helps[0]


def test_a_look_imports_no_other_command() -> None:
    code = (
        "import sys\nfrom vaebench.cli.app import run\nrun(['status', '--db', 'none.db'])\n"
        "print(*(name for name in sys.modules if name.startswith('vaebench.cli.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.removeprefix("vaebench.cli.") for name in done.stdout.split()}
    assert "status" in imported
    assert not imported & {"sweep", "running", "report", "inspect", "data", "compare", "explore"}
