"""A database with two data sets, and its report, made once for all tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.databases import report, sweep, write
from vaebench.report import ReportSummary


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets: the literal sweep with models that have no strength, and Fashion-MNIST."""
    first = sweep(["ae", "vae", "cvae", "betavae_h"], latent_dim=6)
    second = sweep(
        ["cvae", "betavae_h"], [0, 1, 4], 2, dataset="fashion-mnist", network="mlp", latent_dim=4
    )
    path = tmp_path_factory.mktemp("everything") / "results.db"
    return write(path, first, second)


@pytest.fixture(scope="session")
def full_report(everything: Path) -> tuple[Path, ReportSummary]:
    """The report of `everything`, with the folder it lies in."""
    out = everything.parent / "report"
    return out, report(everything, out, formats=("png",))
