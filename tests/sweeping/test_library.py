"""`import vaebench`: sweeps from a script and a thread, and what comes back as NumPy."""

from __future__ import annotations

import doctest
import importlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import vaebench
from tests.conftest import PATIENCE
from vaebench.errors import DataError, UsageError
from vaebench.sweeping import library

TINY: dict[str, Any] = {"network": "mlp", "eval_size": 10, "progress": False}
PUBLIC = (
    "vaebench.sweeping.library",
    "vaebench.sweeping.evaluating",
    "vaebench.sweeping.reproducing",
    "vaebench.sweeping.stored",
    "vaebench.frames",
    "vaebench.trained",
    "vaebench.figures",
)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> vaebench.SweepResult:
    place = tmp_path_factory.mktemp("swept")
    return vaebench.sweep(["vae", "betavae_h"], [1, 4], seeds=1, steps=2, out=place, **TINY)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> vaebench.SweepResult:
    """Of 28-pixel images for a network of 32, and with labels."""
    place = tmp_path_factory.mktemp("conditional")
    return vaebench.sweep(
        ["cvae"],
        seeds=[3],
        dataset="fashion-mnist",
        data_dir=Path(__file__).parents[3] / "shared" / "data",
        steps=2,
        out=place,
        eval_size=10,
        progress=False,
    )


def test_import_is_instant_and_complete() -> None:
    heavy = "{'torch', 'pandas', 'numpy', 'sqlalchemy', 'typer', 'matplotlib'}"
    code = (
        "import sys, vaebench\n"
        f"assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)\n"
        "assert set(vaebench.__all__) <= set(dir(vaebench))\n"
        "print(all(getattr(vaebench, name) is not None for name in vaebench.__all__))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        vaebench.swep  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_function_has_an_example_that_is_true(
    name: str, swept: vaebench.SweepResult, tmp_path: Path
) -> None:
    module = importlib.import_module(name)
    names = {
        "folder": swept.out if name == "vaebench.trained" else tmp_path,
        "key": swept.keys[0],
        "db": swept.db,
        **{public: getattr(vaebench, public) for public in ("runs", "load_dataset")},
    }
    for public in vaebench.__all__:
        found = getattr(vaebench, public)
        if getattr(found, "__module__", "") == name and not isinstance(found, type | ModuleType):
            assert ">>>" in (found.__doc__ or ""), public
    result = doctest.testmod(module, extraglobs=names)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_result_is_its_own_runs_in_order(swept: vaebench.SweepResult) -> None:
    more = vaebench.sweep(
        ["betavae_h", "vae"], betas=[4, 1], seeds=[0], steps=2, out=swept.out, **TINY
    )
    assert list(more.runs["model"]) == ["betavae_h", "betavae_h", "vae"]
    assert list(more.runs["strength"])[:2] == [4.0, 1.0]
    assert list(swept.runs["strength"])[1:] == [1.0, 4.0]
    assert list(swept.runs["job_key"]) == list(swept.keys)
    assert set(vaebench.runs(swept.db)["job_key"]) == set(more.keys)
    assert more.counts == {"PENDING": 0, "RUNNING": 0, "COMPLETE": 3, "FAILED": 0}
    with sqlite3.connect(swept.db) as connection:
        wide = pd.read_sql("select * from results", connection)
        commands = [row[0] for row in connection.execute("select command from sweeps")]
    connection.close()
    assert set(wide.columns) <= set(more.runs.columns)
    assert commands[1] == (
        "vaebench sweep --models betavae_h,vae --betas 4,1 --seeds 0, --steps 2 --network mlp "
        f"--eval-size 10 --out {swept.out}"
    )


def test_a_command_does_what_the_call_does() -> None:
    call: dict[str, Any] = {
        "models": ["cvae", "betavae_b"],
        "grid": {"betavae_b": {"c_max": [5, 25]}},
        "seeds": 5,
        "dataset": "npz:a,b.npz",
        "betas": np.array([0.5, 4.0]),
        "lr": 1e-3,
        "renew": True,
        "progress": True,
        "out": "results",
    }
    assert library.as_command(call) == (
        "vaebench sweep --models cvae,betavae_b --set betavae_b.c_max=5,25 --seeds 5 "
        "--dataset npz:a,b.npz --betas 0.5,4.0 --lr 0.001 --renew"
    )


def test_arrays_go_in_and_out(swept: vaebench.SweepResult) -> None:
    model = vaebench.load_model(swept.out, swept.keys[0][:5])
    data = vaebench.load_dataset("dsprites")
    images = data.observations(np.arange(0, 600, 2))  # more than goes through at once
    codes = model.encode(images)
    mean, deviation = model.posterior(images / 255.0)
    assert codes.shape == (300, 10)
    assert np.allclose(mean, codes, atol=1e-5)
    assert (deviation > 0).all()
    pictures = model.decode(codes)
    assert pictures.dtype == np.float32
    assert 0 <= pictures.min() <= pictures.max() <= 1
    assert (model.reconstruct(images) == pictures).all()
    assert (model.sample(4) == model.sample(4, seed=0)).all()
    assert not (model.sample(4) == model.sample(4, seed=1)).all()
    tensor = model.module.decode(__import__("torch").from_numpy(codes[:1])).sigmoid()
    assert np.allclose(tensor.detach().numpy(), pictures[:1], atol=1e-6)


