"""`vaebench explore`: a page of a real run, and one clear line for whatever is in its way."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Say
from vaebench.store import Store


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on tiny images of one's own, in `out`."""
    from vaebench.cli.app import run

    folder = tmp_path_factory.mktemp("swept")
    images = np.random.default_rng(0).integers(256, size=(60, 8, 8), dtype=np.uint8)
    np.savez(folder / "noise.npz", images=images)
    words = f"sweep --models vae --seeds 1 --steps 2 --dataset npz:{folder}/noise.npz --network mlp"
    words += f" --eval-size 20 --out {folder}/out --workers 1 --latent-dim 3"
    assert run(words.split()) == 0
    return folder / "out"


def key_of(out: Path) -> str:
    return next((out / "models").iterdir()).stem


def test_a_page_is_written(say: Say, swept: Path, tmp_path: Path) -> None:
    page = tmp_path / "new folder" / "page.html"
    for _ in range(2):  # a page of its own is replaced
        said = say("explore", key_of(swept)[:5], "--db", swept / "results.db", "--out", page)
        assert (said.code, said.out) == (0, f"{page}\n")
    text = page.read_text()
    assert key_of(swept) in text
    assert "<title>vae seed 0" in text
    assert "ELBO" in text


def test_the_page_is_called_after_its_key(
    say: Say, swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = say("explore", key_of(swept)[:5], "--db", swept / "results.db")
    assert said.code == 0
    assert [file.name for file in tmp_path.iterdir()] == [f"{key_of(swept)}.html"]


def test_models_may_lie_elsewhere(say: Say, swept: Path, tmp_path: Path) -> None:
    database = tmp_path / "results.db"
    database.write_bytes((swept / "results.db").read_bytes())
    words = ("explore", key_of(swept), "--db", database, "--out", tmp_path / "page.html")
    said = say(*words)
    assert said.code == 1
    assert said.err == (
        f"vaebench: {tmp_path}/models/{key_of(swept)}.pt, the run's trained model, is missing: "
        "name the folder that has it with --models, or bring it back: "
        f"vaebench reproduce {key_of(swept)} --restore --db {database}\n"
    )
    assert say(*words, "--models", swept / "models").code == 0


def test_own_images_may_have_moved_but_not_changed(say: Say, swept: Path, tmp_path: Path) -> None:
    images, away = swept.parent / "noise.npz", tmp_path / "away.npz"
    words = ("explore", key_of(swept), "--db", swept / "results.db", "--out", tmp_path / "a.html")
    images.rename(away)
    try:
        said = say(*words)
        assert (said.code, len(said.err.splitlines())) == (1, 1)
        assert f"{images} is missing" in said.err
        assert "add --dataset npz:PATH" in said.err
        assert say(*words, "--dataset", f"npz:{away}").code == 0
        np.savez(tmp_path / "other.npz", images=np.zeros((60, 8, 8), np.uint8))
        said = say(*words, "--dataset", f"npz:{tmp_path}/other.npz")
        assert (said.code, len(said.err.splitlines())) == (1, 1)
        assert "not what the run was trained on" in said.err
    finally:
        away.rename(images)


def test_a_damaged_model_is_one_line(say: Say, swept: Path, tmp_path: Path) -> None:
    name = f"{key_of(swept)}.pt"
    whole = (swept / "models" / name).read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"not a model"):
        (tmp_path / name).write_bytes(content)
        said = say("explore", key_of(swept), "--db", swept / "results.db",
                   "--models", tmp_path, "--out", tmp_path / "page.html")  # fmt: skip
        assert said.code == 1
        assert name in said.err
        assert len(said.err.strip().splitlines()) <= 2  # the first says what is being done
        assert "Traceback" not in said.err
        assert not (tmp_path / "page.html").exists()


def test_unfinished_runs_have_nothing_to_explore(say: Say, database: Path) -> None:
    with Store(database, create=False) as store:
        states = {row.state: row.key for row in store.jobs()}
    for state, advice in (("FAILED", "vaebench retry"), ("PENDING", "goes on with it")):
        said = say("explore", states[state], "--db", database)
        assert said.code == 1
        assert f"Run {states[state]} is {state}: only a finished run can be explored" in said.err
        assert advice in said.err
        assert len(said.err.splitlines()) == 1
    said = say("explore", "ffffffffffffffff", "--db", database)
    assert (said.code, len(said.err.splitlines())) == (1, 1)


def test_nothing_of_others_is_overwritten(say: Say, swept: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "theirs.html").write_text("<!DOCTYPE html><p>mine, not the explorer's")
    (tmp_path / "link.html").symlink_to(tmp_path / "theirs.html")
    (tmp_path / "copy.db").write_bytes((swept / "results.db").read_bytes())
    before = kept(tmp_path)
    for name in (".", "pipe", "theirs.html", "link.html", "copy.db", "copy.db-journal"):
        target = tmp_path / name
        said = say("explore", key_of(swept), "--db", swept / "results.db", "--out", target)
        assert said.code == 1, name
        assert "--out" in said.err
        assert len(said.err.splitlines()) == 1
    assert kept(tmp_path) == before


def kept(folder: Path) -> dict[str, tuple[int, int, int]]:
    """What would change of files that are written or replaced."""
    found = {file.name: file.lstat() for file in folder.iterdir()}
    return {name: (s.st_mode, s.st_ino, s.st_mtime_ns) for name, s in found.items()}
