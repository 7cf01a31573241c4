"""A database with two data sets, and its report, made once for all tests of this room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.report.databases import report, sweep, write
from vaebench.report import ReportSummary

Browse = Callable[..., Any]


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


@pytest.fixture(scope="module")
def browse(chromium: Any) -> Iterator[Browse]:
    """Opens a page: `browse(file, width=…)`; what it complains of and asks for is kept on it."""
    contexts = []

    def open_page(file: Path, *, width: int = 1200, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.requested = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.requested.append(request.url))
        page.goto(f"file://{quote(str(file))}")
        return page

    yield open_page
    for context in contexts:
        context.close()
