"""One S3 server for the tests of a file, and caches that no two tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.s3_server import S3Server, serving


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this machine's caches."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("VAEBENCH_CACHE", str(folder))
    return folder
