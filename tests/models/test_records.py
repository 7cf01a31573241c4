"""Records of models: names, hyperparameters and checks, and that the documentation has them."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import pytest

from vaebench.errors import UsageError
from vaebench.models import MODELS, find_model, find_parameter, known_model, model_names
from vaebench.records import Model, Parameter
from vaebench.spec import JobSpec

DOCS = (Path(__file__).parent.parent.parent / "docs" / "models.md").read_text(encoding="utf-8")
EACH = pytest.mark.parametrize("model", MODELS, ids=model_names())


def test_every_name_finds_one_model_and_no_other_does() -> None:
    names = [name for model in MODELS for name in (model.name, *model.aliases)]
    assert len(set(names)) == len(names)
    for model in MODELS:
        for name in (model.name, *model.aliases):
            assert find_model(name) is known_model(name) is model
    assert find_model("annealedvae").name == "betavae_b"
    assert known_model("betavae") is None
    with pytest.raises(UsageError, match=r"Unknown model 'betavae'.*annealedvae.*'betavae_h'\?"):
        find_model("betavae")


@EACH
def test_a_models_own_hyperparameters_are_checked_where_they_are_declared(model: Model) -> None:
    values = model.defaults(steps=7)
    model.check(values)
    assert model.strength is None or model.has(model.strength)
    assert all(each.default == 0 for each in model.parameters if each.switch)
    for each in model.parameters:
        with pytest.raises(UsageError, match=rf"{model.name}\.{each.name} is nan"):
            model.check({**values, each.name: math.nan})
    with pytest.raises(UsageError, match="it must have"):
        model.check({**values, "another": 1.0})


def test_what_a_hyperparameter_refuses_is_said_with_the_value_seen() -> None:
    find_model("betavae_b").check({"c_max": 0, "gamma": 0, "c_steps": 1})
    with pytest.raises(UsageError, match=r"betavae_b.c_steps is 0: .* above 0"):
        find_model("betavae_b").check({"c_max": 1, "gamma": 1, "c_steps": 0})
    with pytest.raises(UsageError, match=r"factorvae.halves is 0.5: it must be 0 or 1"):
        find_model("factorvae").check({"gamma": 1, "halves": 0.5})


@EACH
def test_a_hyperparameter_of_one_name_is_written_alike_in_every_model(model: Model) -> None:
    for each in model.parameters:
        other = find_parameter(each.name)
        assert other is not None
        assert (each.symbol, each.unit) == (other.symbol, other.unit)
    assert find_parameter("nobody_knows") is None


@EACH
def test_a_job_at_the_defaults_is_a_job(model: Model) -> None:
    job = JobSpec(model=model.name, parameters=model.defaults(steps=1000), seed=0)
    assert job.unusual == {}
    assert job.strength_name == model.strength


def test_a_record_stays_what_it_is() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        find_model("vae").colour = "#000000"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Parameter("beta", 1.0).default = 2.0  # type: ignore[misc]


@EACH
def test_the_documentation_has_the_model_its_source_and_its_defaults(model: Model) -> None:
    table = DOCS.partition("\n## ")[0]
    (row,) = re.findall(rf"^\| `{model.name}`.*$", table, re.MULTILINE)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert all(f"`{alias}`" in cells[0] for alias in model.aliases)
    assert cells[1] == model.source.citation
    strength, others = re.findall(r"`(\w+)` ([\w ]+)", cells[2]), cells[3]
    found = {
        name: value.strip() for name, value in strength + re.findall(r"`(\w+)` ([^,]+)", others)
    }
    expected = {
        each.name: "the run" if each.default is None else f"{each.default:g}"
        for each in model.parameters
    }
    assert found == expected
    assert [name for name, _ in strength] == [model.strength] * (model.strength is not None)
    assert model.source.link in DOCS
    assert re.search(rf"^## .*`{model.name}`", DOCS, re.MULTILINE)
