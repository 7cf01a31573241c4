"""`vaebench evaluate`: real models scored anew, bit for bit where the software is the same."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

import vaebench
from tests.cli.conftest import Say
from vaebench.store import Reader, stored_outcome


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of a VAE, so that they have a UDR, and a run whose model is gone."""
    place = tmp_path_factory.mktemp("trained")
    vaebench.sweep(
        ["vae", "ae"],
        grid={},
        seeds=2,
        steps=2,
        network="burgess",
        eval_size=10,
        out=place,
        workers=1,
        progress=False,
    )
    return place


def figures(place: Path) -> dict[str, object]:
    with Reader.open(place / "results.db") as reader:
        keys = [row.key for row in reader.jobs()]
        whole = {key: stored_outcome(reader, key) for key in keys}
        udr = {key: [s for s in reader.scores(key) if s.name == "udr"] for key in keys}
    return {
        key: (run.scores, run.curves, run.artifacts, run.representation, run.train_seconds, udr)
        for key, run in whole.items()
    }


def test_the_same_software_gives_the_same_bits_and_mends_what_is_wrong(
    say: Say, trained: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(trained, tmp_path / "out")
    db = out / "results.db"
    before = figures(out)
    with Reader.open(db) as reader:
        key = next(row.key for row in reader.jobs() if row.spec.model == "vae")
    with sqlite3.connect(db) as connection:
        for damage in (
            "UPDATE scores SET value = 0.75 WHERE name = 'mig'",
            "DELETE FROM scores WHERE name = 'elbo'",
            "UPDATE representations SET codes = zeroblob(40), points = 1, latents = 10 WHERE 1",
        ):
            of_run = "job_id = (SELECT id FROM jobs WHERE job_key = ?)"
            connection.execute(f"{damage} AND {of_run}", [key])
    connection.close()
    said = say("evaluate", "--all", "--workers", "1", "--db", db)
    assert said.code == 0
    assert "4 runs evaluated, 1 with other figures than before." in said.err
    assert f"{key}  elbo – → -" in said.err
    assert "mig 0.75 → " in said.err
    assert figures(out) == before
    with Reader.open(db) as reader:
        known = reader.environment(key)
    assert known["evaluation"]["code"] == known["code"]


def test_models_that_are_gone_or_damaged_are_said_and_their_runs_stay(
    say: Say, trained: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(trained, tmp_path / "out")
    db, before = out / "results.db", figures(out)
    gone, broken, *_ = sorted((out / "models").glob("*.pt"))
    gone.unlink()
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 1
    broken.write_bytes(content)
    said = say("evaluate", gone.stem, broken.stem, "--workers", "1", "--db", db)
    assert said.code == 1
    assert "1 of 2 finished runs has no trained model in" in said.err
    assert f"vaebench reproduce --restore --all --db {db}" in said.err
    assert f"failed  {broken.stem}  " in said.err
    assert "its SHA-256 says" in said.err
    assert figures(out) == before


def test_models_that_lie_elsewhere_are_looked_for_there(
    say: Say, trained: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(trained, tmp_path / "out")
    db = shutil.move(out / "results.db", tmp_path / "moved.db")
    key = next((out / "models").glob("*.pt")).stem
    assert say("evaluate", key, "--workers", "1", "--db", db, "--out", out).code == 0
    (out / "models" / f"{key}.pt").unlink()
    said = say("evaluate", key, "--db", db, "--out", out)
    assert f"vaebench reproduce --restore --all --db {db} --out {out}" in said.err


def test_what_cannot_be_evaluated_is_one_line(say: Say, database: Path) -> None:
    assert say("evaluate", "--db", database).code == 2
    with Reader.open(database) as reader:
        (failed,) = reader.jobs(states=["FAILED"])
    said = say("evaluate", failed.key, "--db", database)
    assert (said.code, "is FAILED: it has no trained model to evaluate" in said.err) == (1, True)
