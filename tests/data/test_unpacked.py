"""Unpacked images: written once by one process, mapped by all, whole or not there at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import PATIENCE
from vaebench.data.unpacked import unpacked
from vaebench.errors import DataError

SHAPE = (40, 8, 8, 1)
IMAGES = np.arange(np.prod(SHAPE)).astype(np.uint8).reshape(SHAPE)

SLOW = """
import sys, time
from pathlib import Path
import numpy as np
from vaebench.data.unpacked import unpacked
folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
def blocks():
    with (folder / "log").open("a") as log:
        log.write("unpacking\\n")
    for number in range(40):
        time.sleep(seconds / 40)
        yield np.full((1, 8, 8, 1), number, np.uint8)
print("ready", flush=True)
images = unpacked(folder, "slow", [folder / "source"], (40, 8, 8, 1), blocks)
print(images[:, 0, 0, 0].tolist() == list(range(40)), flush=True)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_text("published")
    return path


def blocks() -> Iterator[NDArray[np.uint8]]:
    for start in range(0, 40, 16):
        yield IMAGES[start : start + 16]


def never() -> Iterator[NDArray[np.uint8]]:
    yield from ()
    raise AssertionError("unpacked a second time")


def test_written_once_then_mapped(tmp_path: Path, source: Path) -> None:
    seen: list[tuple[int, int]] = []
    images = unpacked(tmp_path, "toy", [source], SHAPE, blocks, lambda *count: seen.append(count))
    assert (images == IMAGES).all()
    assert seen == [(0, 40), (16, 40), (32, 40), (40, 40)]
    again = unpacked(tmp_path, "toy", [source], SHAPE, never)
    assert (again == IMAGES).all()
    assert isinstance(again.base, np.memmap)
    assert not again.flags.writeable
    (file,) = (tmp_path / "unpacked").glob("*.npy")
    assert (np.load(file) == IMAGES).all()


def test_unpacked_anew_when_the_source_or_the_recipe_changes(tmp_path: Path, source: Path) -> None:
    old = unpacked(tmp_path, "toy", [source], SHAPE, blocks)
    unpacked(tmp_path, "toy-64", [source], SHAPE, blocks)
    (first,) = (tmp_path / "unpacked").glob("toy-????????????????.npy")
    source.write_text("published again")
    new = unpacked(tmp_path, "toy", [source], SHAPE, lambda: [255 - IMAGES])
    assert (new == 255 - IMAGES).all()
    assert (old == IMAGES).all()  # whoever has the old ones keeps them
    assert not first.exists()
    other = unpacked(tmp_path, "toy", [source], SHAPE, blocks, recipe="2")
    assert (other == IMAGES).all()
    assert len(list((tmp_path / "unpacked").glob("*.npy"))) == 2


def test_nothing_is_left_of_a_failure(tmp_path: Path, source: Path) -> None:
    def fails() -> Iterator[NDArray[np.uint8]]:
        yield IMAGES[:16]
        raise DataError("published.mat is truncated")

    with pytest.raises(DataError, match="truncated"):
        unpacked(tmp_path, "toy", [source], SHAPE, fails)
    assert not list((tmp_path / "unpacked").glob("*.npy"))
    assert not list((tmp_path / "unpacked").glob(".*.part"))
    assert (unpacked(tmp_path, "toy", [source], SHAPE, blocks) == IMAGES).all()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", None])
def test_a_spoilt_file_is_replaced(tmp_path: Path, source: Path, content: bytes | None) -> None:
    unpacked(tmp_path, "toy", [source], SHAPE, blocks)
    (file,) = (tmp_path / "unpacked").glob("*.npy")
    file.write_bytes(file.read_bytes()[:-1] if content is None else content)
    assert (unpacked(tmp_path, "toy", [source], SHAPE, blocks) == IMAGES).all()


def test_a_folder_that_is_not_writable_leads_to_the_users_cache(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "unpacked").write_text("a file where the folder should be")
    images = unpacked(tmp_path / "data", "toy", [source], SHAPE, blocks)
    assert (images == IMAGES).all()
    assert len(list((tmp_path / "cache" / "vaebench" / "unpacked").glob("toy-*.npy"))) == 1
    assert (unpacked(tmp_path / "data", "toy", [source], SHAPE, never) == IMAGES).all()


def test_too_little_room_is_said_beforehand(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"toy need 10000000\.0 GB on disk, but .* GB free") as e:
        unpacked(tmp_path, "toy", [source], (10**12, 100, 100, 1), never)
    assert "\n" not in str(e.value)
    assert "--data-dir" in str(e.value)

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vaebench.data.unpacked.os.fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        unpacked(tmp_path, "toy", [source], SHAPE, blocks)
    assert not list((tmp_path / "unpacked").glob(".*.part"))


def _start(folder: Path, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_of_several_processes_one_unpacks(tmp_path: Path, source: Path) -> None:
    processes = [_start(tmp_path, 1) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.read() == "True\n"  # after `readline`, `communicate` misses some
        assert process.wait(PATIENCE) == 0
    assert (tmp_path / "log").read_text() == "unpacking\n"


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_after_a_kill_the_next_process_unpacks(tmp_path: Path, source: Path) -> None:
    process = _start(tmp_path, 60)
    deadline = time.monotonic() + PATIENCE
    while not list(tmp_path.glob("unpacked/.*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert list(tmp_path.glob("unpacked/.*.part"))
    after = _start(tmp_path, 0)
    assert after.stdout is not None
    assert after.stdout.read() == "True\n"
    assert after.wait(PATIENCE) == 0
    assert not list(tmp_path.glob("unpacked/.*.part"))
