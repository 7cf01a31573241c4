"""What is stored may be hostile: no control character of it reaches a terminal, no CSV acts."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from rich.text import Text

from tests.cli.conftest import Say, specs
from tests.conftest import PATIENCE
from vaebench.cli import tables
from vaebench.cli.display import SweepDisplay
from vaebench.runner import JobEnded

TITLE, C1, BACK = "\x1b]0;owned\x07", "\x9b31m", "\r\x1b[1A\x1b[2K"
HOSTILE = f"=cmd {TITLE}{C1}{BACK}"


@pytest.fixture
def hostile(database: Path) -> Path:
    """A database with escape sequences in every text that can be stored."""
    with sqlite3.connect(database) as connection:
        for statement in (
            "UPDATE jobs SET error = :text, traceback = :text, claim_host = :text",
            "UPDATE jobs SET phase = :text WHERE state = 'RUNNING'",
            "UPDATE sweeps SET command = 'vaebench sweep ' || :text, created_at = :text",
            "UPDATE scores SET note = :text",
            "UPDATE environments SET host = :text, detail = json_object('host', :text)",
        ):
            connection.execute(statement, {"text": HOSTILE})
        connection.execute(
            "UPDATE jobs SET spec = :text WHERE job_key = :key",
            {"text": json.dumps({HOSTILE: 1}), "key": specs()[5].key},
        )
    connection.close()
    return database


def looks(database: Path) -> list[list[str]]:
    """Commands that show what is stored, and one that fails with it."""
    keys = [spec.key for spec in specs()]
    listed = [["status"], ["runs"], ["retry", "--all"], ["diff", keys[0], keys[2]]]
    listed += [["show", key] for key in (keys[0], keys[2], keys[5])]
    listed += [["show", keys[0], "--json"], ["--debug", "show", keys[5]]]
    listed += [["runs", "--format", form] for form in ("json", "csv")]
    listed += [["export", "--table", "jobs", "--format", form] for form in ("json", "csv")]
    return [[*words, "--db", str(database)] for words in listed]


def raw(text: str) -> set[str]:
    """The control characters of a text that are not its own lines'."""
    return {letter for letter in text if not letter.isprintable() and ord(letter) < 0xA0} - {"\n"}


def test_nothing_stored_reaches_a_pipe_raw(say: Say, hostile: Path) -> None:
    told = ""
    for words in looks(hostile):
        said = say(*words)
        assert raw(said.out + said.err) == set(), words
        told += said.out + said.err
    assert "␛]0;owned␇" in told


def test_nothing_stored_reaches_a_terminal_raw(hostile: Path) -> None:
    """In a real terminal, where vaebench's own colours are escape sequences too."""
    words = looks(hostile)[:6]
    code = f"from vaebench.cli.app import run\nfor words in {words!r}: run(words)"
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    content = b""
    try:
        while part := os.read(ours, 65536):
            content += part
    except OSError:  # the other side is closed
        pass
    assert child.wait(timeout=PATIENCE) == 0
    os.close(ours)
    shown = content.decode()
    assert "\x1b[1" in shown  # colours
    assert "owned" in shown
    for sequence in ("\x1b]", "\x07", "\x9b", "\x1b[1A", "\x1b[2K"):
        assert sequence not in shown


def test_a_live_display_shows_no_sequence_of_an_error() -> None:
    spec = specs()[0]
    display = SweepDisplay([spec], 1, "cpu", "results.db")
    page = io.StringIO()
    display.console = tables.Terminal(file=page, force_terminal=True, width=200)
    display.show(JobEnded(spec, "failed", None, HOSTILE))
    display.say(HOSTILE)
    display.console.print(Text(HOSTILE))
    assert page.getvalue().count("owned") == 3
    assert "\x1b]" not in page.getvalue()
    assert "\x9b" not in page.getvalue()


def test_a_csv_has_texts_marked_and_numbers_as_they_are(say: Say, hostile: Path) -> None:
    with sqlite3.connect(hostile) as connection:
        connection.execute("UPDATE scores SET value = -2.5 WHERE name = 'mig'")
    connection.close()
    for words in (["export", "--table", "jobs"], ["runs", "--format", "csv"]):
        rows = list(csv.DictReader(io.StringIO(say(*words, "--db", hostile).out)))
        errors = [row["error"] for row in rows if row["error"]]
        assert errors
        assert all(error.startswith("'=cmd ␛]") for error in errors)
        assert not any(text.startswith(("=", "+", "@")) for row in rows for text in row.values())
    exported = say("export", "--db", hostile).out
    assert [row["mig"] for row in csv.DictReader(io.StringIO(exported))] == ["-2.5", "-2.5"]
    table = json.loads(say("export", "--table", "jobs", "--format", "json", "--db", hostile).out)
    assert table[0]["error"] == HOSTILE  # JSON is for programs: nothing is lost
