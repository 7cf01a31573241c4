"""Every option of every command that reads one: any text is taken, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import COMMAND, finished, specs
from tests.properties.inputs import answers, command, some
from vaebench import lists
from vaebench.spec import JobSpec
from vaebench.store import Store
from vaebench.study_files import load_study, study_names
from vaebench.sweeping.planning import plan

NUMBERS = some("0.5,1,3", "1", "0", "1e-3", "100000")
SEEDS = some("5", "0,3,7", "0-9", "7,", "0-9,20-29", "99999")
MODELS = some("vae", "cvae,betavae_h", "annealedvae", "ae", "btcvae,factorvae,dipvae_i")
GRID = some("btcvae.alpha=1,2", "betavae_b.c_max=5,25", "factorvae.halves=1", "vae.x=1")
DATASETS = some("dsprites", "mnist,fashion-mnist", "npz:none.npz", "folder:none", "shapes3d")
WHOLE = some("1", "64", "1000", "0")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small database."""
    folder = tmp_path_factory.mktemp("options")
    with Store(folder / "results.db") as store:
        sweep = store.add_sweep(specs(), COMMAND).sweep_id
        for mig in (0.1, 0.2):
            claim = store.claim(sweep)
            assert claim is not None
            store.complete(claim, finished(claim.spec, mig))
    return folder


@given(NUMBERS)
def test_numbers(text: str) -> None:
    answers(lambda: lists.numbers("--betas", text))


@given(SEEDS)
def test_seeds(text: str) -> None:
    def read() -> None:
        found = lists.seeds(text)
        assert 0 < len(found) <= lists.MAX_SEEDS
        assert len(set(found)) == len(found)
        assert all(0 <= seed < 2**63 for seed in found)

    answers(read)


@given(st.lists(GRID, max_size=3))
def test_grids(texts: list[str]) -> None:
    answers(lambda: lists.grid(texts))


SETTING = {
    "steps": st.integers(-1, 2**60),
    "batch_size": st.one_of(st.integers(-1, 2**60), st.floats()),
    "learning_rate": st.one_of(st.floats(), st.integers(), some("1e-3")),
    "weight_decay": st.floats(),
    "latent_dim": st.integers(),
    "network": some("mlp", "burgess"),
    "likelihood": some("bernoulli"),
    "warmup_steps": st.integers(),
    "initialisation": some("torch"),
    "eval_size": st.integers(),
    "scores": some("core", "all"),
    "dci": some("reference"),
    "solver": some("lbfgs"),
}


@given(
    study=st.sampled_from(study_names()),
    models=MODELS,
    betas=st.lists(st.floats(), max_size=3),
    grid=GRID,
    seeds=st.one_of(st.none(), some("2", "7,", "0,3", "99999")),
    datasets=DATASETS,
    folds=st.one_of(st.none(), st.integers(-1, 6), st.integers()),
    epochs=st.one_of(st.none(), st.floats(), st.integers()),
    setting=st.fixed_dictionaries({}, optional=SETTING),
)
def test_plans(
    study: str,
    models: str,
    betas: list[float],
    grid: str,
    seeds: str | None,
    datasets: str,
    folds: int | None,
    epochs: float | None,
    setting: dict[str, object],
) -> None:
    def read() -> None:
        lengths = {} if epochs is None else {"epochs": epochs}
        request = load_study(study).over(
            models=lists.names(models),
            betas=tuple(betas),
            grid=lists.grid([grid]),
            seeds=None if seeds is None else lists.seeds(seeds),
            datasets=lists.names(datasets),
            folds=folds,
            setting={**setting, **lengths},
        )
        for job in plan(request, None, "fp32")[:50]:
            assert JobSpec.from_dict(job.to_dict()) == job

    answers(read)


OPTIONS = {
    "--model": MODELS,
    "--dataset": DATASETS,
    "--state": some("complete", "failed,pending"),
    "--seed": some("0,3", "1"),
    "--strength": NUMBERS,
    "--beta": NUMBERS,
    "--sort": some("-mig", "mig", "wall", "--mig", "seed", "finished_at", "parameters"),
    "--limit": WHOLE,
    "--format": some("csv", "json", "table"),
}


@given(st.dictionaries(st.sampled_from(list(OPTIONS)), st.integers(0, 0)), st.data())
def test_runs(place: Path, chosen: dict[str, int], data: st.DataObject) -> None:
    words = [word for name in chosen for word in (name, data.draw(OPTIONS[name]))]
    command("runs", "--db", str(place / "results.db"), *words)


@given(
    st.sampled_from(
        [
            ("show", "WORD"),
            ("show", "WORD", "--json"),
            ("diff", "WORD", "WORD"),
            ("diff", "0", "WORD"),
            ("retry", "WORD"),
            ("reproduce", "WORD"),
            ("export", "--table", "WORD"),
            ("export", "--format", "WORD"),
            ("status", "WORD"),
            ("WORD", "--help"),
            ("WORD",),
        ]
    ),
    some("0", "ab", "results", "csv", "status", "jobs"),
)
def test_words_that_name_runs_tables_and_commands(
    place: Path, words: tuple[str, ...], text: str
) -> None:
    said = [text if word == "WORD" else word for word in words]
    if words[0] != "WORD":
        said += ["--db", str(place / "results.db")]
    command(*said)


@given(
    st.sampled_from(
        [
            ("status", "--db", "WORD"),
            ("runs", "--db", "WORD"),
            ("studies", "WORD"),
            ("studies", "WORD.toml"),
            ("sweep", "--dry-run", "--study", "WORD"),
            ("data", "check", "WORD", "--data-dir", "none"),
            ("data", "show", "npz:WORD", "--data-dir", "none"),
            ("data", "show", "folder:WORD", "--data-dir", "none"),
            ("data", "show", "mnist", "--data-dir", "WORD"),
            ("data", "check", "mnist", "--data-dir", "WORD"),
            ("sweep", "--dry-run", "--dataset", "npz:WORD"),
            ("sweep", "--dry-run", "--seeds", "0", "--db", "WORD"),
            ("sweep", "--dry-run", "--device", "WORD", "--seeds", "x"),
            ("sweep", "--dry-run", "--steps", "WORD", "--seeds", "x"),
            ("sweep", "--dry-run", "--lr", "WORD", "--seeds", "x"),
            ("sweep", "--dry-run", "--workers", "WORD", "--seeds", "x"),
        ]
    ),
    some("none", "results.db", "a.npz", "~", "~root/none", "postgresql://nobody@localhost:1/none"),
)
def test_paths(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch_module: pytest.MonkeyPatch,
    words: tuple[str, ...],
    text: str,
) -> None:
    monkeypatch_module.chdir(tmp_path_factory.getbasetemp())
    command(*(word.replace("WORD", text) for word in words))


@pytest.fixture(scope="module")
def monkeypatch_module(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("VAEBENCH_DB", raising=False)
        patch.delenv("VAEBENCH_DATA", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield patch
