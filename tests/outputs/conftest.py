"""One server of each kind of bucket for the tests of a file, and caches that no two tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bucket_servers import SERVERS, BucketServer, serving


@pytest.fixture(scope="module", params=SERVERS, ids=lambda kind: kind.scheme)
def bucket(request: pytest.FixtureRequest) -> Iterator[BucketServer]:
    with serving(request.param) as server:
        yield server


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this machine's caches."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("VAEBENCH_CACHE", str(folder))
    return folder
