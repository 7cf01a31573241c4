"""Files that are no good database: one clear line each, and the file as it was."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import PATIENCE
from tests.store.sample_jobs import Start, make_specs, outcome
from vaebench.errors import StoreError, UsageError
from vaebench.store import DatabaseLockedError, Reader, Store, database, results_of

Opener = Callable[[str], object]
OPENERS = [
    pytest.param(Store, id="write"),
    pytest.param(lambda name: Store(name, create=False), id="change"),
    pytest.param(Reader.open, id="read"),
]

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
"""

DIE_WRITING = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE jobs SET state = 'FAILED', error = hex(zeroblob(3000))")
for number in range(300):
    connection.execute("INSERT INTO sweeps (command, created_at) VALUES (hex(zeroblob(3000)), '')")
os.kill(os.getpid(), signal.SIGKILL)
"""


def digest(path: Path) -> str:
    """Returns a hash of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refusal(opener: Opener, path: object) -> str:
    """Returns the line with which a database is refused."""
    with pytest.raises(StoreError) as caught:
        opener(str(path))
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 1
    return message


def filled(path: Path) -> Path:
    """Makes a database with one finished job and one that is pending."""
    with Store(path) as store:
        claim = store.claim(store.add_sweep(make_specs(2), "a sweep").sweep_id)
        assert claim is not None
        store.complete(claim, outcome(claim.spec))
    return path


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts small file systems of their own, which a root that runs the tests needs too."""
    places: list[Path] = []

    def mount(options: str) -> Path:
        place = tmp_path / f"mount{len(places)}"
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", options, "vaebench-test", str(place)]
        if shutil.which("mount") is None or subprocess.run(words, capture_output=True).returncode:
            pytest.skip("mounting a file system is not permitted here")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("opener", OPENERS)
class TestNotADatabase:
    @pytest.mark.parametrize("content", [os.urandom(50_000), b"key,mig\n1,0.5\n" * 500, b"\n"])
    def test_bytes_and_text(self, tmp_path: Path, opener: Opener, content: bytes) -> None:
        path = tmp_path / "notes.db"
        path.write_bytes(content)
        assert "not a vaebench database" in refusal(opener, path)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]

    def test_the_database_of_another_program(self, tmp_path: Path, opener: Opener) -> None:
        path = tmp_path / "music.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE songs (title TEXT)")
            connection.execute("INSERT INTO songs VALUES ('Blue')")
        connection.close()
        before = digest(path)
        message = refusal(opener, path)
        assert "not one of vaebench's" in message
        assert "songs" in message
        assert digest(path) == before

    def test_a_newer_version(self, tmp_path: Path, opener: Opener) -> None:
        path = filled(tmp_path / "results.db")
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE vaebench_schema SET version = 99")
        connection.close()
        before = digest(path)
        message = refusal(opener, path)
        assert "schema 99" in message
        assert "pip install -U vaebench" in message
        assert digest(path) == before

    def test_a_truncated_database(self, tmp_path: Path, opener: Opener) -> None:
        path = filled(tmp_path / "results.db")
        path.write_bytes(path.read_bytes()[:5000])
        before = digest(path)
        assert "damaged" in refusal(opener, path)
        assert digest(path) == before

    def test_statements_of_tables_that_are_no_text(self, tmp_path: Path, opener: Opener) -> None:
        path = filled(tmp_path / "results.db")
        path.write_bytes(path.read_bytes().replace(b"CREATE TABLE", b"CREATE TABL\xad"))
        assert "damaged" in refusal(opener, path)

    def test_a_folder(self, tmp_path: Path, opener: Opener) -> None:
        message = refusal(opener, tmp_path)
        assert "is a folder" in message
        assert f"--db {tmp_path}/results.db" in message
        assert list(tmp_path.iterdir()) == []

    def test_a_path_through_a_file(self, tmp_path: Path, opener: Opener) -> None:
        (tmp_path / "file").write_text("text")
        assert str(tmp_path) in refusal(opener, tmp_path / "file" / "results.db")
        assert (tmp_path / "file").read_text() == "text"


OPEN = """
import sys
from vaebench.errors import StoreError
from vaebench.store import Reader, Store
for opener in (Store, lambda name: Store(name, create=False), Reader.open):
    for name in sys.argv[1:]:
        try:
            opener(name)
        except StoreError as error:
            print(error, flush=True)
