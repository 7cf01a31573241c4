"""Checkpoints, models and databases: damaged copies of real ones are read or refused."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.conftest import COMMAND, finished, specs
from tests.properties.inputs import answers, command, damaged
from vaebench.networks.vae import VAE
from vaebench.saved import load_model
from vaebench.spec import JobSpec
from vaebench.store import Store
from vaebench.training import build_model, read_tensors, write_tensors

SPEC = JobSpec(model="vae", parameters={}, seed=0, network="mlp", latent_dim=2, dataset="mnist")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored")


def model() -> VAE:
    """A model with hardly a weight."""
    return build_model(SPEC, (1, 2, 2), 0)


def written(*, sealed: bool) -> bytes:
    """A model file as this version writes it, or without its seal, as older ones did."""
    values = {
        "job": SPEC.to_json(),
        "shape": [1, 2, 2],
        "labels": 0,
        "model": {"w": torch.arange(6.0).reshape(2, 3), "n": torch.tensor([1, 2])},
    }
    buffer = io.BytesIO()
    torch.save(values, buffer)
    if not sealed:
        return buffer.getvalue()
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        write_tensors(Path(place) / "x.pt", values)
        return (Path(place) / "x.pt").read_bytes()


SEALED, BARE = written(sealed=True), written(sealed=False)


@given(st.one_of(damaged(SEALED), damaged(BARE), st.binary(max_size=300)))
def test_tensors(folder: Path, content: bytes) -> None:
    path = folder / "x.pt"
    path.write_bytes(content)
    answers(lambda: read_tensors(path))
    answers(lambda: load_model(path))


@given(st.one_of(damaged(zipfile.ZipFile(io.BytesIO(BARE)).read("archive/data.pkl"))))
def test_pickles_in_a_whole_archive(folder: Path, content: bytes) -> None:
    """What is no tensor and no plain value is not run, whatever the pickle says."""
    path = folder / "x.pt"
    with zipfile.ZipFile(io.BytesIO(BARE)) as whole, zipfile.ZipFile(path, "w") as copy:
        for name in whole.namelist():
            inside = content if name.endswith("data.pkl") else whole.read(name)
            copy.writestr(name, inside)
    answers(lambda: read_tensors(path))
    answers(lambda: load_model(path))


VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    st.one_of(
        VALUES,
        st.fixed_dictionaries(
            {
                "job": st.one_of(st.just(SPEC.to_json()), VALUES),
                "shape": st.one_of(st.lists(st.integers(-1, 6), max_size=4), VALUES),
                "labels": st.one_of(st.integers(-1, 3), VALUES),
                "model": VALUES,
            }
        ),
    )
)
def test_models_of_any_values(folder: Path, values: object) -> None:
    path = folder / "x.pt"
    torch.save(values, path)
    answers(lambda: load_model(path))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small database with a run of each state."""
    path = tmp_path_factory.mktemp("database") / "results.db"
    with Store(path) as store:
        sweep = store.add_sweep(specs(), COMMAND).sweep_id
        for mig in (0.1, 0.2):
            claim = store.claim(sweep)
            assert claim is not None
            store.complete(claim, finished(claim.spec, mig))
        store.claim(sweep)
    return path


LOOKS = (
    ("status",),
    ("runs",),
    ("runs", "--sort", "-mig", "--format", "json"),
    ("show", "KEY"),
    ("show", "KEY", "--json"),
    ("diff", "KEY", "OTHER"),
    ("export", "--table", "jobs"),
    ("export", "--table", "scores", "--format", "json"),
    ("retry", "--all"),
)
PROFILE = settings.get_profile(settings.get_current_profile_name())


@given(st.data())
def test_databases(folder: Path, database: Path, data: st.DataObject) -> None:
    path = folder / "damaged.db"
    whole = database.read_bytes()
    content = data.draw(st.one_of(damaged(whole), damaged(whole), st.binary(max_size=300)))
    if data.draw(st.booleans()):  # a page's beginning decides what is in it
        page = data.draw(st.integers(0, len(whole) // 4096 - 1)) * 4096
        start = data.draw(damaged(whole[page : page + 200]))
        content = whole[:page] + start[:200].ljust(200, b"\0") + whole[page + 200 :]
    keys = [spec.key for spec in specs()]
    for words in data.draw(st.lists(st.sampled_from(LOOKS), min_size=1, max_size=2)):
        for leftover in folder.glob("damaged.db*"):
            leftover.unlink()
        path.write_bytes(content)
        named = {"KEY": keys[0], "OTHER": keys[1]}
        command(*(named.get(word, word) for word in words), "--db", str(path))


@settings(max_examples=max(5, PROFILE.max_examples // 20))
@given(st.data())
def test_reports_and_sweeps_of_databases(folder: Path, database: Path, data: st.DataObject) -> None:
    path = folder / "damaged.db"
    for leftover in folder.glob("damaged.db*"):
        leftover.unlink()
    path.write_bytes(data.draw(damaged(database.read_bytes())))
    shutil.rmtree(folder / "report", ignore_errors=True)
    command("report", "--db", str(path), "--out", str(folder / "report"))
