"""`--plugin FILE.py` as a person uses it: swept, killed, gone on with, looked at, changed."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.plugins.conftest import source
from tests.test_sweep_processes import query, wait_for_checkpoint
from vaebench.sweeping.library import as_command

SWEEP = (
    "sweep --models freebits --dataset blobs --network smallconv --seeds 1 --batch-size 8 "
    "--eval-size 10 --checkpoint-every 0.1 --workers 1 --steps"
).split()
STEPS = "150"


def killed_and_resumed(cli: CommandLine, first: Sequence[str], again: Sequence[str]) -> None:
    """Sweeps, kills all of it with -9 once it has a checkpoint, and runs the command again."""
    process = cli.start(*first)
    wait_for_checkpoint(process, cli.folder)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert query(cli.folder, "SELECT count(*) FROM jobs WHERE state = 'RUNNING'") == [(1,)]
    said = cli.run(*again).stderr
    assert "1 complete, 0 failed, 0 to do" in said
    assert "starts anew" not in said
    figures = query(cli.folder, "SELECT participation, mig, reconstruction FROM results")
    assert len(figures) == 1
    assert all(0 < ratio <= 10 and 0 <= mig <= 1 and nats > 0 for ratio, mig, nats in figures)


def report_of(cli: CommandLine) -> str:
    cli.run("report", "--format", "svg")
    return (cli.folder / "results" / "report" / "index.html").read_text()


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plug-in and a sweep that was killed and gone on with without naming it."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "blobs.py").write_text(source())
    cli = command_line(folder)
    words = [*SWEEP, STEPS]
    killed_and_resumed(cli, [*words, "--plugin", "blobs.py"], words)
    key = query(folder, "SELECT job_key FROM jobs")[0][0]
    assert "the same, bit for bit" in cli.run("reproduce", key).stdout
    return folder


def command_line(folder: Path) -> CommandLine:
    cli = CommandLine(folder)
    cli.environment["XDG_STATE_HOME"] = str(folder / "state")
    return cli


@pytest.fixture
def cli(swept: Path) -> CommandLine:
    return command_line(swept)


def test_looks_at_it_need_no_option(cli: CommandLine) -> None:
    status = cli.run("status")
    assert "1 job, 1 COMPLETE" in status.stdout
    assert "other code" not in status.stdout
    assert status.stderr == ""
    assert "freebits" in cli.run("runs", "--model", "freebits").stdout
    key = query(cli.folder, "SELECT job_key FROM jobs")[0][0]
    shown = cli.run("show", key).stdout
    assert "participation" in shown
    assert "plugins.blobs.py" in shown
    page = report_of(cli)
    assert "Free bits" in page
    assert "Participation ratio" in page
    refused = cli.run("explore", key, code=1).stderr
    assert "cannot run the decoder of network 'smallconv'" in refused.replace("\n", " ")


def test_a_score_that_came_later_is_given_to_finished_runs(
    cli: CommandLine, tmp_path: Path
) -> None:
    shutil.copytree(cli.folder / "results", tmp_path / "results")
    later = CommandLine(tmp_path)
    later.environment |= {"XDG_STATE_HOME": cli.environment["XDG_STATE_HOME"]}
    text = source("participation").replace('"participation"', '"ratio"')
    (tmp_path / "later.py").write_text(text)
    said = later.run("evaluate", "--all", "--plugin", "later.py").stderr
    assert "1 runs evaluated" in said
    assert query(tmp_path, "SELECT ratio - participation FROM results") == [(0.0,)]
    assert "other code" not in later.run("status").stdout


def test_lists_name_the_file(cli: CommandLine) -> None:
    for command in ("models", "networks", "scores"):
        last = cli.run(command, "--plugin", "blobs.py").stdout.splitlines()[-1]
        assert last.split()[0] in {"freebits", "smallconv", "participation"}
        assert last.endswith(str(cli.folder / "blobs.py"))
        assert "blobs.py" not in cli.run(command).stdout
    assert "drawn by vaebench-blobs" in cli.run("--plugin=blobs.py", "data", "list").stdout


def test_a_changed_file_is_said_and_renewed(cli: CommandLine, tmp_path: Path) -> None:
    shutil.copytree(cli.folder, tmp_path, dirs_exist_ok=True)
    changed = command_line(tmp_path)  # the file has moved with the database
    gone = changed.folder / "blobs.py"
    gone.write_text(source() + "# changed\n")
    words = [*SWEEP, STEPS]
    before = query(tmp_path, "SELECT * FROM scores ORDER BY name")
    (cli.folder / "blobs.py").rename(cli.folder / "away.py")
    try:
        missing = changed.run("status")
        assert "is missing: name the place where it is now" in missing.stderr
        assert "1 job, 1 unreadable" in missing.stdout
        assert "vaebench retry" not in missing.stdout
        assert "other code" not in missing.stdout  # of what can be read, all is today's
        key = query(tmp_path, "SELECT job_key FROM jobs")[0][0]
        assert "needs what is not known here" in changed.run("retry", key, code=1).stderr
        assert f"Run {key} is whole, but needs what is" in changed.run("runs").stderr
        assert "Unknown model 'freebits'" in changed.run(*words, code=2).stderr
    finally:
        (cli.folder / "away.py").rename(cli.folder / "blobs.py")
    assert query(tmp_path, "SELECT * FROM scores ORDER BY name") == before
    said = changed.run(*words, "--plugin", "blobs.py").stderr
    wanted = "1 of 1 finished run was made by other code of vaebench or of the plug-in blobs.py"
    assert wanted in said
    assert wanted in changed.run("status").stdout
    assert "of the plug-in blobs.py" in report_of(changed)
    changed.run(*words, "--renew")
    assert "other code" not in changed.run("status").stdout
    assert (
        query(tmp_path, "SELECT * FROM scores ORDER BY name") == before
    )  # a remark changes no figure


@pytest.mark.parametrize("command", ["status", "sweep"])
def test_a_wrong_file_is_one_line(command: str, cli: CommandLine) -> None:
    (cli.folder / "wrong.py").write_text("PLUGIN = 3\n")
    said = cli.run(command, "--plugin", "wrong.py", code=2).stderr
    assert said.startswith("vaebench: Plug-in wrong.py declares no records: PLUGIN is a int.")
    assert len(said.splitlines()) == 1
    assert "--plugin names no file" in cli.run(command, "--plugin", code=2).stderr


def test_from_python(tmp_path: Path) -> None:
    words = as_command({"models": "freebits", "plugins": ["a.py", Path("b c.py")]})
    assert words == "vaebench sweep --models freebits --plugin a.py --plugin 'b c.py'"
