"""No command stores or shows the password of a database's URL, nor one that is stored already."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Say
from tests.conftest import CommandLine
from vaebench.cli import app

SECRET = "gehe!m 7"
QUOTED = "gehe%21m%207"
OLD = (
    f"vaebench sweep --seeds 2 --db 'postgresql+psycopg://anna:{SECRET}@host/runs'",
    f"vaebench sweep --seeds 3 --db=postgresql+psycopg://anna:{QUOTED}@host/runs",
    f"vaebench sweep --seeds 4 --db 'postgresql+psycopg://host/runs?user=anna&password={QUOTED}'",
)
COMMANDS = (
    "status",
    "runs",
    "runs --format json",
    "show {failed}",
    "show {failed} --json",
    "show {done}",
    "retry --all",
    "export --table jobs",
    "export --table jobs --format json",
    "export --table results",
)


@pytest.fixture
def old(database: Path) -> Path:
    """A database as an older vaebench left it, with passwords in it."""
    with sqlite3.connect(database) as base:
        for command in OLD:
            words = (command, "2024-01-01T00:00:00+00:00")
            base.execute("INSERT INTO sweeps (command, created_at) VALUES (?, ?)", words)
            base.execute(
                "INSERT INTO sweep_jobs SELECT (SELECT max(id) FROM sweeps), id, id FROM jobs"
            )
        text = f"no server at postgresql+psycopg://anna:{QUOTED}@host/runs"
        base.execute("UPDATE jobs SET error = ?, traceback = ? WHERE state = 'FAILED'", [text] * 2)
    base.close()
    return database


def keys(path: Path) -> Iterator[tuple[str, str]]:
    with sqlite3.connect(path) as base:
        yield from base.execute("SELECT lower(state), job_key FROM jobs")
    base.close()


def test_what_an_old_database_holds_is_shown_without_its_passwords(old: Path, say: Say) -> None:
    named = dict(keys(old))
    for command in COMMANDS:
        words = command.format(failed=named["failed"], done=named["complete"]).split()
        said = say(*words, "--db", old)
        assert said.code == 0, said.err
        for secret in (SECRET, QUOTED):
            assert secret not in said.out + said.err, command
    assert "anna:***@host" in say("show", named["failed"], "--db", old).out
    assert "anna:***@host" in say("export", "--table", "jobs", "--db", old).out


def test_the_page_meant_for_sharing_shows_none(old: Path, say: Say, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    assert say("report", "--db", old, "--out", folder).code == 0
    page = (folder / "index.html").read_text()
    assert "anna:***@host" in page
    assert f"vaebench show KEY --db {old}" in page
    for file in folder.rglob("*.*"):
        assert SECRET.encode() not in file.read_bytes()
        assert QUOTED.encode() not in file.read_bytes()


@pytest.mark.parametrize("debug", [(), ("--debug",)])
@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://anna:{SECRET}",
        f"postgresql+psycopg://anna:{SECRET}/runs",
        f"postgresql+psycopg://anna:{SECRET}@host:x/runs",
        f"postgresql+psycopg://anna:{SECRET}@@127.0.0.1/runs",
        f"postgresql+psycopg://anna:{SECRET}@127.0.0.1:9/runs",
        f"postgresql+psycopg://127.0.0.1:9/runs?user=anna&password={SECRET}",
        f"postgresql+psycopg://127.0.0.1:9/runs?user=anna&passwrd={SECRET}&password={SECRET}",
        f"mysql://anna:{SECRET}@host/runs",
        f"nonsense://anna:{SECRET}@host/runs",
    ],
)
def test_no_error_shows_one(
    url: str, debug: tuple[str, ...], say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the line, not the traceback, from the option and from the variable."""
    said = say("status", "--db", url, *debug)
    assert said.code in {1, 2}
    assert SECRET not in said.out + said.err
    monkeypatch.setenv("VAEBENCH_DB", url)
    code = app.run(["status", *debug])
    assert code in {1, 2}
    for wrong in (["status", url], [url], ["status", "--dbb", url], ["runs", f"--limit={url}"]):
        said = say(*wrong, *debug)
        assert said.code == 2
        assert SECRET not in said.out + said.err, wrong


def test_a_defect_shows_none(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str, **values: object) -> None:
        raise RuntimeError(f"no way to {name}, with {SECRET}")

    monkeypatch.setattr("vaebench.store.Reader.open", broken)
    said = say("status", "--db", f"postgresql+psycopg://anna:{SECRET}@host/runs")
    assert said.code == 1
    assert "defect" in said.err
    assert SECRET not in said.err


def test_status_proposes_commands_that_open_the_database_at_hand(
    database: Path, say: Say, tmp_path: Path
) -> None:
    strange = tmp_path / "it's mine.db"
    database.replace(strange)
    page = say("status", "--db", strange).out
    proposed = [line.split(None, 1)[1] for line in page.splitlines() if "vaebench " in line]
    proposed = [line.partition(", then")[0] for line in proposed if "--db" in line]
    assert len(proposed) == 2
    for line in proposed:
        words = shlex.split(line)
        assert words[-2:] == ["--db", str(strange)]
        assert say(*words[1:]).code == 0


def test_a_failed_sweep_proposes_commands_that_work(cli: CommandLine) -> None:
    """From an `--out` with a blank: the trace, the retry, and the sweep again."""
    words = (
        "sweep --models betavae_b --seeds 1 --steps 6 --batch-size 4 --network burgess "
        "--eval-size 10 --workers 1 --set betavae_b.c_steps=1 --set betavae_b.gamma=3e38"
    ).split()
    done = cli.run(*words, "--out", "my runs", code=1)
    lines = [line for line in done.stderr.splitlines() if "vaebench" in line]
    trace = next(line.partition("trace: ")[2] for line in lines if "trace: " in line)
    assert "DivergedError" in cli.run(*shlex.split(trace)[1:]).stdout
    retry = next(line.partition("again: ")[2] for line in lines if "try again" in line)
    again = cli.run(*shlex.split(retry.partition(", then")[0])[1:]).stdout
    assert shlex.split(again) == ["vaebench", *words, "--out", "my runs"]
