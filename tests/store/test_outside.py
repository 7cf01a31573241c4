"""Pictures and codes as files outside the database: the same content, and nothing lost."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.store.sample_jobs import Start, make_specs, outcome
from vaebench.analysis.udr import udr_scores
from vaebench.errors import StoreError
from vaebench.outcome import Artifact, JobOutcome, Representation
from vaebench.spec import JobSpec
from vaebench.store import (
    Reader,
    Store,
    database,
    forget,
    kept,
    merge,
    move_in,
    move_out,
    pictures_of,
    renew,
    shrink,
    stored_outcome,
    unnamed,
)
from vaebench.store.outside import file_of, files_of, hold, settle

MOVE = """
import sys
from pathlib import Path
from vaebench.store import Store, move_in, move_out
from vaebench.store import moving
moving.AT_ONCE = 2
with Store(sys.argv[1]) as store:
    print("ready", flush=True)
    if sys.argv[3] == "out":
        move_out(store, Path(sys.argv[2]), lambda moved: None)
    else:
        move_in(store, lambda moved: None)
print("done", flush=True)
"""


def finished(spec: JobSpec, shift: int = 0) -> JobOutcome:
    """Returns a finished run with three pictures and codes of its own."""
    rng = np.random.default_rng(spec.seed + shift)
    names = ("samples", "traversals", "reconstructions")
    pictures = tuple(Artifact(n, b"\x89PNG" + rng.bytes(3000), 2, 3, {"of": n}) for n in names)
    codes = rng.normal(size=(20, 4)).astype("<f4")
    held = Representation(20, 4, codes.tobytes())
    return outcome(spec, artifacts=pictures, representation=held)


def study(store: Store, seeds: int = 4) -> list[str]:
    """Adds a sweep of a cell's runs and finishes all of them; returns their keys."""
    sweep = store.add_sweep(make_specs(seeds), "a sweep").sweep_id
    while (claim := store.claim(sweep)) is not None:
        assert store.complete(claim, finished(claim.spec))
    return store.keys(sweep)


def everything(reader: Reader) -> list[JobOutcome]:
    """Returns all finished runs, whole."""
    found = [stored_outcome(reader, row.key) for row in reader.jobs() if row.state == "COMPLETE"]
    assert not reader.unreadable
    return found


def silent(moved: int) -> None:
    """Hears how far a move is."""