def test_smaller_images_get_their_margin_and_labels_are_asked_for(
    conditional: vaebench.SweepResult,
) -> None:
    model = vaebench.load_model(conditional.out / "models", conditional.keys[0])
    folder = Path(__file__).parents[3] / "shared" / "data"
    data = vaebench.load_dataset("fashion-mnist", folder)
    padded = vaebench.load_dataset("fashion-mnist", folder, 32)
    indices = np.arange(3)
    images, labels = data.observations(indices), data.labels(indices)
    assert images.shape[2:] == (28, 28)
    assert (
        model.encode(images, labels) == model.encode(padded.observations(indices), labels)
    ).all()
    again = model.reconstruct(images, labels)
    assert again.shape == images.shape
    assert (again == model.reconstruct(padded.observations(indices), labels)[..., 2:-2, 2:-2]).all()
    assert model.sample(2, 7).shape == (2, 1, 32, 32)
    with pytest.raises(DataError, match="conditional: give labels, whole numbers from 0 to 9"):
        model.encode(images)
    with pytest.raises(DataError, match="from 0 to 9"):
        model.sample(2, [1, 10])


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((2, 64, 64)), r"\[2, 64, 64\]: this model takes \[N, 1, 64, 64\]"),
        (np.zeros((2, 1, 65, 65)), "65×65: this model takes 64×64, or smaller"),
        (np.full((2, 1, 64, 64), 255.0), "float64, 255 to 255: give uint8 of 0 to 255, or float"),
        (np.full((2, 1, 64, 64), np.nan), "nan"),
    ],
)
def test_images_that_it_does_not_take_are_said(
    images: Any, said: str, swept: vaebench.SweepResult
) -> None:
    model = vaebench.load_model(swept.out, swept.keys[0])
    with pytest.raises(DataError, match=said):
        model.encode(images)


def test_wrong_calls_are_one_line(swept: vaebench.SweepResult, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No model given"):
        vaebench.sweep([], out=tmp_path)
    with pytest.raises(UsageError, match="'beta' is not a finite number"):
        vaebench.sweep("vae", ["beta"], out=tmp_path)  # type: ignore[list-item]
    with pytest.raises(UsageError, match="exclude each other"):
        vaebench.sweep("vae", steps=1, epochs=1, out=tmp_path)
    with pytest.raises(UsageError, match=r"no one model of key 'zz' among the \d+ in"):
        vaebench.load_model(swept.out, "zz")
    with pytest.raises(UsageError, match="Unknown figure 'strenghts'"):
        vaebench.figures.draw("strenghts", swept.runs)
    with pytest.raises(UsageError, match="too little for the figure variance_components"):
        vaebench.figures.variance_components(swept.runs)
    assert not any(tmp_path.iterdir())


def test_a_thread_sweeps(tmp_path: Path) -> None:
    found: list[vaebench.SweepResult] = []

    def work() -> None:
        found.append(vaebench.sweep("ae", seeds=1, steps=2, out=tmp_path, **TINY))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(300)
    assert found[0].counts["COMPLETE"] == 1


SCRIPT = """
import sys
import vaebench as vb
print("begun", flush=True)
result = vb.sweep("vae", seeds=1, steps=int(sys.argv[1]), checkpoint_every=0.3, out="out",
                  network="burgess", eval_size=10)
print(len(result.runs), "done", flush=True)
"""


def test_a_script_needs_no_guard_and_ctrl_c_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    words = [sys.executable, "script.py"]
    environment = {**os.environ, "PYTHONPATH": str(Path(vaebench.__file__).parents[1])}
    running = subprocess.Popen(
        [*words, "250"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + PATIENCE
    while not list((tmp_path / "out" / "checkpoints").glob("[!.]*.pt")):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    said, errors = running.communicate(timeout=PATIENCE)
    assert said == "begun\n"  # once: no worker has run the script
    assert running.returncode != 0
    assert "Stopping: what runs is being checkpointed." in errors
    assert "KeyboardInterrupt" in errors or "Stopped" in errors
    assert len(list((tmp_path / "out" / "checkpoints").glob("[!.]*.pt"))) == 1
    with sqlite3.connect(tmp_path / "out" / "results.db") as connection:
        assert connection.execute("select state from jobs").fetchall() == [("PENDING",)]
    connection.close()
    again = subprocess.run(
        [*words, "250"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert again.stdout == "begun\n1 done\n"
    assert again.stderr.count("jobs, ") < 20
