"""`vaebench remove`, `merge` and `prune`: what was not meant stays, and all of it is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.asked import jobs_of
from tests.cli.conftest import Say, finished, specs
from vaebench.outcome import JobOutcome
from vaebench.spec import Setting
from vaebench.store import Reader, Store, merge, stored_outcome

JOBS = specs()


def figures(path: Path) -> dict[str, JobOutcome]:
    with Reader.open(path) as reader:
        keys = [row.key for row in reader.jobs(states=["COMPLETE"])]
        return {key: stored_outcome(reader, key) for key in keys}


def results(path: Path, seeds: tuple[int, ...], mig: float = 0.3) -> None:
    """A database of finished runs of a VAE with the given seeds."""
    jobs = jobs_of("vae", setting=Setting(steps=100), seeds=seeds)
    with Store(path) as store:
        sweep = store.add_sweep(jobs, f"vaebench sweep --seeds {seeds}").sweep_id
        while claim := store.claim(sweep):
            assert store.complete(claim, finished(claim.spec, mig + claim.spec.seed / 100))


class TestMerge:
    def test_two_machines_results_become_one_and_again_nothing(
        self, say: Say, tmp_path: Path
    ) -> None:
        here, there = tmp_path / "here.db", tmp_path / "there.db"
        results(here, (0, 1))
        results(there, (1, 2, 3))
        before, both = figures(there), figures(here) | figures(there)
        said = say("merge", there, "--db", here)
        assert said.code == 0
        assert "2 runs taken over, 1 the same in both, 2 jobs that were new." in said.err
        assert figures(here) == both
        assert figures(there) == before
        again = say("merge", there, "--db", here)
        assert "0 runs taken over, 3 the same in both, 0 jobs that were new." in again.err
        with Reader.open(here) as reader:
            assert [row.command for row in reader.sweeps()] == [
                "vaebench sweep --seeds (0, 1)",
                "vaebench sweep --seeds (1, 2, 3)",
            ]
            assert len(reader.keys(2)) == 3

    def test_runs_that_differ_are_listed_and_stay(self, say: Say, tmp_path: Path) -> None:
        here, there = tmp_path / "here.db", tmp_path / "there.db"
        results(here, (0, 1))
        results(there, (0, 1), mig=0.4)
        before = figures(here)
        said = say("merge", there, "--db", here)
        assert said.code == 1
        assert said.err.count("conflict  ") == 2
        assert "mig is 0.3 here and 0.4 there" in said.err
        assert "This database's figures of these runs were left as they are." in said.err
        assert figures(here) == before

    def test_what_is_unfinished_here_is_finished_and_what_runs_is_left(
        self, say: Say, database: Path, tmp_path: Path
    ) -> None:
        there = tmp_path / "there.db"
        with Store(there) as store:
            sweep = store.add_sweep(JOBS, "all of it").sweep_id
            while claim := store.claim(sweep):
                store.complete(claim, finished(claim.spec, 0.1 if claim.spec == JOBS[0] else 0.2))
        said = say("merge", there, "--db", database)
        assert said.code == 0
        assert "2 runs taken over, 2 the same in both, 0 jobs that were new." in said.err
        assert "2 runs are being trained here and were left alone." in said.err
        with Reader.open(database) as reader:
            states = reader.states()
        assert sorted(states.values()) == ["COMPLETE"] * 4 + ["RUNNING"] * 2
        assert states[JOBS[2].key] == "COMPLETE"  # it had failed here

    def test_half_a_run_is_none_here_or_there(self, say: Say, tmp_path: Path) -> None:
        here, there = tmp_path / "here.db", tmp_path / "there.db"
        results(here, (0,))
        results(there, (0, 1))
        for path, damage in ((here, "kl"), (there, "mig")):
            with Store(path) as store, store.engine.begin() as connection:
                connection.exec_driver_sql(
                    f"UPDATE scores SET value = 'nonsense' WHERE name = '{damage}' "
                    "AND job_id = (SELECT max(id) FROM jobs)"
                )
        said = say("merge", there, "--db", here)
        assert said.code == 1
        assert "0 runs taken over, 0 the same in both, 1 jobs that were new." in said.err
        assert "it cannot be read here" in said.err
        assert "is unreadable" in said.err
        with Reader.open(here) as reader:
            assert sorted(reader.states().values()) == ["COMPLETE", "PENDING"]

    def test_a_failure_is_taken_over_where_the_job_was_not_tried(
        self, database: Path, tmp_path: Path
    ) -> None:
        with Store(tmp_path / "new.db") as store, Reader.open(database) as other:
            store.add_sweep(JOBS[:1], "one of them")
            found = merge(store, other)
            assert (found.new, found.taken) == (5, 2)
            (failed,) = store.jobs(states=["FAILED"])
            assert failed.error == other.find(failed.key).error
            assert failed.traceback == other.find(failed.key).traceback
            assert store.counts()["PENDING"] == 3  # the running ones are nobody's here

    def test_itself_and_other_files_are_refused(
        self, say: Say, database: Path, tmp_path: Path
    ) -> None:
        said = say("merge", database, "--db", database)
        assert said.code == 2
        assert "is the database itself" in said.err
        assert say("merge", tmp_path / "none.db", "--db", database).code == 1
        strange = shutil.copy(database, tmp_path / "newer.db")
        with Store(strange) as store, store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE vaebench_schema SET version = 99")
        said = say("merge", strange, "--db", database)
        assert (said.code, "is of schema 99" in said.err) == (1, True)


class TestRemove:
    def test_a_run_goes_with_its_files_and_can_be_trained_anew(
        self, say: Say, database: Path
    ) -> None:
        key = JOBS[0].key
        for file in (f"models/{key}.pt", f"models/{JOBS[1].key}.pt", f"checkpoints/{key}.pt"):
            (database.parent / file).parent.mkdir(exist_ok=True)
            (database.parent / file).touch()
        said = say("remove", key[:8], "--db", database)
        assert (said.code, key in figures(database)) == (2, True)
        assert "Nobody can answer here: give --yes" in said.err
        said = say("remove", key[:8], "--yes", "--db", database)
        assert (said.code, said.err.splitlines()[-1]) == (0, "1 removed.")
        assert f"{key}  dsprites cvae beta=0.5 seed 0  complete" in said.err
        assert not list(database.parent.rglob(f"{key}.pt"))
        assert (database.parent / f"models/{JOBS[1].key}.pt").exists()
        assert list(figures(database)) == [JOBS[1].key]
        with Store(database) as store:
            assert store.add_sweep(JOBS, "again").new == 1

    def test_a_run_that_is_trained_is_refused(self, say: Say, database: Path) -> None:
        with Reader.open(database) as reader:
            live = next(row for row in reader.jobs(states=["RUNNING"]) if not row.abandoned)
        said = say("remove", live.key, "--yes", "--db", database)
        assert said.code == 1
        assert "is being trained: stop its sweep first" in said.err
        assert say("remove", "ffff", "--yes", "--db", database).code == 1


@pytest.mark.parametrize("yes", [True, False])
def test_prune_deletes_what_no_run_needs_and_nobody_elses_files(
    yes: bool, say: Say, database: Path
) -> None:
    done, failed, strange = JOBS[0].key, JOBS[2].key, "0123456789abcdef"
    with Reader.open(database) as reader:
        running = reader.jobs(states=["RUNNING"])[0].key
    kept = [f"models/{done}.pt", f"checkpoints/{failed}.pt", "models/mine.pt", "models/notes.txt"]
    kept += [f"models/{running}.pt", f"checkpoints/{running}.pt"]  # written, not yet recorded
    idle = [f"checkpoints/{done}.pt", f"models/{strange}.pt", f"checkpoints/{strange}.pt"]
    for file in (*kept, *idle):
        (database.parent / file).parent.mkdir(exist_ok=True)
        (database.parent / file).write_bytes(b"x" * 1000)
    said = say("prune", *["--yes"] * yes, "--db", database)
    assert all((database.parent / file).exists() for file in kept)
    assert any((database.parent / file).exists() for file in idle) is not yes
    if yes:
        assert said.err.splitlines()[-1] == "3 files deleted, 0.0 MB (3,000 bytes)."
        assert "Nothing to prune" in say("prune", "--db", database).err
    else:
        assert said.code == 2
