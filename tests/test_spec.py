"""Specs: what expands to what, what the key depends on, and what is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import pickle
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.asked import jobs_of
from vaebench.errors import UsageError
from vaebench.spec import JobSpec, Setting


def job(**changes: object) -> JobSpec:
    values = {"model": "betavae_h", "parameters": {"beta": 1.0}, "seed": 0, **changes}
    return JobSpec(**values)  # type: ignore[arg-type]


def test_grid_is_models_times_betas_times_seeds() -> None:
    jobs = jobs_of("cvae", "betavae_h", seeds=(0, 1, 2), betas=(0.5, 1, 3, 10))
    assert len(jobs) == 2 * 4 * 3
    cells = {(j.model, j.parameters["beta"], j.seed) for j in jobs}
    assert len(cells) == len(jobs)
    assert [j.seed for j in jobs] == [seed for seed in (0, 1, 2) for _ in range(8)]


def test_model_without_beta_is_trained_once_per_seed() -> None:
    jobs = jobs_of("vae", "ae", "betavae_b", seeds=(0, 1), betas=(1, 2, 3))
    assert len(jobs) == 3 * 2


def test_set_wins_over_betas_and_takes_aliases() -> None:
    sweep = jobs_of(
        "betavae_h",
        "annealedvae",
        seeds=(0,),
        betas=(1, 2, 3),
        grid={"betavae_h": {"beta": (7.0,)}, "annealedvae": {"c_max": (5.0, 10.0)}},
    )
    found = [(j.model, j.strength) for j in sweep]
    assert found == [("betavae_h", 7.0), ("betavae_b", 5.0), ("betavae_b", 10.0)]


def test_capacity_grows_over_the_whole_run_unless_told() -> None:
    (default,) = jobs_of("betavae_b", setting=Setting(steps=321), seeds=(0,))
    assert default.parameters["c_steps"] == 321


def test_repeated_jobs_are_one_job() -> None:
    jobs = jobs_of("vae", "vae", seeds=(0, 0, 1))
    assert len(jobs) == 2


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(Setting)])
def test_every_field_changes_the_key(name: str) -> None:
    other = {
        "dataset": "mnist",
        "network": "burgess",
        "likelihood": "gaussian",
        "initialisation": "torch",
        "precision": "bf16",
        "scores": "all",
        "dci": "reference",
        "solver": "lbfgs",
    }
    value = other[name] if name in other else (getattr(Setting(), name) or 0) + 11
    extra = {"fold": 3} if name == "folds" else {}
    assert job(**{name: value, **extra}).key != job().key


def test_folds_are_replicates_of_a_cell() -> None:
    setting = Setting(folds=3)
    jobs = jobs_of("vae", setting=setting, seeds=(0, 1))
    assert [(j.seed, j.fold) for j in jobs] == [(s, f) for s in (0, 1) for f in range(3)]
    assert len({j.key for j in jobs}) == 6
    assert len({j.cell for j in jobs}) == len({j.setting for j in jobs}) == 1
    assert "fold" not in job().to_dict()
    for fold, folds in ((3, 3), (None, 3), (0, None)):
        with pytest.raises(UsageError, match="fold"):
            job(fold=fold, folds=folds)


def test_key_is_the_same_in_another_process_and_after_json() -> None:
    code = (
        "from vaebench.spec import JobSpec;"
        "print(JobSpec(model='betavae_h', parameters={'beta': 1}, seed=0).key)"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == job().key
    assert JobSpec.from_dict(json.loads(job().to_json())) == job()
    assert pickle.loads(pickle.dumps(job())) == job()


RELEASED = sorted((Path(__file__).parent.parent / "results").glob("*/results.db"))


@pytest.mark.parametrize("file", RELEASED, ids=lambda file: file.parent.name)
def test_stored_jobs_have_the_keys_and_strengths_that_they_were_stored_with(file: Path) -> None:
    database = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    columns = "job_key, cell, setting, strength_name, strength, spec"
    rows = database.execute(f"select {columns} from jobs").fetchall()
    database.close()
    assert rows
    for row in rows:
        found = JobSpec.from_dict(json.loads(row[-1]))
        strength = found.strength_name, found.strength
        assert (found.key, found.cell, found.setting, *strength, found.to_json()) == row


def test_cell_ignores_the_seed_and_setting_the_model_too() -> None:
    assert job(seed=1).cell == job().cell
    assert job(parameters={"beta": 2.0}).cell != job().cell
    assert job(model="vae", parameters={}).setting == job().setting
    assert job(steps=5).setting != job().setting


def test_warmup_does_not_make_another_job_of_a_model_without_beta() -> None:
    plain = job(model="ae", parameters={})
    assert job(model="ae", parameters={}, warmup_steps=9).key == plain.key


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_bad_numbers_are_refused_with_the_value_seen(value: float) -> None:
    with pytest.raises(UsageError, match=str(value)):
        job(parameters={"beta": value})
    with pytest.raises(UsageError, match="--lr"):
        job(learning_rate=value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "betavae"}, "Did you mean 'betavae_h'"),
        ({"steps": 0}, "--steps is 0"),
        ({"batch_size": -3}, "--batch-size is -3"),
        ({"network": "locatelo"}, "Did you mean 'locatello'"),
        ({"likelihood": "poisson"}, "Unknown likelihood 'poisson'"),
        ({"eval_size": 3}, "10 or more"),
        ({"parameters": {"gamma": 1.0}}, "must have"),
    ],
)
def test_refusals_say_what_is_allowed(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        job(**changes)


def test_a_variant_is_chosen_by_0_or_1() -> None:
    for value in (0, 1):
        sweep = jobs_of("btcvae", seeds=(0,), grid={"btcvae": {"stratified": (value,)}})
        assert len(sweep) == 1
    with pytest.raises(UsageError, match=r"btcvae.stratified is 2: it must be 0 or 1"):
        jobs_of("btcvae", seeds=(0,), grid={"btcvae": {"stratified": (2.0,)}})


def test_set_of_an_absent_model_or_parameter_is_refused() -> None:
    with pytest.raises(UsageError, match="not among --models"):
        jobs_of("vae", seeds=(0,), grid={"cvae": {"beta": (1.0,)}})
    with pytest.raises(UsageError, match="has no parameter 'beta'"):
        jobs_of("vae", seeds=(0,), grid={"vae": {"beta": (1.0,)}})


def test_names_of_spec_and_of_the_rooms_agree() -> None:
    from vaebench.models.likelihoods import LIKELIHOODS
    from vaebench.spec import LIKELIHOODS as SPEC_LIKELIHOODS

    assert set(LIKELIHOODS) == set(SPEC_LIKELIHOODS)


def test_a_job_has_its_models_own_name() -> None:
    with pytest.raises(UsageError, match="'annealedvae' must name it 'betavae_b'"):
        job(model="annealedvae", parameters={"c_max": 1.0, "gamma": 1.0, "c_steps": 1.0})


def test_a_variant_is_named_by_what_is_not_the_default() -> None:
    sweep = jobs_of("btcvae", seeds=(0,), grid={"btcvae": {"stratified": (0, 1)}})
    assert [job.strength_text for job in sweep] == ["beta=6", "beta=6 stratified=1"]
    assert sweep[1].label == "btcvae beta=6 stratified=1 seed 0"
    annealed = jobs_of("annealedvae", seeds=(0,))
    assert annealed[0].strength_text == "c_max=25"  # C grows for as long as the run
    grid = {"annealedvae": {"c_steps": (10,), "gamma": (5,)}}
    shorter = jobs_of("annealedvae", seeds=(0,), grid=grid)
    assert shorter[0].strength_text == "c_max=25 gamma=5 c_steps=10"
    assert jobs_of("vae", seeds=(3,))[0].label == "vae seed 3"


def test_a_key_is_hashed_once_and_leaves_equality_and_copies_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed = 0
    sha256 = hashlib.sha256

    def counted(text: bytes) -> Any:
        nonlocal hashed
        hashed += 1
        return sha256(text)

    monkeypatch.setattr(hashlib, "sha256", counted)
    one, other = job(), job()
    assert {one.key for _ in range(5)} == {sha256(one.to_json().encode()).hexdigest()[:16]}
    assert {one, one} == {one}
    assert hashed == 1
    assert one == other
    assert pickle.loads(pickle.dumps(one)) == other
    assert dataclasses.replace(one, seed=7).key == job(seed=7).key != one.key
    assert "key" not in one.to_dict()


def test_a_sibling_is_the_job_built_anew_and_is_checked_as_well() -> None:
    one = job(folds=3, fold=0)
    assert {one.key, one.cell, one.setting}
    for seed, fold in ((0, 0), (0, 2), (5, 1)):
        twin, built = one.sibling(seed, fold), job(folds=3, fold=fold, seed=seed)
        assert (twin, twin.key, twin.cell, twin.setting) == (
            built,
            built.key,
            built.cell,
            built.setting,
        )
        assert pickle.loads(pickle.dumps(twin)) == built
    for seed, fold in ((-1, 0), (2**63, 0), (0, 3), (0, None)):
        with pytest.raises(UsageError):
            one.sibling(seed, fold)
