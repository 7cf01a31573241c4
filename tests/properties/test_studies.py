"""Study files: any TOML, and any text, is a study or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.inputs import WILD, answers, damaged
from vaebench.study_files import FOLDER, load_study
from vaebench.sweeping.planning import plan

SCALARS = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.text(max_size=10),
    st.sampled_from(["vae", "cvae", "btcvae", "dsprites", "mlp", "3", "0-9", "core", "2020-01-01"]),
    WILD,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    "steps epochs batch_size learning_rate weight_decay latent_dim network likelihood warmup_steps "
    "initialisation eval_size scores dci solver dataset precision folds".split()
)
SETTINGS = st.one_of(st.dictionaries(KEYS, VALUES, max_size=4), VALUES)
MODEL = st.one_of(
    st.fixed_dictionaries(
        {"name": st.one_of(st.sampled_from(["vae", "cvae", "btcvae", "betavae_b"]), VALUES)},
        optional={"beta": VALUES, "alpha": VALUES, "c_max": VALUES, "setting": SETTINGS},
    ),
    VALUES,
)
STUDIES = st.fixed_dictionaries(
    {"models": st.one_of(st.lists(MODEL, min_size=1, max_size=3), VALUES)},
    optional={
        "title": VALUES,
        "paper": VALUES,
        "datasets": st.one_of(st.just(["dsprites"]), st.just(["mnist"]), VALUES),
        "seeds": st.one_of(st.just("2"), VALUES),
        "folds": st.one_of(st.integers(-1, 5), VALUES),
        "setting": SETTINGS,
    },
)


def toml(value: Any) -> str:
    """Writes a value as TOML, all of it in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)} = {toml(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    return json.dumps(value).replace("\x7f", "\\u007f")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studies")


def read(folder: Path, content: bytes) -> None:
    """Loads a study file and plans its jobs."""
    path = folder / "mine.toml"
    path.write_bytes(content)
    answers(lambda: plan(load_study(str(path)), folder / "data", "fp32"))


@given(STUDIES)
def test_any_values(folder: Path, values: dict[str, Any]) -> None:
    lines = (f"{key} = {toml(value)}\n" for key, value in values.items())
    read(folder, "".join(lines).encode("utf-8", "replace"))


@given(st.sampled_from(sorted(FOLDER.glob("*.toml"))).flatmap(lambda f: damaged(f.read_bytes())))
def test_damaged_studies(folder: Path, content: bytes) -> None:
    read(folder, content)


TEXTS = st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))


@given(st.one_of(st.binary(max_size=200), TEXTS))
def test_any_bytes(folder: Path, content: bytes) -> None:
    read(folder, content)


@given(st.integers(1, 3000), st.sampled_from(["[", "{a=", "[{b=", "a."]))
def test_any_depth(folder: Path, depth: int, opening: str) -> None:
    closing = {"[": "]", "{a=": "}", "[{b=": "}]", "a.": "b = 1"}[opening]
    start = "" if opening == "a." else "title = "
    read(folder, (start + opening * depth + "1" * (opening != "a.") + closing * depth).encode())