class TestTheSameContent:
    def test_out_and_in_again_and_new_runs_between(self, location: str, tmp_path: Path) -> None:
        folder = tmp_path / "files"
        with Store(location) as store:
            keys = study(store)
            before = everything(store)
            scores = udr_scores(store, store.jobs()[0].spec.cell)
            assert kept(store).place is None
            assert kept(store).inside == 16
            assert move_out(store, folder, silent) == 16
            assert kept(store) == type(kept(store))(folder, 0, 0, 16)
            assert everything(store) == before
            assert udr_scores(store, store.jobs()[0].spec.cell) == scores
            found = dict(pictures_of(store, "samples", keys))
            assert found == {run.key: run.artifacts[1].png for run in before}
            more = store.add_sweep(make_specs(6), "more").sweep_id
            while (claim := store.claim(more)) is not None:
                store.complete(claim, finished(claim.spec))
            assert kept(store).files == 24
            both = everything(store)
            assert [run.artifacts for run in both[4:]] == [
                tuple(sorted(finished(spec).artifacts, key=lambda a: a.name))
                for spec in make_specs(6)[4:]
            ]
            assert move_in(store, silent) == 24
            assert everything(store) == both
            assert kept(store).place is None
        assert [*folder.iterdir()] == []

    def test_a_file_is_the_picture_itself(self, tmp_path: Path) -> None:
        with Store(tmp_path / "results.db") as store:
            (key,) = study(store, 1)
            move_out(store, tmp_path / "files", silent)
            run = everything(store)[0]
        held = {p.name.split("-")[0]: p.read_bytes() for p in (tmp_path / "files" / key).iterdir()}
        assert run.representation is not None
        assert held.pop("codes") == run.representation.codes
        assert held == {picture.name: picture.png for picture in run.artifacts}

    def test_the_file_of_a_database_shrinks(self, tmp_path: Path) -> None:
        with Store(tmp_path / "results.db") as store:
            study(store, 40)
            before = (tmp_path / "results.db").stat().st_size
            move_out(store, tmp_path / "files", silent)
            assert shrink(store)
            after = (tmp_path / "results.db").stat().st_size
        assert after < before - 40 * 3 * 3000

    def test_a_file_in_use_keeps_its_size_and_nothing_else_happens(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
        with Store(tmp_path / "results.db") as store:
            study(store)
            move_out(store, tmp_path / "files", silent)
            with closing(sqlite3.connect(tmp_path / "results.db")) as other:
                other.execute("BEGIN IMMEDIATE")
                assert not shrink(store)
            assert shrink(store)
            assert len(everything(store)) == 4

    def test_both_moved_together_are_found(self, tmp_path: Path) -> None:
        (tmp_path / "here").mkdir()
        with Store(tmp_path / "here" / "results.db") as store:
            study(store)
            move_out(store, tmp_path / "here" / "files", silent)
            before = everything(store)
        shutil.move(tmp_path / "here", tmp_path / "there")
        with Reader.open(tmp_path / "there" / "results.db") as reader:
            assert everything(reader) == before

    def test_merging_takes_files_in_and_puts_them_out(self, tmp_path: Path) -> None:
        with Store(tmp_path / "a.db") as first, Store(tmp_path / "b.db") as second:
            study(first)
            move_out(first, tmp_path / "files", silent)
            assert merge(second, first).taken == 4
            assert everything(second) == everything(first)
            assert kept(second).inside == 16
            with Store(tmp_path / "c.db") as third:
                move_out(third, tmp_path / "other", silent)
                merge(third, second)
                assert everything(third) == everything(first)
                assert kept(third).files == 16


class TestNothingLost:
    @pytest.mark.parametrize("way", ["out", "in"])
    def test_killed_on_the_way_and_begun_again(
        self, way: str, location: str, tmp_path: Path, start: Start
    ) -> None:
        folder = tmp_path / "files"
        with Store(location) as store:
            study(store, 30)
            before = everything(store)
            if way == "in":
                move_out(store, folder, silent)
            while True:
                process = start(MOVE, location, folder, way)
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                time.sleep(0.05)
                process.kill()
                process.wait()
                now = kept(store)
                assert now.inside + now.files == 120
                assert everything(store) == before
                if (now.inside == 0) if way == "out" else (now.files == 0):
                    break
                (move_out(store, folder, silent) if way == "out" else move_in(store, silent))
            assert everything(store) == before
        assert any(folder.rglob("*.png")) == (way == "out")

    def test_a_sweep_ends_runs_while_contents_move(self, location: str, tmp_path: Path) -> None:
        """Whoever finishes a run between two steps of a move loses nothing."""
        folder = tmp_path / "files"
        with Store(location) as store, Store(location) as other:
            study(store, 60)
            sweep = other.add_sweep(make_specs(80), "more").sweep_id

            def finish_one(moved: int) -> None:
                if (claim := other.claim(sweep)) is not None:
                    assert other.complete(claim, finished(claim.spec))

            move_out(store, folder, finish_one)
            done = everything(store)
            move_in(store, finish_one)
            assert everything(store)[: len(done)] == done
            assert kept(store).files == 0
            expected = {spec.key: finished(spec).representation for spec in make_specs(80)}
            assert all(run.representation == expected[run.key] for run in everything(store))
        assert not any(folder.rglob("*.png"))

    def test_a_run_that_ends_while_the_place_is_settled_is_where_that_says(
        self, location: str, tmp_path: Path
    ) -> None:
        """Who writes asks where to only once nobody can change it any more."""
        with Store(location) as store, Store(location) as other:
            move_out(store, tmp_path / "files", silent)
            claim = other.claim(other.add_sweep(make_specs(1), "a sweep").sweep_id)
            assert claim is not None
            ending = threading.Thread(target=other.complete, args=(claim, finished(claim.spec)))
            with store.engine.begin() as connection:
                hold(connection, alone=True)
                ending.start()
                ending.join(1.0)
                assert ending.is_alive()  # it waits
                settle(connection, None)
            ending.join()
            assert len(everything(store)) == 1
            assert (kept(store).inside, kept(store).files) == (4, 0)

    def test_a_place_that_lacks_files_is_refused(self, tmp_path: Path) -> None:
        with Store(tmp_path / "results.db") as store:
            study(store)
            move_out(store, tmp_path / "files", silent)
            with pytest.raises(StoreError, match=r"16 files are not as they were.*move the folder"):
                move_out(store, tmp_path / "elsewhere", silent)
            assert kept(store).place == tmp_path / "files"
            shutil.move(tmp_path / "files", tmp_path / "elsewhere")
            move_out(store, tmp_path / "elsewhere", silent)
            assert len(everything(store)) == 4

    @pytest.mark.parametrize("harm", ["missing", "damaged"])
    def test_a_file_that_is_not_as_it_was_is_named(self, harm: str, tmp_path: Path) -> None:
        folder = tmp_path / "files"
        with Store(tmp_path / "results.db") as store:
            keys = study(store)
            move_out(store, folder, silent)
            (codes,) = (folder / keys[1]).glob("codes-*")
            if harm == "missing":
                codes.unlink()
            else:
                content = codes.read_bytes()
                codes.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            found = udr_scores(store, store.jobs()[0].spec.cell)
            assert set(found) == {*keys} - {keys[1]}
            assert (
                f"its codes is a file that {'cannot be read' if harm == 'missing' else 'is'}"
                in (store.unreadable[keys[1]])
            )
            assert str(codes) in store.unreadable[keys[1]]
            with pytest.raises(StoreError, match="1 files are not as they were"):
                move_in(store, silent)
            assert kept(store).place == folder

    def test_a_folder_that_cannot_be_written_ends_no_job(self, tmp_path: Path) -> None:
        folder = tmp_path / "files"
        with Store(tmp_path / "results.db") as store:
            move_out(store, folder, silent)
            sweep = store.add_sweep(make_specs(1), "a sweep").sweep_id
            claim = store.claim(sweep)
            assert claim is not None
            folder.write_text("a file in the way")
            with pytest.raises(StoreError, match=f"{folder}.*cannot be written"):
                store.complete(claim, finished(claim.spec))
            assert store.states()[claim.spec.key] == "RUNNING"
            folder.unlink()
            assert store.complete(claim, finished(claim.spec))

    def test_names_of_a_hostile_database_leave_the_folder_for_nothing(self, tmp_path: Path) -> None:
        stored = b"sha256:" + b"0" * 64
        for key, name in (("../../etc", "codes"), ("a" * 16, "../x"), ("", "codes"), ("a/b", "c")):
            with pytest.raises(ValueError, match="names no file"):
                file_of(tmp_path, key, name, stored)
        (tmp_path / "samples-0123456789abcdef.png").write_text("somebody's own")
        (tmp_path / "folder").mkdir()
        for key in (".", "", "..", "folder/.."):
            assert files_of(tmp_path / "folder" / "..", key) == []


class TestWhatNobodyNames:
    def test_a_run_that_is_removed_takes_its_files_with_it(self, tmp_path: Path) -> None:
        with Store(tmp_path / "results.db") as store:
            keys = study(store)
            move_out(store, tmp_path / "files", silent)
            own = tmp_path / "files" / keys[1] / "notes.txt"
            own.write_text("somebody's own")
            assert forget(store, keys[0])
            assert forget(store, keys[1])
        assert {path.name for path in (tmp_path / "files").iterdir()} == set(keys[1:])
        assert [*own.parent.iterdir()] == [own]

    def test_what_a_run_had_before_it_was_made_anew(self, location: str, tmp_path: Path) -> None:
        folder = tmp_path / "files"
        with Store(location) as store:
            keys = study(store)
            move_out(store, folder, silent)
            (folder / keys[0] / "mine-0123456789abcdef.txt").write_text("somebody's own")
            (folder / "notes.png").write_text("somebody's own")
            assert unnamed(store) == {}
            spec = next(row.spec for row in store.jobs() if row.key == keys[0])
            renew(store, finished(spec, shift=1000))
            after = everything(store)
            assert len(unnamed(store)) == 4
            assert len(unnamed(store, deleting=True)) == 4
            assert unnamed(store) == {}
            assert everything(store) == after
        assert (folder / keys[0] / "mine-0123456789abcdef.txt").exists()
        assert (folder / "notes.png").exists()
