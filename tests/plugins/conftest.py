"""The example package as one file, and plug-ins that are gone when a test is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaebench import plugins

EXAMPLE = Path(__file__).parents[1] / "plugin_example"
FUTURE = "from __future__ import annotations\n"
RECORDS = {
    "free_bits": "FREE_BITS",
    "small_conv": "SMALL_CONV",
    "blobs": "BLOBS",
    "participation": "PARTICIPATION",
}


def source(*names: str) -> str:
    """The example's files, all or some of them, as one plug-in file."""
    chosen = names or tuple(RECORDS)
    files = [(EXAMPLE / "vaebench_blobs" / f"{name}.py").read_text() for name in chosen]
    records = ", ".join(RECORDS[name] for name in chosen)
    return FUTURE + "".join(file.replace(FUTURE, "") for file in files) + f"PLUGIN = ({records},)\n"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and no plug-in before or after a test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(plugins, "_named", ())
    monkeypatch.setattr(plugins, "_installed", ())
    return tmp_path / "state" / "vaebench" / "plugins"


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    """The example as one file."""
    file = tmp_path / "blobs.py"
    file.write_text(source())
    return file
