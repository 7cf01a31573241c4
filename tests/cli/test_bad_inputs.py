"""Inputs that once gave a traceback: each is one line now, and a path's name is no pattern."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Say

LONG = "a" * 5000
DEEP = "a/" * 3000 + "b"
DRY = ("--models", "vae", "--seeds", "1", "--steps", "1", "--dry-run")


def refused(say: Say, *words: object) -> str:
    """Runs a command that must be refused, and returns its one line."""
    said = say(*words)
    assert said.code in {1, 2}, said
    assert "Traceback" not in said.err
    assert said.err.count("\n") == 1, said.err
    assert "defect" not in said.err
    return said.err


@pytest.mark.parametrize("path", [LONG, DEEP], ids=["long", "deep"])
@pytest.mark.parametrize(
    "words",
    [
        "status --db PATH",
        "runs --db PATH",
        "show aa --db PATH",
        "diff aa bb --db PATH",
        "retry --all --db PATH",
        "report --db PATH",
        "report --db DATABASE --out PATH",
        "export --db PATH",
        "export --db DATABASE --out PATH",
        "reproduce aa --db PATH",
        "reproduce KEY --db DATABASE --data-dir PATH",
        "data show mnist --data-dir PATH",
        "data show dsprites --picture PATH.png",
        "data list --data-dir PATH",
        "data check --data-dir PATH",
        "data check mnist --data-dir PATH",
        "data check npz:PATH",
        "data check folder:PATH",
        "data download mnist --data-dir PATH",
        "data show npz:PATH",
        "data show folder:PATH",
        "studies PATH.toml",
        "sweep --study PATH.toml",
        "sweep --dataset npz:PATH --dry-run",
        "sweep --dataset folder:PATH --dry-run",
        "sweep --dataset mnist --data-dir PATH --dry-run",
        "sweep --models vae --seeds 1 --steps 1 --db PATH --dry-run",
        "sweep --models vae --seeds 1 --steps 1 --out PATH --dry-run",
    ],
)
def test_a_path_that_is_too_long_is_one_line(
    say: Say, database: Path, words: str, path: str
) -> None:
    from vaebench.store import Reader

    with Reader.open(database) as reader:
        key = reader.jobs(states=["COMPLETE"])[0].key
    known = {"DATABASE": str(database), "KEY": key}
    line = refused(say, *(known.get(word, word.replace("PATH", path)) for word in words.split()))
    assert "too long" in line
    assert len(line) < 12_000


@pytest.mark.parametrize("path", ["", ".", "/", "..", " "])
def test_a_path_without_a_name_is_one_line(say: Say, path: str) -> None:
    for words in (("status",), ("runs",), ("show", "aa"), ("report",), ("export",)):
        line = refused(say, *words, "--db", path)
        assert "is a folder" in line or "no database" in line


@pytest.mark.parametrize(
    "content",
    [
        "title = " + "[" * 500 + "]" * 500,
        "title = " + "{a = " * 5000 + "1" + "}" * 5000,
        "seeds = " + "9" * 5000,
        "[" + "a." * 3000 + "b]",
    ],
)
def test_a_study_that_no_parser_can_take_is_one_line(
    say: Say, tmp_path: Path, content: str
) -> None:
    (tmp_path / "mine.toml").write_text(content)
    assert "mine.toml" in refused(say, "studies", tmp_path / "mine.toml")


@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_a_user_whom_nobody_knows(say: Say, kind: str) -> None:
    line = refused(say, "sweep", "--dataset", f"{kind}:~nouser/x", *DRY)
    assert "no user 'nouser'" in line
    assert "data folder" in refused(say, "data", "show", "mnist", "--data-dir", "~nouser/x")


@pytest.mark.parametrize("shape", [(-3, 64, 64), (3, -64, -64), (10**9, 10**9, 10**9), (10**400,)])
def test_an_npz_header_of_a_shape_that_no_array_has(
    say: Say, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "odd.npz", "w", method) as archive:
            archive.writestr("images.npy", header.getvalue() + bytes(3 * 64 * 64))
        for words in (("data", "show"), ("data", "check"), ("sweep", *DRY, "--dataset")):
            said = say(*words, f"npz:{tmp_path / 'odd.npz'}")
            assert said.code == 1
            assert "defect" not in said.err
            assert "odd.npz" in said.out + said.err


@pytest.mark.parametrize("name", ["a**b", "a[b]", "**", "a?b", "x" * 250])
def test_a_folder_named_like_a_pattern_is_a_folder(
    say: Say, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / name).mkdir()
    for level in (10, 20):
        Image.new("L", (64, 64), level).save(tmp_path / name / f"{level}.png")
        said = say("data", "show", f"folder:{tmp_path / name}", "--data-dir", tmp_path / "data")
        assert said.code == 0, said.err
    kept = list((tmp_path / "data" / "unpacked").glob("folder-*.npy"))
    assert len(kept) == 1  # the images of one file alone went when there were two
