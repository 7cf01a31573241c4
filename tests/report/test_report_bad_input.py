"""Databases with too little for statistics, or nothing sound: each gives a page that says so."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

import pandas as pd

from tests.report.databases import report, sweep, write
from vaebench.analysis import TABLES
from vaebench.report import ReportSummary

WRONG = re.compile(r"\bnan\b|\bNone\b(?! of)|\binf\b|NaN|\d\.\d+e[+-]?\d\d")
FIRST_RELEASE = Path(__file__).parent / "assets" / "first_release.db"


def words(summary: ReportSummary) -> str:
    page = summary.index.read_text()
    page = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def check(summary: ReportSummary) -> str:
    """The page is whole: no value that is none, every link and anchor there."""
    text, page = words(summary), summary.index.read_text()
    assert not WRONG.search(text), WRONG.search(text)
    for link in re.findall(r'href="((?:figures|tables)/[^"]+)"', page):
        assert (summary.index.parent / link).is_file(), link
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert page.count(f'id="{anchor}"') == 1, anchor
    return text


def test_one_run(tmp_path: Path) -> None:
    path = write(tmp_path / "results.db", sweep(["vae"], seeds=1, latent_dim=3))
    text = check(report(path, tmp_path / "out"))
    assert "The one run is complete." in text
    assert "dSprites has 1 run, and it needs" in text
    assert "These runs cannot tell" in text


def test_one_model(tmp_path: Path) -> None:
    path = write(tmp_path / "results.db", sweep(["betavae_h"], (1, 4, 16), 5, latent_dim=3))
    summary = report(path, tmp_path / "out")
    text = check(summary)
    assert "dSprites has 1 model, and it needs 2 or more." in text
    assert "the strength" in text
    assert "the model" not in re.findall(r"Of the variance of MIG[^.]*\.", text)[0]
    found = pd.read_csv(tmp_path / "out" / "tables" / "improvement.csv")
    assert found.empty


def test_failed_jobs_only(tmp_path: Path) -> None:
    path = write(tmp_path / "results.db", sweep(), fate=lambda spec: "failed")
    summary = report(path, tmp_path / "out")
    text = words(summary)
    assert not re.search(r"\bNone\b(?! of)|NaN|\binf\b", text)
    assert summary.figures == ()
    assert "None of 24 runs is complete yet: 24 failed." in text
    assert "Failed jobs" in text


def test_no_score_is_a_number(tmp_path: Path) -> None:
    path = write(tmp_path / "results.db", sweep(betas=(1, 4), latent_dim=3))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE scores SET value = NULL, low = NULL, high = NULL")
    connection.commit()
    connection.close()
    summary = report(path, tmp_path / "out")
    text = check(summary)
    assert "All 12 runs are complete." in text
    assert "These runs cannot tell" in text
    for table in TABLES:
        assert pd.read_csv(tmp_path / "out" / "tables" / f"{table.name}.csv").empty, table.name


def test_an_older_version(tmp_path: Path) -> None:
    """Six runs as the first release wrote them: no stored codes, no UDR, no intervals of scores."""
    path = tmp_path / "results.db"
    shutil.copy(FIRST_RELEASE, path)
    connection = sqlite3.connect(path)
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert "representations" not in tables
    text = check(report(path, tmp_path / "out"))
    assert "All 6 runs are complete." in text
    assert "Rows are sorted by the latent’s KL" in text
    assert "images of the training set: dSprites has no split" in text
