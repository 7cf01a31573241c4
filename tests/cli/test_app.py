"""The frame of the command line: help, errors in one line, exit codes, pipes, fast starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Say
from tests.conftest import PATIENCE, CommandLine
from vaebench import __version__
from vaebench.cli import app, known

COMMANDS = ("sweep", "status", "runs", "show", "diff", "retry", "reproduce", "report", "export")
HEAVY = (
    "numpy",
    "torch",
    "torchvision",
    "ray",
    "matplotlib",
    "pandas",
    "scipy",
    "sklearn",
    "lightgbm",
)


def one_line(text: str) -> str:
    """Checks that a message is one line of vaebench's and returns it."""
    assert text.startswith("vaebench: ")
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return text


class TestHelp:
    def test_it_names_every_command_with_examples(self, say: Say) -> None:
        said = say("--help")
        assert said.code == 0
        assert said.err == ""
        for command in (*COMMANDS, "data", "models"):
            assert f"│ {command} " in said.out
        assert "vaebench sweep --models cvae,betavae_h --betas 0.5,1,3,10" in said.out

    @pytest.mark.parametrize("command", [*COMMANDS, "models", "data list"])
    def test_every_command_has_its_own(self, say: Say, command: str) -> None:
        said = say(*command.split(), "-h")
        assert (said.code, said.err) == (0, "")
        assert f"Usage: vaebench {command}" in said.out

    def test_version(self, say: Say) -> None:
        assert say("--version") == (0, f"vaebench {__version__}\n", "")

    def test_models_are_listed(self, say: Say) -> None:
        said = say("models")
        assert said.code == 0
        assert "betavae_b (= annealedvae)" in said.out
        assert "c_max=25, gamma=1000, c_steps=steps" in said.out


class TestErrors:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["rnus"], "Did you mean 'runs'?"),
            (["runs", "--modle", "vae"], "--model"),
            (["runs", "--limit", "many"], "--limit 'many' is not taken"),
            (["runs", "--limit=0"], "--limit '0' is not taken"),
            (["show"], "Missing argument 'key'"),
            (["show", "a", "b"], "unexpected extra argument"),
            (["data", "lits"], "Did you mean 'list'?"),
        ],
    )
    def test_wrong_usage_is_one_line_and_2(self, say: Say, words: list[str], expected: str) -> None:
        said = say(*words)
        assert said.code == 2
        assert said.out == ""
        line = one_line(said.err)
        assert expected in line
        assert "--help`" in line

    @pytest.mark.parametrize("words", [[], ["data"]])
    def test_nothing_typed_is_help_and_2(self, say: Say, words: list[str]) -> None:
        said = say(*words)
        assert (said.code, said.err) == (2, "")
        assert f"Usage: {' '.join(['vaebench', *words])} [OPTIONS] COMMAND" in said.out

    def test_an_error_on_purpose_is_one_line_and_1(self, say: Say, tmp_path: Path) -> None:
        said = say("runs", "--db", tmp_path / "none.db")
        assert (said.code, said.out) == (1, "")
        assert "There is no database" in one_line(said.err)

    @pytest.mark.parametrize("words", [["--debug", "runs"], ["runs", "--debug"]])
    def test_debug_shows_the_traceback_wherever_it_stands(
        self, say: Say, words: list[str], tmp_path: Path
    ) -> None:
        said = say(*words, "--db", tmp_path / "none.db")
        assert said.code == 1
        assert said.err.startswith("Traceback")
        assert "vaebench: There is no database" in said.err.splitlines()[-1]

    def test_a_defect_says_so_and_keeps_its_traceback(
        self, say: Say, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(known, "all_models", None)
        said = say("models")
        assert said.code == 1
        assert said.err.startswith("Traceback")
        assert "this is a defect of vaebench: TypeError" in said.err.splitlines()[-1]

    def test_interrupted(self, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
        def stop(*arguments: object, **options: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(known.tables, "emit", stop)
        assert say("models").code == 130

    def test_debug_after_two_dashes_is_a_word(self) -> None:
        assert app._without_debug(["a", "--", "--debug"]) == (["a", "--", "--debug"], False)
        assert app._without_debug(["a", "--debug", "b"]) == (["a", "b"], True)


class TestProcesses:
    def test_exit_codes_reach_the_shell(self, cli: CommandLine) -> None:
        assert one_line(cli.run("runs", code=1).stderr)
        assert one_line(cli.run("runs", "--nothing", code=2).stderr)
        assert cli.run("--version").stdout == f"vaebench {__version__}\n"

    @pytest.mark.parametrize("command", ["runs", "export"])
    def test_a_reader_that_leaves_is_no_error(
        self, cli: CommandLine, database: Path, command: str
    ) -> None:
        process = cli.start(command, "--db", str(database))
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(timeout=PATIENCE) == 0
        process.stderr.close()

    def test_a_full_output_is_one_line(self, cli: CommandLine, database: Path) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("this system has no /dev/full")
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                cli.command("runs", "--db", str(database)),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == 1
        assert "No space left on device" in one_line(done.stderr)

    def test_an_output_without_unicode_is_no_error(self, cli: CommandLine, database: Path) -> None:
        cli.environment |= {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
        done = cli.run("show", json.loads(cli.run("runs", "--db", str(database), "--format",
                       "json").stdout)[0]["job_key"], "--db", str(database))  # fmt: skip
        assert "mig" in done.stdout

    def test_a_start_imports_nothing_heavy(self, database: Path) -> None:
        code = (
            "import sys\nfrom vaebench.cli.app import run\nfrom vaebench.store import Reader\n"
            f"key = Reader.open({str(database)!r}).jobs()[0].key\n"
            "for words in (['--help'], ['runs'], ['status'], ['show', key], ['export'], ['models'],"
            " ['diff', key, key[:-1]], ['retry', key], ['runs', '--format', 'json']):\n"
            "    run(words)\n"
            f"    print('heavy:', words, *(name for name in {HEAVY!r} if name in sys.modules))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "VAEBENCH_DB": str(database)},
            capture_output=True,
            text=True,
            check=True,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("heavy:")]
        assert len(lines) == 9
        assert [line for line in lines if not line.endswith("]")] == []

    def test_help_does_not_even_import_the_store(self, cli: CommandLine) -> None:
        code = (
            "import sys\nfrom vaebench.cli.app import run\nrun(['--help'])\n"
            "assert 'sqlalchemy' not in sys.modules\nassert 'numpy' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        cli.run("--help")
