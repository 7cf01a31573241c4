"""Sweeps over models that are trained already: only evaluated, with the figures of a whole run."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import vaebench
from tests.cli.conftest import Say
from vaebench.outcome import JobOutcome
from vaebench.saved import load_model
from vaebench.store import Reader, stored_outcome
from vaebench.sweeping.library import SweepResult

MODELS = ["vae", "vampprior", "ae"]
LINE = (
    "--models vae,vampprior,ae --seeds 1 --steps 3 --network burgess --precision fp32 --workers 1"
)


def swept(out: Path, **values: Any) -> SweepResult:
    """Trains small models of three kinds."""
    shared = {"seeds": 1, "steps": 3, "network": "burgess", "precision": "fp32", "workers": 1}
    return vaebench.sweep(MODELS, out=out, progress=False, **{**shared, **values})


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Yesterday's sweep."""
    out = tmp_path_factory.mktemp("core")
    assert swept(out, eval_size=10).counts["COMPLETE"] == len(MODELS)
    return out


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, JobOutcome]:
    """What the runs of other evaluation settings are when they are trained, too."""
    out = tmp_path_factory.mktemp("whole")
    return outcomes(out, swept(out, eval_size=12, solver="lbfgs").keys)


def outcomes(out: Path, keys: tuple[str, ...]) -> dict[str, JobOutcome]:
    """Reads stored runs."""
    with Reader.open(out / "results.db") as reader:
        return {key: stored_outcome(reader, key) for key in keys}


def figures(found: dict[str, JobOutcome]) -> dict[str, object]:
    """All that runs have but times and environments."""
    return {
        key: (run.scores, run.curves, run.artifacts, run.representation)
        for key, run in found.items()
    }


def trainings(out: Path) -> dict[str, float]:
    """Wall time of the training of each run."""
    with Reader.open(out / "results.db") as reader:
        return {row.key: row.train_seconds or 0.0 for row in reader.jobs()}


def test_models_are_taken_and_every_figure_is_that_of_a_whole_run(
    core: Path, whole: dict[str, JobOutcome], tmp_path: Path, say: Say
) -> None:
    out = shutil.copytree(core, tmp_path / "out")
    before = trainings(out)
    said = say("sweep", *LINE.split(), "--eval-size", "12", "--solver", "lbfgs", "--out", out)
    assert said.code == 0
    assert "3 of 3 jobs differ from finished runs in their evaluation alone" in said.err
    found = outcomes(out, tuple(whole))
    assert figures(found) == figures(whole)
    after = trainings(out)
    assert sorted(after[key] for key in whole) == sorted(before.values())
    for key, run in found.items():
        assert run.environment["evaluation"]["code"] == run.environment["code"]
        spec, _ = load_model(out / "models" / f"{key}.pt")
        assert spec.key == key
    again = say("sweep", *LINE.split(), "--eval-size", "12", "--solver", "lbfgs", "--out", out)
    assert (again.code, "differ from" in again.err) == (0, False)


def test_a_dry_run_says_it_and_measures_the_others_alone(core: Path, say: Say) -> None:
    said = say("sweep", *LINE.split(), "--eval-size", "13", "--out", core, "--dry-run")
    assert said.code == 0
    assert "3 of 3 jobs differ from finished runs in their evaluation alone" in said.err
    assert "as just measured" not in said.err


def test_models_that_are_gone_damaged_or_of_other_code_are_trained(
    core: Path, whole: dict[str, JobOutcome], tmp_path: Path, say: Say
) -> None:
    out = shutil.copytree(core, tmp_path / "out")
    gone, broken, _ = sorted((out / "models").glob("*.pt"))
    gone.unlink()
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 1
    broken.write_bytes(content)
    said = say("sweep", *LINE.split(), "--eval-size", "12", "--solver", "lbfgs", "--out", out)
    assert said.code == 0
    assert "2 of 3 jobs differ" in said.err
    assert f"{broken.name} is damaged" in said.err
    assert "So this job is trained, not only evaluated." in " ".join(said.err.split())
    assert figures(outcomes(out, tuple(whole))) == figures(whole)
    assert broken.read_bytes() == content


def test_runs_that_other_code_trained_are_no_twins(core: Path, tmp_path: Path, say: Say) -> None:
    out = shutil.copytree(core, tmp_path / "out")
    with sqlite3.connect(out / "results.db") as connection:
        for row, detail in connection.execute("SELECT id, detail FROM environments").fetchall():
            other = json.dumps({**json.loads(detail), "training_code": "0" * 16})
            connection.execute("UPDATE environments SET detail = ? WHERE id = ?", [other, row])
    connection.close()
    said = say("sweep", *LINE.split(), "--eval-size", "12", "--out", out, "--dry-run")
    assert (said.code, "differ from" in said.err) == (0, False)
    assert "as just measured" in said.err
