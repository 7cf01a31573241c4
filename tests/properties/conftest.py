"""How many inputs each property is tried on: few by default, HYPOTHESIS_PROFILE=many for 10,000."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
import torch
from hypothesis import HealthCheck, settings

from tests.properties import inputs

LENIENT = {
    "deadline": timedelta(seconds=60),  # a hang is found, a busy machine is not
    "suppress_health_check": list(HealthCheck),
    "print_blob": True,
}
settings.register_profile("few", max_examples=40, derandomize=True, database=None, **LENIENT)
settings.register_profile("many", max_examples=1000, **LENIENT)


def pytest_configure(config: pytest.Config) -> None:
    slow = config.getoption("--slow", default=False)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "many" if slow else "few"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if inputs.tried:
        total = sum(inputs.tried.values())
        ends = ", ".join(f"{count:,} {end}" for end, count in sorted(inputs.tried.items()))
        terminalreporter.write_line(f"inputs of parsers and readers: {total:,} tried, {ends}")


@pytest.fixture(scope="module", autouse=True)
def subnormal_numbers() -> None:
    """Lets this process compute with them again: training in it, as other tests do, ends that."""
    torch.set_flush_denormal(False)
