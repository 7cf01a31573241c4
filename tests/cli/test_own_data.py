"""A user's own data are known by their content: by whatever path, from whatever folder, moved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Said, Say
from vaebench.data import load_dataset
from vaebench.data.own.identity import content_digest
from vaebench.errors import DataError
from vaebench.outcome import JobOutcome
from vaebench.spec import JobSpec
from vaebench.store import Reader, Store

SMALL = "--steps 2 --precision fp32 --eval-size 10 --network mlp --workers 1 --models vae".split()


def save(path: Path, seed: int = 0, **arrays: object) -> Path:
    """Writes an npz file of 40 noisy images of 32 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(seed).integers(0, 256, (40, 32, 32), dtype=np.uint8)
    np.savez(path, images=images, **arrays)  # type: ignore[arg-type]
    return path


def save_folder(folder: Path, count: int = 4) -> Path:
    """Writes a folder of images of one level each, from 10 upwards, in steps of 10."""
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("L", (64, 64), 10 * (number + 1)).save(folder / f"{number}.png")
    return folder


def planned(say: Say, *words: object) -> dict[str, str]:
    """Returns the jobs of a dry run, key by key, with their states."""
    said = say("sweep", "--dry-run", "--seeds", "1", *SMALL, *words)
    assert said.code == 0, said.err
    rows = [line.split() for line in said.out.splitlines()[1:-1]]
    return {row[0]: row[-1] for row in rows}


