"""Proposed commands, split as a shell splits them: each leads to the database at hand."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from vaebench.hints import hint, hint_again, hint_data, hint_report, password_hint

URL = "postgresql+psycopg://anna:geheim@host/runs?a=1&b=2"
SWEEP = "vaebench sweep --seeds 2"


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAEBENCH_DB", raising=False)


def as_a_shell(command: str, variable: str) -> list[str]:
    """The words that `sh` makes of a command where VAEBENCH_DB is set."""
    script = f"""for word in {command}; do printf '%s\\0' "$word"; done"""
    done = subprocess.run(
        ["sh", "-c", script], env={"VAEBENCH_DB": variable}, capture_output=True, check=True
    )
    return done.stdout.decode().split("\0")[:-1]


def test_the_default_needs_no_option() -> None:
    assert hint("vaebench show 12", "results/results.db") == "vaebench show 12"
    assert hint_report("results/results.db", "results") == "vaebench report"
    assert hint_again(SWEEP, "results/results.db") == SWEEP


@pytest.mark.parametrize("db", ["my runs/it's $(one).db", "a.db", "postgresql://anna@host/x?a=1&b"])
def test_a_name_is_quoted_for_the_shell(db: str) -> None:
    assert shlex.split(hint("vaebench show 12", db)) == ["vaebench", "show", "12", "--db", db]
    assert as_a_shell(hint("vaebench show 12", db), "")[-1] == db


def test_the_variable_is_named_where_it_names_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAEBENCH_DB", URL)
    assert hint("vaebench show 12", URL) == 'vaebench show 12 --db "$VAEBENCH_DB"'
    assert as_a_shell(hint("vaebench show 12", URL), URL)[-1] == URL
    shown = URL.replace("geheim", "***")
    assert hint("vaebench show 12", shown) == hint("vaebench show 12", URL)
    assert as_a_shell(hint_again(SWEEP, URL), URL) == [*SWEEP.split(), "--db", URL]
    assert password_hint(URL) is None
    # The variable would lead elsewhere, so even the default has to be named.
    assert hint("vaebench show 12", "results/results.db").endswith("--db results/results.db")
    assert hint_again(SWEEP, "results/results.db").endswith("--db results/results.db")


def test_a_password_is_left_out_and_said_to_be() -> None:
    assert "geheim" not in hint("vaebench show 12", URL)
    command = shlex.join([*SWEEP.split(), "--db", URL])
    shown = URL.replace("geheim", "***")
    assert shlex.split(hint_again(command, URL)) == [*SWEEP.split(), "--db", shown]
    assert "VAEBENCH_DB" in str(password_hint(URL))
    assert password_hint("a.db") is None


def test_a_sweep_goes_on_in_the_database_that_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its command named: nothing (the default, `--out`, the variable), or another path."""
    assert hint_again(f"{SWEEP} --out runs", "runs/results.db") == f"{SWEEP} --out runs"
    assert hint_again(f"{SWEEP} --out=runs", "other.db") == f"{SWEEP} --out=runs --db other.db"
    assert hint_again(SWEEP, "other.db") == f"{SWEEP} --db other.db"
    assert hint_again(f"{SWEEP} --db a.db", "a.db") == f"{SWEEP} --db a.db"
    assert hint_again("vaebench sweep --db=/x/a.db --seeds 2", "a.db") == f"{SWEEP} --db a.db"
    assert hint_again(f"{SWEEP} --db x.db", "results/results.db").endswith("results/results.db")
    monkeypatch.setenv("VAEBENCH_DB", "a.db")
    assert hint_again(f"{SWEEP} --db a.db", "a.db") == f'{SWEEP} --db "$VAEBENCH_DB"'


def test_a_report_is_written_where_the_sweep_wrote() -> None:
    assert hint_report("runs/results.db", "runs") == "vaebench report --db runs/results.db"
    words = shlex.split(hint_report("postgresql://host/runs", "my runs"))
    assert words[-2:] == ["--out", "my runs/report"]


@pytest.mark.parametrize("folder", ["data", "my data", "it's", "a; touch b", "$HOME"])
def test_a_data_set_and_its_folder_are_quoted(folder: str) -> None:
    words = shlex.split(hint_data("check", f"npz:{folder}/x.npz", folder))
    assert words == ["vaebench", "data", "check", f"npz:{folder}/x.npz", "--data-dir", folder]
    assert "--data-dir" not in hint_data("check", "npz:x.npz")
