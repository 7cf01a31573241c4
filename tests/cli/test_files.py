"""`vaebench files`: pictures and codes moved out of the database and back, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Say
from vaebench.store import Reader, stored_outcome

PICTURE = b"x" * 2000


def pictures(database: Path) -> list[bytes]:
    """Returns the pictures of the finished runs."""
    with Reader.open(database) as reader:
        done = [row.key for row in reader.jobs() if row.state == "COMPLETE"]
        return [stored_outcome(reader, key).artifacts[0].png for key in done]


def test_out_and_back(say: Say, database: Path, tmp_path: Path) -> None:
    assert say("files", "--db", database).err == (
        "Pictures and codes are in the database: 2, 0.0 MB.\n"
    )
    out = say("files", tmp_path / "pictures", "--db", database)
    assert (out.code, out.err) == (
        0,
        f"Pictures and codes are files in {tmp_path / 'pictures'}: 2.\n",
    )
    assert pictures(database) == [PICTURE] * 2
    assert [p.read_bytes() for p in (tmp_path / "pictures").glob("*/samples-*.png")] == (
        [PICTURE] * 2
    )
    assert say("show", pictures_of_one(tmp_path), "--db", database).code == 0
    back = say("files", "--inside", "--db", database)
    assert (back.code, back.err) == (0, "Pictures and codes are in the database: 2, 0.0 MB.\n")
    assert pictures(database) == [PICTURE] * 2


def pictures_of_one(folder: Path) -> str:
    """Returns the key of a run that has files."""
    return next((folder / "pictures").iterdir()).name


def test_a_new_database_begins_with_files(say: Say, tmp_path: Path) -> None:
    said = say("files", tmp_path / "files", "--db", tmp_path / "new.db")
    assert (said.code, said.err) == (0, f"Pictures and codes are files in {tmp_path}/files: 0.\n")


def test_a_sweep_writes_files_and_a_report_reads_them(say: Say, tmp_path: Path) -> None:
    """A real run: the figures and pictures are those of a database that holds them."""
    sweep = "sweep --models vae --seeds 1 --steps 2 --eval-size 10 --network burgess".split()
    say("files", tmp_path / "a" / "files", "--db", tmp_path / "a" / "results.db")
    for name in ("a", "b"):
        out = ("--out", tmp_path / name, "--db", tmp_path / name / "results.db")
        assert say(*sweep, *out).code == 0
    assert len([*(tmp_path / "a" / "files").glob("*/*.png")]) > 2
    assert len([*(tmp_path / "a" / "files").glob("*/codes-*.f32")]) == 1
    found = []
    for name in ("a", "b"):
        with Reader.open(tmp_path / name / "results.db") as reader:
            run = stored_outcome(reader, reader.jobs()[0].key)
            assert not reader.unreadable
        found.append((run.scores, run.artifacts, run.representation))
    assert found[0] == found[1]


def test_prune_takes_what_no_run_has(say: Say, database: Path, tmp_path: Path) -> None:
    say("files", tmp_path / "pictures", "--db", database)
    idle = tmp_path / "pictures" / pictures_of_one(tmp_path) / "samples-0123456789abcdef.png"
    idle.write_bytes(b"of an evaluation that another one replaced")
    said = say("prune", "--yes", "--db", database)
    assert said.code == 0
    assert str(idle) in said.err
    assert not idle.exists()
    assert pictures(database) == [PICTURE] * 2


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("{}/x", "--inside"), "exclude each other"),
        (("/proc/nowhere/x",), "cannot be made a folder"),
    ],
)
def test_what_cannot_be(
    words: tuple[str, ...], line: str, say: Say, database: Path, tmp_path: Path
) -> None:
    said = say("files", *(word.format(tmp_path) for word in words), "--db", database)
    assert said.code == 2
    assert line in said.err
    assert said.err.count("\n") == 1
    assert pictures(database) == [PICTURE] * 2