def sweep(say: Say, *words: object) -> Said:
    said = say("sweep", "--seeds", "1", *SMALL, *words)
    assert said.code == 0, said.err
    return said


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_one_content_is_one_job_however_it_is_spelled(
    say: Say, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(here / "p5" / "ok.npz")
    (here / "p6").mkdir()
    spellings = ["p5/ok.npz", "./p5/ok.npz", "p6/../p5/ok.npz", str(path)]
    keys = [planned(say, "--dataset", f"npz:{spelling}") for spelling in spellings]
    monkeypatch.chdir(here / "p6")
    keys.append(planned(say, "--dataset", "npz:../p5/ok.npz"))
    shutil.copy(path, here / "p6" / "ok.npz")
    keys.append(planned(say, "--dataset", "npz:ok.npz"))
    np.savez_compressed(here / "p6" / "ok.npz", images=np.load(path)["images"])
    keys.append(planned(say, "--dataset", "npz:ok.npz"))
    assert all(found == keys[0] for found in keys)
    both = planned(say, "--dataset", f"npz:ok.npz,npz:{path}")
    assert both == keys[0]


def test_two_files_of_one_name_are_two_data_sets(say: Say, here: Path) -> None:
    labels = np.arange(40) % 2
    for number, arrays in enumerate(({}, {"labels": labels}, {"labels": 1 - labels})):
        save(here / str(number) / "ok.npz", **arrays)
    keys = [planned(say, "--dataset", f"npz:{number}/ok.npz") for number in range(3)]
    assert len({key for found in keys for key in found}) == 3


def test_moved_and_renamed_data_are_done_and_changed_ones_are_new(say: Say, here: Path) -> None:
    path = save(here / "ok.npz")
    sweep(say, "--dataset", "npz:ok.npz")
    assert list(planned(say, "--dataset", "npz:ok.npz").values()) == ["done"]
    (here / "far" / "away").mkdir(parents=True)
    moved = path.rename(here / "far" / "away" / "renamed.npz")
    assert list(planned(say, "--dataset", f"npz:{moved}").values()) == ["done"]
    with Reader.open("results/results.db") as reader:
        (row,) = reader.jobs()
        assert row.spec.dataset.startswith("npz:ok.npz#")
        assert reader.environment(row.key)["data"].startswith(f"{here}/ok.npz, 40 images")
    save(here / "ok.npz", seed=1)
    said = say("sweep", "--dry-run", "--seeds", "1", *SMALL, "--dataset", "npz:ok.npz")
    assert said.out.splitlines()[1].split()[-1] == "new"
    assert "npz:ok.npz is not what finished runs of that name were trained on" in said.err
    # By the name that jobs have, other content is refused.
    said = say("sweep", "--dry-run", *SMALL, "--dataset", row.spec.dataset)
    assert said.code == 1
    assert "is not what lies there" in said.err


def test_runs_are_found_by_the_file_that_was_typed(say: Say, here: Path) -> None:
    save(here / "ok.npz")
    sweep(say, "--dataset", "npz:ok.npz")
    for typed in ("npz:ok.npz", "npz:./elsewhere/ok.npz"):
        assert len(json.loads(say("runs", "--dataset", typed, "--format", "json").out)) == 1
    assert say("runs", "--dataset", "npz:other.npz").code == 2


class TestStoredByAnOlderVersion:
    """Runs of own data that were stored by the path as it was typed."""

    def store(
        self, name: str, data: str, folds: int | None = None, digest: str | None = None
    ) -> str:
        """Stores a finished run as versions did that knew own data by their path; its key.

        With a digest, as this version stores what it adds to such runs.
        """
        fold = None if folds is None else 0
        spec = JobSpec(
            dataset=name, model="vae", parameters={}, seed=0, steps=2, eval_size=10,
            network="mlp", folds=folds, fold=fold,
        )  # fmt: skip
        with Store("results/results.db") as store:
            claim = store.claim(store.add_sweep([spec], "").sweep_id)
            assert claim is not None
            source = load_dataset(data).source
            about = {"data": source} | ({"data_digest": digest} if digest else {})
            store.complete(claim, JobOutcome(spec.key, "complete", environment=about))
        return spec.key

    def test_they_are_found_by_the_same_line_and_by_other_paths_of_the_file(
        self, say: Say, here: Path
    ) -> None:
        path = save(here / "ok.npz")
        key = self.store("npz:ok.npz", "npz:ok.npz")
        for typed in ("ok.npz", "./ok.npz", str(path)):
            assert planned(say, "--dataset", f"npz:{typed}") == {key[:8]: "done"}

    def test_each_spelling_that_was_stored_finds_its_own(self, say: Say, here: Path) -> None:
        path = save(here / "ok.npz")
        names = ["npz:ok.npz", f"npz:{path}"]
        keys = [self.store(name, name) for name in names]
        found = [planned(say, "--dataset", name) for name in names]
        assert found == [{key[:8]: "done"} for key in keys]

    def test_the_project_may_have_moved(self, say: Say, here: Path) -> None:
        save(here / "ok.npz")
        key = self.store("npz:ok.npz", f"npz:{here / 'ok.npz'}")
        assert planned(say, "--dataset", "npz:ok.npz") == {key[:8]: "done"}

    def test_another_file_of_that_name_is_not_taken_for_it(self, say: Say, here: Path) -> None:
        save(here / "v1" / "ok.npz", labels=np.zeros(40, np.int64))
        key = self.store("npz:v1/ok.npz", "npz:v1/ok.npz")
        save(here / "v2" / "ok.npz", labels=np.arange(40))  # its images are the same
        said = say("sweep", "--dry-run", "--seeds", "1", *SMALL, "--dataset", "npz:v2/ok.npz")
        assert key[:8] not in said.out
        assert "It may be what older runs call npz:v1/ok.npz" in said.err
        save(here / "v1" / "ok.npz", seed=1)
        said = say("sweep", "--dry-run", "--seeds", "1", *SMALL, "--dataset", "npz:v1/ok.npz")
        assert key[:8] not in said.out
        assert "is not what finished runs of that name were trained on" in said.err

    def test_other_labels_are_other_data_where_a_run_knows_its_own(
        self, say: Say, here: Path
    ) -> None:
        save(here / "ok.npz", labels=np.zeros(40, np.int64))
        digest = content_digest(load_dataset("npz:ok.npz"))
        key = self.store("npz:ok.npz", "npz:ok.npz", digest=digest)
        line = ("sweep", "--dry-run", "--seeds", "1", *SMALL, "--dataset", "npz:ok.npz")
        said = say(*line)
        assert (key[:8] in said.out, "could not be compared" in said.err) == (True, False)
        save(here / "ok.npz", labels=np.arange(40))  # its images are the same
        said = say(*line)
        assert key[:8] not in said.out
        assert "is not what finished runs of that name were trained on" in said.err
        said = say("reproduce", key)
        assert (said.code, "is not what the run was trained on" in said.err) == (1, True)

    def test_where_only_images_can_be_compared_a_line_says_so(self, say: Say, here: Path) -> None:
        save(here / "ok.npz", labels=np.zeros(40, np.int64))
        key = self.store("npz:ok.npz", "npz:ok.npz")
        save(here / "ok.npz", labels=np.arange(40))
        said = say("sweep", "--dry-run", "--seeds", "1", *SMALL, "--dataset", "npz:ok.npz")
        assert key[:8] in said.out
        assert said.err.count("whether factors and labels are could not be compared") == 1

    def test_what_is_added_to_them_knows_its_content(self, say: Say, here: Path) -> None:
        path = save(here / "ok.npz", labels=np.zeros(40, np.int64))
        self.store("npz:ok.npz", "npz:ok.npz")
        said = say("sweep", "--seeds", "2", *SMALL, "--dataset", "npz:ok.npz")
        assert said.code == 0, said.err
        digest = content_digest(load_dataset(f"npz:{path}"))
        with Reader.open("results/results.db") as reader:
            assert {row.spec.dataset for row in reader.jobs()} == {"npz:ok.npz"}
            assert [then[1] for then in reader.own_data()["npz:ok.npz"]] == [None, digest]

    def test_their_folds_are_those_that_they_had(self, here: Path) -> None:
        from vaebench.data.own.opened import recognised
        from vaebench.training.feed import split

        path = save(here / "ok.npz")
        key = self.store("npz:ok.npz", "npz:ok.npz", folds=4)
        with Reader.open("results/results.db") as reader:
            stored, spec = reader.own_data(), reader.find(key).spec
        own = recognised(f"npz:{path}", None, stored)
        assert own.name == "npz:ok.npz"
        before = split(spec, load_dataset("npz:ok.npz"))
        for one, other in zip(before, split(spec, own.open()), strict=True):
            assert (one == other).all()


def test_data_that_change_while_a_sweep_runs_fail_the_job(here: Path) -> None:
    from vaebench.data.own.opened import recognised

    save(here / "ok.npz")
    own = recognised("npz:ok.npz", None, {})
    assert own.open().name == own.name
    save(here / "ok.npz", seed=1)
    with pytest.raises(DataError, match="has changed since the command began"):
        own.open()


def test_factors_or_labels_that_change_while_a_sweep_runs_fail_the_job(here: Path) -> None:
    from vaebench.data.own.opened import recognised

    numbers = np.arange(40)
    kept = {"factors": numbers[:, None] % 4, "labels": numbers % 2}
    for size in (None, 64):
        save(here / "ok.npz", **kept)
        own = recognised("npz:ok.npz", None, {})
        save(here / "ok.npz", **kept)  # written anew, but the same
        assert own.open(size=size).source == own.source
        for changed in (
            {"factors": numbers[:, None] % 5},
            {"factors": (numbers[:, None] + 1) % 4},
            {"labels": 1 - numbers % 2},
            {"factor_names": ["width"]},
            {"label_names": ["cat", "dog"]},
        ):
            save(here / "ok.npz", **{**kept, **changed})
            with pytest.raises(DataError, match=r"factors or labels of .* have changed since"):
                own.open(size=size)


def test_a_moved_file_is_reproduced_from_where_it_lies_now(say: Say, here: Path) -> None:
    path = save(here / "ok.npz")
    sweep(say, "--dataset", "npz:ok.npz")
    with Reader.open("results/results.db") as reader:
        key = reader.jobs()[0].key
    path.rename(here / "moved.npz")
    said = say("reproduce", key)
    assert said.code == 1
    assert "--dataset npz:PATH" in said.err
    said = say("reproduce", key, "--dataset", "npz:moved.npz")
    assert (said.code, "bit for bit" in said.out) == (0, True), said.err
    save(here / "other.npz", seed=1)
    said = say("reproduce", key, "--dataset", "npz:other.npz")
    assert said.code == 1
    assert "is not what the run was trained on" in said.err


class TestBrokenImages:
    def test_all_of_them_are_told_at_once(self, say: Say, here: Path) -> None:
        folder = save_folder(here / "images", 6)
        (folder / "1.png").write_bytes(b"nothing")
        (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:60])
        (folder / "4.png").unlink()
        (folder / "4.png").symlink_to("nowhere.png")
        said = say("sweep", "--dry-run", "--seeds", "1", *SMALL, "--dataset", "folder:images")
        assert said.code == 1
        assert said.err.count("\n") == 1
        assert "3 of 6 images" in said.err
        assert "--skip-broken" in said.err
        for name in ("1.png cannot be read", "3.png cannot be read", "4.png is a link that leads"):
            assert name in said.err
        lines = say("data", "check", "folder:images").out.splitlines()
        assert [name in line for name, line in zip(("1.png", "3.png", "4.png"), lines, strict=True)]

    def test_what_is_left_is_the_data_set_without_their_files(self, say: Say, here: Path) -> None:
        whole = save_folder(here / "a" / "images", 4)
        shutil.copytree(whole, here / "b" / "images")
        (here / "a" / "images" / "1.png").write_bytes(b"nothing")
        (here / "b" / "images" / "1.png").unlink()
        left = load_dataset("folder:a/images", skip_broken=True)
        without = load_dataset("folder:b/images")
        assert left.observations(range(3)).mean((1, 2, 3)).tolist() == [10, 30, 40]
        assert content_digest(left) == content_digest(without)
        words = ("--dataset", "folder:a/images", "--skip-broken")
        assert planned(say, *words) == planned(say, "--dataset", "folder:b/images")
        said = say("sweep", "--dry-run", "--seeds", "1", *SMALL, *words)
        assert "folder:a/images: 1 image left out as broken." in said.err
        Image.new("L", (64, 64), 20).save(here / "a" / "images" / "1.png")  # mended: another set
        assert planned(say, *words) != planned(say, "--dataset", "folder:b/images")

    def test_a_run_of_them_is_trained_and_reproduced(self, say: Say, here: Path) -> None:
        folder = save_folder(here / "images", 12)
        (folder / "5.png").write_bytes(b"nothing")
        sweep(say, "--dataset", "folder:images", "--skip-broken")
        with Reader.open("results/results.db") as reader:
            key = reader.jobs(states=["COMPLETE"])[0].key
        said = say("reproduce", key)
        assert (said.code, "bit for bit" in said.out) == (0, True), said.err

    def test_classes_keep_their_labels(self, here: Path) -> None:
        for name in ("cat", "dog"):
            save_folder(here / "images" / name, 2)
        (here / "images" / "cat" / "0.png").write_bytes(b"nothing")
        data = load_dataset("folder:images", skip_broken=True)
        labels = data.labels(range(3))
        assert labels is not None
        assert labels.tolist() == [0, 1, 1]
        (here / "images" / "cat" / "1.png").write_bytes(b"nothing")
        with pytest.raises(DataError, match="no images in its class folder cat"):
            load_dataset("folder:images", skip_broken=True)

    @pytest.mark.timeout(60)
    def test_what_is_no_file_does_not_block_and_loops_are_refused(self, here: Path) -> None:
        import os

        folder = save_folder(here / "images" / "cat", 2)
        os.mkfifo(folder / "pipe.png")
        with pytest.raises(DataError, match=r"pipe\.png is no regular file"):
            load_dataset("folder:images")
        assert len(load_dataset("folder:images", skip_broken=True)) == 2
        (folder / "pipe.png").unlink()
        (folder / "again").symlink_to("..")
        with pytest.raises(DataError, match="a link to a folder that it lies in"):
            load_dataset("folder:images")
