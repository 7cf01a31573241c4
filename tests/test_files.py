"""Files are written whole or not at all, and what is no file of ours to replace stays."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import PATIENCE
from vaebench.errors import OutputError
from vaebench.files import check_replaceable, replacing, write_atomically


def test_a_new_file_in_a_new_folder_and_again(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "out.txt"
    write_atomically(path, b"one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_umask()
    path.chmod(0o640)
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in path.parent.iterdir()] == ["out.txt"]


def test_a_folder_on_the_way_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "results").symlink_to("scratch")
    write_atomically(tmp_path / "results" / "out.txt", b"one")
    assert (tmp_path / "scratch" / "out.txt").read_bytes() == b"one"


def _folder(path: Path) -> None:
    path.mkdir()


def _link_to_a_file(path: Path) -> None:
    path.with_name("target").write_text("target")
    path.symlink_to(path.with_name("target"))


def _link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def _device(path: Path) -> None:
    """A second null device, so that a defect harms nothing."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


def _database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()


def _journal_to_be(path: Path) -> None:
    _database(path.with_name(path.name.removesuffix("-journal")))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_folder, "is a folder"),
        (_link_to_a_file, "is a symbolic link"),
        (_link_to_nothing, "is a symbolic link"),
        (os.mkfifo, "is a FIFO"),
        (_socket, "is a socket"),
        (_device, "is a device"),
        (_database, "is a SQLite database"),
        (_journal_to_be, "is where SQLite keeps the journal of"),
    ],
)
def test_what_is_no_file_of_ours_stays(
    make: Callable[[Path], None], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "results-journal"
    make(path)
    before = {entry: entry.lstat() for entry in tmp_path.iterdir()}
    text = rf"^{re.escape(str(path))} {reason}.*; it was left as it is\. Name another file\.$"
    with pytest.raises(OutputError, match=text):
        check_replaceable(path)
    with pytest.raises(OutputError, match=text):
        write_atomically(path, b"new")
    after = {entry: entry.lstat() for entry in tmp_path.iterdir()}
    assert {p: (s.st_ino, s.st_mtime_ns, s.st_mode) for p, s in after.items()} == {
        p: (s.st_ino, s.st_mtime_ns, s.st_mode) for p, s in before.items()
    }


def test_a_file_that_the_caller_does_not_know_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    for content, taken in ((b"my thesis", False), (b"a,b\n1,2\n", True), (b"", True)):
        path.write_bytes(content)
        if taken:
            write_atomically(path, b"new", mine=lambda start: start.startswith(b"a,b"))
            assert path.read_bytes() == b"new"
        else:
            with pytest.raises(OutputError, match="was not made by this command"):
                write_atomically(path, b"new", mine=lambda start: start.startswith(b"a,b"))
            assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["n" * 300, "d/" * 3000 + "x", "a\0b", "/", ".", "..", "file/x"])
def test_impossible_names_are_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError) as caught:
        write_atomically(tmp_path / name, b"new")
    assert "\n" not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    for name in ("n" * 255, "ü" * 127):
        write_atomically(tmp_path / name, b"new")
        assert (tmp_path / name).read_bytes() == b"new"


def test_what_fails_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_bytes(b"old")
    with suppress(KeyboardInterrupt), replacing(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.txt"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """A limit on the size of files, as a real process meets it, in place of a full disk."""
    path = tmp_path / "out.txt"
    path.write_bytes(b"old")
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "from vaebench.files import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_atomically(Path(sys.argv[1]), b'x' * 5000, instead='Free some space.')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert "cannot be written: File too large. Free some space." in done.stderr
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.txt"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
