"""Downloads over loopback: cut off, resumed, refused, changed meanwhile, killed."""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import PATIENCE
from tests.download.loopback import Site, serving
from vaebench.download import transfer
from vaebench.errors import DataError

CONTENT = np.random.default_rng(0).integers(0, 256, 3_000_000).astype(np.uint8).tobytes()
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


class Fetched:
    """A download, with what was told of its progress."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "sub" / "file.npz"
        self.part = folder / "sub" / "file.npz.part"
        self.progress: list[tuple[int, int | None]] = []

    def fetch(self, address: str, checksum: str | None = SHA256) -> bytes:
        transfer.fetch(
            f"{address}/file.npz",
            self.path,
            checksum,
            lambda *count: self.progress.append(count),
            pause=0,
        )
        return self.path.read_bytes()

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in self.path.parent.iterdir())


@pytest.fixture
def fetched(tmp_path: Path) -> Fetched:
    return Fetched(tmp_path)


@pytest.mark.parametrize("checksum", [SHA256, MD5, None], ids=["sha256", "md5", "none"])
def test_a_whole_download(fetched: Fetched, checksum: str | None) -> None:
    site = Site({"/file.npz": CONTENT})
    with serving(site) as address:
        assert fetched.fetch(address, checksum) == CONTENT
    assert site.asked == [None]
    assert fetched.left == ["file.npz"]
    counts = [done for done, _ in fetched.progress]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert fetched.progress[-1] == (3_000_000, 3_000_000)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_download_that_breaks_goes_on_where_it_was(fetched: Fetched, chunked: bool) -> None:
    site = Site({"/file.npz": CONTENT}, cuts=[1_000_000, 500_000], chunked=chunked)
    with serving(site) as address:
        assert fetched.fetch(address) == CONTENT
    assert site.asked == [None, "bytes=1000000-", "bytes=1500000-"]
    assert fetched.left == ["file.npz"]


def test_it_goes_on_as_often_as_bytes_come(fetched: Fetched) -> None:
    site = Site({"/file.npz": CONTENT}, cuts=[200_000] * 14)
    with serving(site) as address:
        assert fetched.fetch(address) == CONTENT
    assert len(site.asked) == 15


def test_what_came_is_kept_for_the_next_call(fetched: Fetched) -> None:
    site = Site({"/file.npz": CONTENT}, cuts=[1_234_567, *[0] * 20])
    with serving(site) as address:
        with pytest.raises(DataError, match=r"4 attempts in a row.* 1,234,567 bytes of it") as e:
            fetched.fetch(address)
        assert "\n" not in str(e.value)
        assert fetched.part.stat().st_size == 1_234_567
        assert not fetched.path.exists()
        site.cuts.clear()
        site.asked.clear()
        fetched.progress.clear()
        assert fetched.fetch(address) == CONTENT
    assert site.asked == ["bytes=1234567-"]
    assert fetched.progress[0] == (1_234_567, 3_000_000)
    assert fetched.left == ["file.npz"]


def test_a_server_without_ranges_is_asked_for_all(fetched: Fetched) -> None:
    site = Site({"/file.npz": CONTENT}, ranges=False, cuts=[1_000_000, 2_000_000])
    with serving(site) as address:
        assert fetched.fetch(address) == CONTENT
    assert site.asked == [None, "bytes=1000000-", "bytes=2000000-"]
    assert fetched.progress[-1] == (3_000_000, 3_000_000)


@pytest.mark.parametrize("verified", [True, False])
def test_a_file_that_changed_meanwhile_is_begun_anew(fetched: Fetched, verified: bool) -> None:
    checksum = f"sha256:{hashlib.sha256(CONTENT[::-1]).hexdigest()}" if verified else None
    site = Site({"/file.npz": CONTENT}, cuts=[1_000_000, *[0] * 20])
    with serving(site) as address:
        with pytest.raises(DataError):
            fetched.fetch(address, checksum)
        site.files["/file.npz"], site.version = CONTENT[::-1], '"2"'
        site.cuts.clear()
        assert fetched.fetch(address, checksum) == CONTENT[::-1]


@pytest.mark.parametrize(
    ("checksum", "range_"), [(SHA256, "bytes=1000000-"), (None, None)], ids=["sha256", "none"]
)
def test_without_a_version_only_a_checksum_allows_to_go_on(
    fetched: Fetched, checksum: str | None, range_: str | None
) -> None:
    site = Site({"/file.npz": CONTENT}, version="", cuts=[1_000_000])
    with serving(site) as address:
        assert fetched.fetch(address, checksum) == CONTENT
    assert site.asked == [None, range_]


def test_a_weak_version_is_none(fetched: Fetched) -> None:
    site = Site({"/file.npz": CONTENT}, version='W/"1"', cuts=[1_000_000])
    with serving(site) as address:
        assert fetched.fetch(address, None) == CONTENT
    assert site.asked == [None, None]


def test_another_address_begins_anew(fetched: Fetched) -> None:
    site = Site({"/file.npz": CONTENT}, cuts=[1_000_000, *[0] * 20])
    with serving(site) as address, pytest.raises(DataError):
        fetched.fetch(address)
    other = Site({"/file.npz": CONTENT})
    with serving(other) as address:
        assert fetched.fetch(address) == CONTENT
    assert other.asked == [None]


@pytest.mark.parametrize("surplus", [0, 10])
def test_a_part_that_is_whole_or_too_long(fetched: Fetched, surplus: int) -> None:
    site = Site({"/file.npz": CONTENT})
    with serving(site) as address:
        fetched.path.parent.mkdir()
        fetched.part.write_bytes(CONTENT + bytes(surplus))
        note = fetched.part.with_name("file.npz.part.json")
        note.write_text(f'{{"url": "{address}/file.npz", "version": ""}}')
        assert fetched.fetch(address) == CONTENT
    assert site.asked == (["bytes=3000010-", None] if surplus else ["bytes=3000000-"])


def test_busy_servers_are_asked_again(fetched: Fetched) -> None:
    site = Site({"/file.npz": CONTENT}, statuses=[503, 429, 502])
    with serving(site) as address:
        assert fetched.fetch(address) == CONTENT


def test_wrong_contents_are_refused_and_not_kept(fetched: Fetched) -> None:
    site = Site({"/file.npz": CONTENT[:-1] + b"x"})
    with serving(site) as address:
        with pytest.raises(DataError, match="is not the expected file: SHA256 hash") as e:
            fetched.fetch(address)
        assert "\n" not in str(e.value)
        assert fetched.left == []
        site.files["/file.npz"] = CONTENT
        assert fetched.fetch(address) == CONTENT


def test_a_whole_file_is_left_and_a_wrong_one_replaced(fetched: Fetched) -> None:
    site = Site({"/file.npz": CONTENT})
    fetched.path.parent.mkdir()
    fetched.path.write_bytes(CONTENT)
    with serving(site) as address:
        fetched.fetch(address)
        assert site.asked == []
        fetched.path.write_bytes(b"damaged")
        assert fetched.fetch(address) == CONTENT


def test_a_gz_file_stays_packed_even_if_the_server_calls_it_compressed(fetched: Fetched) -> None:
    packed = gzip.compress(bytes(100_000))
    site = Site({"/file.npz": packed}, headers={"Content-Encoding": "x-gzip"})
    with serving(site) as address:
        assert fetched.fetch(address, f"md5:{hashlib.md5(packed).hexdigest()}") == packed


def test_web_pages_and_missing_files_are_named(fetched: Fetched) -> None:
    site = Site({"/file.npz": b"<html>"}, headers={"Content-Type": "text/html; charset=utf-8"})
    with serving(site) as address:
        with pytest.raises(DataError, match="sent a web page instead of the file") as e:
            fetched.fetch(address)
        assert str(fetched.path) in str(e.value)
        site.files.clear()
        with pytest.raises(DataError, match=r"/file\.npz could not be downloaded: 404"):
            fetched.fetch(address)
    assert fetched.left == []


def test_a_server_that_is_not_there(fetched: Fetched) -> None:
    with serving(Site({})) as address:
        pass
    with pytest.raises(DataError, match=r"could not be downloaded: 4 attempts .*refused"):
        fetched.fetch(address)


def test_nothing_is_printed(fetched: Fetched, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(Site({"/file.npz": CONTENT})) as address:
        fetched.fetch(address, None)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_killed_download_goes_on(fetched: Fetched) -> None:
    code = (
        "import sys; from pathlib import Path; from vaebench.download.transfer import fetch; "
        "fetch(sys.argv[1], Path(sys.argv[2]), sys.argv[3], lambda *count: None)"
    )
    site = Site({"/file.npz": CONTENT}, pause=0.1)
    with serving(site) as address:
        process = subprocess.Popen(
            [sys.executable, "-c", code, f"{address}/file.npz", str(fetched.path), SHA256]
        )
        deadline = time.monotonic() + PATIENCE
        while not fetched.part.exists() or fetched.part.stat().st_size == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        kept = fetched.part.stat().st_size
        assert 0 < kept < len(CONTENT)
        site.pause = 0
        assert fetched.fetch(address) == CONTENT
    assert site.asked == [None, f"bytes={kept}-"]
