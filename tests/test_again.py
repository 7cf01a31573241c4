"""Runs trained again: by changed code, renewed in whole, and for models that went missing."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import pytest
import torch

from tests.conftest import CommandLine
from tests.test_sweep_processes import figures, query
from vaebench.training import read_tensors

ROOT = Path(__file__).parent.parent
SWEEP = (
    "sweep --models vae --seeds 2 --steps 6 --batch-size 2 --network burgess --latent-dim 2 "
    "--eval-size 10 --workers 1 --precision fp32"
).split()
OTHER = "2 of 2 finished runs were made by other code of vaebench"


@pytest.fixture
def package(cli: CommandLine, tmp_path: Path) -> Path:
    """A copy of the package, which the command line runs."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "vaebench", tmp_path / "code" / "vaebench", ignore=ignored)
    cli.environment |= {"PYTHONPATH": str(tmp_path / "code"), "PYTHONDONTWRITEBYTECODE": "1"}
    return tmp_path / "code" / "vaebench"


def model_files(folder: Path) -> dict[str, Path]:
    return {file.stem: file for file in (folder / "results" / "models").glob("*.pt")}


def same_weights(one: Path, other: Path) -> bool:
    left, right = read_tensors(one), read_tensors(other)
    assert left is not None
    assert right is not None
    return all(torch.equal(left["model"][name], right["model"][name]) for name in left["model"])


def test_runs_of_changed_code_are_said_and_renewed_in_whole(
    cli: CommandLine, package: Path, tmp_path: Path
) -> None:
    assert "other code" not in cli.run(*SWEEP).stderr
    status = package / "cli" / "status.py"
    status.write_text(status.read_text() + "\n# what is shown decides no figure\n")
    assert "other code" not in cli.run(*SWEEP).stderr
    before = figures(cli.folder)
    objective = package / "models" / "beta_vae.py"
    text = objective.read_text()
    changed = text.replace("return terms.reconstruction.mean() + beta *", "return 2 * beta *")
    assert changed != text
    objective.write_text(changed)
    again = cli.run(*SWEEP)
    assert again.stderr.count("done  ") == 0
    assert f"To train them again: vaebench {' '.join(SWEEP)} --renew" in again.stderr
    assert OTHER in again.stderr
    assert OTHER in cli.run("status").stdout
    assert OTHER in cli.run("report").stderr
    assert OTHER in (cli.folder / "results" / "report" / "index.html").read_text()
    assert figures(cli.folder) == before

    process = cli.start(*SWEEP, "--renew", "--checkpoint-every", "0")
    until = time.monotonic() + 300
    while not list((cli.folder / "results" / "again").glob("*/checkpoints/[!.]*.pt")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert figures(cli.folder)[0] == before[0]  # the old figures stay until the new are whole

    renewed = cli.run(*SWEEP, "--renew")
    assert "other code of vaebench than" not in renewed.stderr
    assert not (cli.folder / "results" / "again").exists()
    fresh = CommandLine(tmp_path / "fresh")
    fresh.folder.mkdir()
    fresh.environment = cli.environment
    fresh.run(*SWEEP)
    assert figures(cli.folder) == figures(fresh.folder)
    assert figures(cli.folder)[0] != before[0]
    ours, theirs = model_files(cli.folder), model_files(fresh.folder)
    assert len(ours) == 2
    assert all(same_weights(ours[key], theirs[key]) for key in theirs)
    assert "other code" not in cli.run("status").stdout


def test_a_model_that_went_missing_or_bad_is_said_and_brought_back(cli: CommandLine) -> None:
    assert "no trained model" not in cli.run(*SWEEP).stderr
    (first, kept), (second, other) = sorted(model_files(cli.folder).items())
    copy = cli.folder / "copy.pt"
    shutil.copy(kept, copy)
    kept.unlink()
    said = cli.run(*SWEEP).stderr
    assert "1 of 2 finished runs has no trained model in results/models" in said
    assert said.count("done  ") == 0
    assert "vaebench reproduce --restore --all" in said
    damaged = bytearray(other.read_bytes())
    damaged[len(damaged) // 2] ^= 8
    other.write_bytes(damaged)
    back = cli.run("reproduce", "--restore", "--all")
    assert "2 of 2 models are back" in back.stderr
    assert same_weights(kept, copy)
    assert other.with_name(f"{second}.pt.aside").read_bytes() == damaged
    assert read_tensors(other) is not None
    assert "nothing to restore" in cli.run("reproduce", "--restore", first[:8]).stderr
    assert not (cli.folder / "results" / "again").exists()

    kept.unlink()
    with sqlite3.connect(cli.folder / "results" / "results.db") as base:
        base.execute("UPDATE scores SET value = value + 1e-12 WHERE name = 'elbo'")
    base.close()
    refused = cli.run("reproduce", first[:8], "--restore", code=1)
    assert "came out otherwise; its new model is not kept" in refused.stderr
    assert "figures differ" in refused.stdout
    assert not kept.exists()
    assert query(cli.folder, "SELECT count(*) FROM jobs WHERE state = 'COMPLETE'") == [(2,)]
