"""`vaebench show KEY --figures`: all pictures of a run, and one line for what is in its way."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from tests.cli.conftest import Say
from vaebench.store import Store

KINDS = {"reconstructions", "samples", "traversals", "marginal", "interpolation", "attributes"}
NEW = ("marginal", "interpolation", "attributes")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on tiny labelled images of one's own, in `out`."""
    from vaebench.cli.app import run

    folder = tmp_path_factory.mktemp("swept")
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(60, 8, 8), dtype=np.uint8)
    np.savez(folder / "noise.npz", images=images, labels=np.arange(60) % 3,
             label_names=np.array(["red", "green", "blue"]))  # fmt: skip
    words = f"sweep --models vae --seeds 1 --steps 2 --dataset npz:{folder}/noise.npz --network mlp"
    words += f" --eval-size 20 --out {folder}/out --workers 1 --latent-dim 3"
    assert run(words.split()) == 0
    return folder / "out"


def key_of(out: Path) -> str:
    return next((out / "models").iterdir()).stem


@pytest.fixture
def older(swept: Path, tmp_path: Path) -> Path:
    """The same run as a vaebench without the new pictures left it, in a folder without models."""
    path = tmp_path / "older" / "results.db"
    path.parent.mkdir()
    path.write_bytes((swept / "results.db").read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute(f"DELETE FROM artifacts WHERE name IN {NEW}")
    connection.close()
    return path


def names(folder: Path) -> set[str]:
    return {file.name.partition("_")[2] for file in folder.iterdir()}


def alike(one: Path, other: Path) -> None:
    """Pictures are the same but for a level of grey here and there: batches decide the last bit."""
    for file in one.glob("*.png"):
        with Image.open(file) as a, Image.open(other / file.name) as b:
            difference = np.asarray(ImageChops.difference(a.convert("L"), b.convert("L")))
        assert difference.mean() < 0.5, file.name


def test_every_picture_is_written(say: Say, swept: Path, tmp_path: Path) -> None:
    folder, key = tmp_path / "new folder" / "figures", key_of(swept)
    contents = []
    for _ in range(2):  # files of its own are replaced
        said = say("show", key[:5], "--figures", folder, "--db", swept / "results.db")
        assert (said.code, said.err) == (0, "")
        written = [Path(line) for line in said.out.split("\n") if line]
        assert set(written) == set(folder.iterdir())
        assert written[0].name == f"{key}_reconstructions.png"
        contents.append([path.read_bytes() for path in written])
    assert contents[0] == contents[1]
    assert names(folder) == {
        *(f"{kind}.{end}" for kind in KINDS for end in ("png", "svg")),
        "traversals.gif",
        "marginal.gif",
    }
    assert all(path.name.startswith(f"{key}_") for path in written)


def test_an_older_run_gets_them_from_its_model(say: Say, swept: Path, older: Path) -> None:
    key = key_of(swept)
    stored, made = older.parent / "stored", older.parent / "made"
    say("show", key, "--figures", stored, "--db", swept / "results.db")
    said = say("show", key, "--figures", made, "--db", older, "--models", swept / "models")
    assert said.code == 0
    assert said.err == (
        f"Making pictures that are not stored with vae seed 0 on {_dataset(older)} …\n"
    )
    assert names(made) == names(stored)
    alike(stored, made)


def _dataset(database: Path) -> str:
    with Store(database, create=False) as store:
        return next(iter(store.jobs())).spec.dataset


@pytest.mark.parametrize("content", [None, b"", b"not a model", b"half"])
def test_without_its_model_what_is_stored_is_written(
    say: Say, swept: Path, older: Path, content: bytes | None
) -> None:
    key, folder = key_of(swept), older.parent / "figures"
    model = older.parent / "models" / f"{key}.pt"
    if content is not None:
        model.parent.mkdir()
        whole = (swept / "models" / f"{key}.pt").read_bytes()
        model.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    said = say("show", key, "--figures", folder, "--db", older)
    assert said.code == 0
    *_, line = said.err.splitlines()
    assert "Not written: the traversals over the fitted marginal" in line.replace("\n", " ")
    assert str(model) in said.err.replace("\n", "")
    if content is None:
        assert f"vaebench reproduce {key} --restore" in said.err
    assert names(folder) == {
        *(f"{kind}.{end}" for kind in KINDS - set(NEW) for end in ("png", "svg")),
        "traversals.gif",
    }


def test_attributes_that_were_left_out_come_from_the_model(
    say: Say, swept: Path, older: Path
) -> None:
    key = key_of(swept)
    older.write_bytes((swept / "results.db").read_bytes())
    whole, less = older.parent / "whole", older.parent / "less"
    say("show", key, "--figures", whole, "--db", older, "--models", swept / "models")
    with sqlite3.connect(older) as connection:
        (text,) = connection.execute(
            "SELECT detail FROM artifacts WHERE name = 'attributes'"
        ).fetchone()
        detail = json.loads(text)
        assert detail["row_labels"] == ["red", "green", "blue"]
        assert detail["left_out"] == 0
        connection.execute(
            "UPDATE artifacts SET detail = ? WHERE name = 'attributes'",
            [json.dumps(detail | {"left_out": 30})],
        )
    connection.close()
    said = say("show", key, "--figures", less, "--db", older)
    assert "Not written: 30 more attributes." in said.err.replace("\n", " ")
    said = say("show", key, "--figures", less, "--db", older, "--models", swept / "models")
    assert said.err.startswith("Making pictures")
    alike(whole, less)


def test_nothing_of_others_is_overwritten(say: Say, swept: Path, tmp_path: Path) -> None:
    key = key_of(swept)
    theirs = tmp_path / f"{key}_samples.svg"
    theirs.write_text("<svg>mine</svg>")
    said = say("show", key, "--figures", tmp_path, "--db", swept / "results.db")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"vaebench: {theirs} is there and was not made by this command; it was left as it is. "
        "Name another folder with --figures.\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == [theirs.name]
    file = tmp_path / "a file"
    file.write_text("mine")
    said = say("show", key, "--figures", file, "--db", swept / "results.db")
    assert (said.code, len(said.err.splitlines()), file.read_text()) == (1, 1, "mine")


def test_unfinished_runs_have_no_pictures(say: Say, database: Path, tmp_path: Path) -> None:
    with Store(database, create=False) as store:
        states = {row.state: row.key for row in store.jobs()}
    for state, advice in (("FAILED", "vaebench retry"), ("PENDING", "goes on with it")):
        said = say("show", states[state], "--figures", tmp_path / "x", "--db", database)
        assert (said.code, len(said.err.splitlines())) == (1, 1)
        assert f"Run {states[state]} is {state}: only a finished run has pictures" in said.err
        assert advice in said.err
    said = say("show", states["COMPLETE"], "--figures", tmp_path, "--json", "--db", database)
    assert said.code == 2
    assert not (tmp_path / "x").exists()
