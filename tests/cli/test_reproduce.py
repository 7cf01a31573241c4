"""`reproduce` asked for nothing, and what is said of runs that other code made: no training."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from tests.cli.conftest import Say, specs
from vaebench.fingerprint import code_digest


def mark(database: Path, code: str) -> None:
    """Has the finished runs be made by a code."""
    with sqlite3.connect(database) as base:
        for number, detail in base.execute("SELECT id, detail FROM environments").fetchall():
            changed = json.dumps({**json.loads(detail), "code": code})
            base.execute("UPDATE environments SET detail = ? WHERE id = ?", (changed, number))
    base.close()


def test_what_to_train_again_must_be_named(say: Say, database: Path) -> None:
    for words in ((), ("--restore",), ("--all",), ("abc", "--restore", "--all")):
        done = say("reproduce", *words, "--db", database)
        assert done.code == 2
        assert "Name the run to train again, or give --restore --all." in done.err


def test_a_run_that_is_not_finished_has_no_model_to_restore(say: Say, database: Path) -> None:
    failed = specs()[2].key
    done = say("reproduce", failed, "--restore", "--db", database)
    assert done.code == 1
    assert f"Run {failed} is FAILED: it has no trained model yet." in done.err


def test_status_and_report_say_what_other_code_made_and_nothing_of_what_they_do_not_know(
    say: Say, database: Path
) -> None:
    line = "2 of 2 finished runs were made by other code of vaebench than that at hand."
    page = database.parent / "report" / "index.html"
    for code, said in ((None, False), (code_digest(), False), ("0" * 16, True)):
        if code is not None:
            mark(database, code)
        assert (line in say("status", "--db", database).out) == said
        assert (line in say("report", "--db", database).err) == said
        assert (line in page.read_text()) == said


def test_an_environment_that_cannot_be_read_is_not_counted(say: Say, database: Path) -> None:
    with sqlite3.connect(database) as base:
        base.execute("UPDATE environments SET detail = '{'")
    base.close()
    done = say("status", "--db", database)
    assert done.code == 0
    assert "other code" not in done.out