"""


def test_what_is_no_file_keeps_nobody_waiting(tmp_path: Path, start: Start) -> None:
    """A FIFO that nobody writes to, a socket, a device, links to them, a journal that is one."""
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    (tmp_path / "link").symlink_to("fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    filled(tmp_path / "results.db")
    os.mkfifo(tmp_path / "results.db-journal")
    names = ["fifo", "socket", "link", "zero", "results.db"]
    paths = [str(tmp_path / name) for name in names]
    out, _ = start(OPEN, *paths, f"sqlite:///{tmp_path}/fifo").communicate(timeout=PATIENCE)
    lines = out.splitlines()
    assert len(lines) == 3 * (len(names) + 1)
    kinds = ["a FIFO", "a socket", "a FIFO", "a device", "a FIFO", "a FIFO"]
    paths = [*paths[:-1], f"{paths[-1]}-journal", paths[0]]
    for line, path, kind in zip(lines, paths * 3, kinds * 3, strict=True):
        assert line == f"{path} is {kind}, not a regular file: name another with --db."


class TestDeleted:
    @pytest.fixture(params=["file", "folder", "replaced"])
    def delete(self, request: pytest.FixtureRequest) -> Callable[[Path], None]:
        """Takes a database away, or puts another in its place."""

        def change(path: Path) -> None:
            if request.param == "folder":
                shutil.rmtree(path.parent)
            elif request.param == "file":
                path.unlink()
            else:
                filled(path.with_name("other.db")).replace(path)

        return change

    def test_while_it_is_read(self, tmp_path: Path, delete: Callable[[Path], None]) -> None:
        path = filled(tmp_path / "sub" / "results.db")
        with Reader.open(path) as reader:
            assert len(reader.jobs()) == 2
            delete(path)
            with pytest.raises(StoreError, match="was deleted, moved or replaced") as caught:
                reader.jobs()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_while_it_is_written(self, tmp_path: Path, delete: Callable[[Path], None]) -> None:
        path = filled(tmp_path / "sub" / "results.db")
        with Store(path) as store:
            delete(path)
            before = digest(path) if path.exists() else None
            with pytest.raises(StoreError, match="was deleted, moved or replaced"):
                store.claim(1)
            assert (digest(path) if path.exists() else None) == before

    def test_in_the_middle_of_a_transaction(self, tmp_path: Path) -> None:
        path = filled(tmp_path / "results.db")
        with Store(path) as store, pytest.raises(StoreError, match="was deleted, moved or re"):
            self._write_deleted(store, path)
        assert not path.exists()

    def _write_deleted(self, store: Store, path: Path) -> None:
        with database.translated(path), store.engine.begin() as connection:
            path.unlink()
            connection.exec_driver_sql("UPDATE jobs SET error = 'x'")

    def test_afterwards_it_is_missing(
        self, tmp_path: Path, delete: Callable[[Path], None], request: pytest.FixtureRequest
    ) -> None:
        path = filled(tmp_path / "sub" / "results.db")
        delete(path)
        if path.exists():
            assert len(Reader.open(path).jobs()) == 2
        else:
            assert f"There is no database at {path}" in refusal(Reader.open, path)
            filled(path)

    def test_a_new_database_is_not_taken_for_another(self, tmp_path: Path) -> None:
        with Store(tmp_path / "new" / "results.db") as store:
            store.add_sweep(make_specs(2), "a sweep")
            assert store.claim(1) is not None


class TestMissing:
    @pytest.mark.parametrize("opener", OPENERS[1:])
    def test_a_missing_file_is_not_made(self, tmp_path: Path, opener: Opener) -> None:
        message = refusal(opener, tmp_path / "none" / "results.db")
        assert "no database" in message
        assert "vaebench sweep" in message
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("opener", OPENERS[1:])
    def test_an_empty_file_is_left_empty(self, tmp_path: Path, opener: Opener) -> None:
        path = tmp_path / "results.db"
        path.touch()
        assert "is empty" in refusal(opener, path)
        assert path.stat().st_size == 0

    def test_a_sweep_makes_the_file_and_its_folders(self, tmp_path: Path) -> None:
        path = tmp_path / "a b" / "ünd#?%20" / "results.db"
        filled(path)
        with Reader.open(path) as reader:
            assert len(reader.jobs()) == 2

    def test_a_sweep_uses_an_empty_file(self, tmp_path: Path) -> None:
        path = tmp_path / "results.db"
        path.touch()
        filled(path)
        with Reader.open(path) as reader:
            assert len(reader.jobs()) == 2

    def test_a_url_of_sqlite_is_the_file(self, tmp_path: Path) -> None:
        path = filled(tmp_path / "results.db")
        with Store(f"sqlite:///{path}") as store:
            assert store.claim(1) is not None
        missing = f"sqlite:///{tmp_path}/none.db"
        assert "no database" in refusal(Reader.open, missing)

    @pytest.mark.parametrize(
        "url", ["mysql://host/name", "nonsense://host/name", "sqlite://", "://"]
    )
    def test_other_urls_are_wrong_usage(self, url: str) -> None:
        with pytest.raises(UsageError) as caught:
            Store(url)
        assert url in str(caught.value)
        assert "\n" not in str(caught.value)


class TestReading:
    def test_reading_changes_no_byte(self, tmp_path: Path) -> None:
        path = filled(tmp_path / "results.db")
        before, time = digest(path), path.stat().st_mtime_ns
        with Reader.open(path) as reader:
            reader.jobs()
            results_of(reader)
            with reader.engine.connect() as connection, pytest.raises(Exception, match="readonly"):
                connection.exec_driver_sql("DELETE FROM jobs")
        assert (digest(path), path.stat().st_mtime_ns) == (before, time)
        assert list(tmp_path.iterdir()) == [path]

    def test_what_a_killed_writer_left_half_done_is_undone(
        self, tmp_path: Path, start: Start
    ) -> None:
        path = filled(tmp_path / "results.db")
        before = digest(path)
        killed = start(DIE_WRITING, path)
        assert killed.wait(timeout=PATIENCE) == -signal.SIGKILL
        assert digest(path) != before
        assert (tmp_path / "results.db-journal").stat().st_size > 0
        with Reader.open(path) as reader:
            assert sorted(reader.states().values()) == ["COMPLETE", "PENDING"]
            assert len(reader.sweeps()) == 1
        assert digest(path) == before


class TestCannotWrite:
    def test_a_read_only_place_can_be_read_and_says_why_not_written(
        self, mounted: Callable[[str], Path]
    ) -> None:
        place = mounted("size=1m")
        path = filled(place / "results.db")
        before = digest(path)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        with Reader.open(path) as reader:
            assert len(results_of(reader)) == 1
        for opener in (Store, lambda name: Store(name, create=False)):
            assert "cannot be written" in refusal(opener, path)
        assert "cannot be written" in refusal(Store, place / "new.db")
        assert "cannot be made: Read-only file system" in refusal(Store, place / "sub" / "new.db")
        assert digest(path) == before
        assert list(place.iterdir()) == [path]

    def test_a_file_that_nobody_may_change(self, tmp_path: Path) -> None:
        path = filled(tmp_path / "results.db")
        words = ["chattr", "+i", str(path)]
        if shutil.which("chattr") is None or subprocess.run(words, capture_output=True).returncode:
            pytest.skip("files cannot be made immutable here (chattr +i)")
        try:
            before = digest(path)
            assert "is read-only" in refusal(Store, path)
            with Reader.open(path) as reader:
                assert len(results_of(reader)) == 1
            assert digest(path) == before
        finally:
            subprocess.run(["chattr", "-i", str(path)], check=True)

    def test_a_file_without_the_right_to_write(self, tmp_path: Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere; the test above mounts a place read-only")
        path = filled(tmp_path / "results.db")
        path.chmod(0o444)
        with Reader.open(path) as reader:
            assert len(results_of(reader)) == 1
        assert "cannot be written" in refusal(Store, path)

    def test_a_full_disk(self, mounted: Callable[[str], Path]) -> None:
        assert "the disk is full" in refusal(Store, mounted("size=16k") / "results.db")
        place = mounted("size=600k")
        path = filled(place / "results.db")
        space = os.statvfs(place)
        filler = place / "filler"
        filler.write_bytes(b"x" * (space.f_bavail * space.f_frsize - 20_000))
        with Store(path) as store:
            claim = store.claim(1)
            assert claim is not None
            with pytest.raises(StoreError, match="the disk is full") as caught:
                store.add_sweep(make_specs(500), "large")
            assert "\n" not in str(caught.value)
            assert len(store.jobs()) == 2
            filler.unlink()
            assert store.complete(claim, outcome(claim.spec))
            assert store.add_sweep(make_specs(3), "small").new == 1
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


class TestLocked:
    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)

    @pytest.mark.parametrize("opener", OPENERS)
    def test_opening(self, tmp_path: Path, start: Start, opener: Opener) -> None:
        path = filled(tmp_path / "results.db")
        before = digest(path)
        holder = start(LOCK, path)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(DatabaseLockedError, match="locked by another program") as caught:
            opener(str(path))
        assert "\n" not in str(caught.value)
        assert digest(path) == before

    def test_writing_can_be_tried_again(self, tmp_path: Path, start: Start) -> None:
        path = filled(tmp_path / "results.db")
        with Store(path) as store:
            holder = start(LOCK, path)
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            with pytest.raises(DatabaseLockedError):
                store.claim(1)
            holder.communicate("\n", timeout=PATIENCE)
            assert store.claim(1) is not None
