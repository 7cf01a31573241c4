"""Options of the test line, and what tests of several rooms share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), ""
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update",
         "--disable-sync"]  # fmt: skip
PATIENCE = 300.0
"""Seconds a test waits for what must come on a busy machine: the end of a hang, no verdict."""


def pytest_configure(config: pytest.Config) -> None:
    """Gives the tests a home of their own to remember plug-ins in."""
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="vaebench-state-")
    config.add_cleanup(lambda: shutil.rmtree(os.environ["XDG_STATE_HOME"], ignore_errors=True))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run the tests that take minutes")
    parser.addoption("--device", default="cpu", help="accelerator for the tests marked gpu")


def pytest_collection_modifyitems(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    slow = config.getoption("--slow") or os.environ.get("CI") == "true"
    gpu = config.getoption("--device") != "cpu"
    for item in items:
        if item.get_closest_marker("slow") and not slow:
            item.add_marker(pytest.mark.skip(reason="takes minutes: run with --slow"))
        if item.get_closest_marker("gpu") and not gpu:
            item.add_marker(pytest.mark.skip(reason="needs an accelerator: run with --device cuda"))


@pytest.fixture(scope="session")
def device(pytestconfig: pytest.Config) -> str:
    """The device that tests marked gpu run on."""
    return str(pytestconfig.getoption("--device"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A real headless Chromium."""
    if not BROWSER:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


class CommandLine:
    """The installed command in a folder of its own, as a real process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "VAEBENCH_DB"},
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "vaebench", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts the command as leader of a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(
        self, *arguments: str, code: int = 0, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Runs the command to its end and checks its exit code."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """The command line in an empty folder."""
    return CommandLine(tmp_path)
