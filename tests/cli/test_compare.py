"""`vaebench compare`: its verdicts, its exit codes and what it says where nothing is in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.test_comparison import fill
from vaebench.cli.app import run


def test_the_same_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(fill(tmp_path / "a.db", 0, seeds=2))
    assert run(["compare", path, path]) == 0
    shown = capsys.readouterr().out
    assert "6 of 6 runs that both have are the same to the last bit." in shown
    assert shown.rstrip().endswith("Verdict: the same bits.")
    assert shown.count("2 of 2") == 3


def test_a_replication_and_one_that_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = str(fill(tmp_path / "a.db", 1))
    again = str(fill(tmp_path / "b.db", 2))
    other = str(fill(tmp_path / "c.db", 3, shift=3.0))
    assert run(["compare", first, again]) == 0
    shown = capsys.readouterr().out
    assert "0 of 30 runs that both have are the same" in shown
    assert "Verdict: the same within the seeds' noise" in shown
    assert run(["compare", first, other]) == 1
    shown = capsys.readouterr().out
    assert "differs: mig" in shown
    assert "all cells, in SD" in shown
    assert "Verdict: different" in shown
    assert run(["compare", first, other, "--all"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum(" mig " in line for line in lines) == 4


def test_one_seed_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = (str(fill(tmp_path / f"{n}.db", n, seeds=1)) for n in (1, 2))
    assert run(["compare", a, b]) == 0
    assert "train more seeds" in capsys.readouterr().out


def test_nothing_in_common_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = str(fill(tmp_path / "a.db", 1, seeds=1))
    b = str(tmp_path / "none.db")
    assert run(["compare", a, b]) == 1
    assert "There is no database at" in capsys.readouterr().err
