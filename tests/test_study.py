"""Studies: the published numbers of trainings, and clear lines for files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Say, say  # noqa: F401 - a fixture
from vaebench.errors import UsageError
from vaebench.models import MODELS, find_model
from vaebench.study_files import load_study, study_names
from vaebench.sweeping.planning import plan


def test_unsupervised_v1_is_the_published_grid() -> None:
    """Locatello et al. 2019, section 5.1 and table 2 of the appendix."""
    jobs = plan(load_study("unsupervised-v1"), None, "fp32")
    assert len(jobs) == 12_600
    assert len({job.key for job in jobs}) == 12_600
    assert len({job.dataset for job in jobs}) == 7
    assert len({job.model for job in jobs}) == 6
    assert len({job.cell for job in jobs}) == 7 * 6 * 6
    assert {job.seed for job in jobs} == set(range(50))
    shared = {(j.steps, j.batch_size, j.latent_dim, j.learning_rate, j.eval_size) for j in jobs}
    assert shared == {(300_000, 64, 10, 1e-4, 10_000)}
    strengths = {
        model: sorted({j.strength for j in jobs if j.model == model and j.strength is not None})
        for model in {j.model for j in jobs}
    }
    assert strengths == {
        "betavae_h": [1, 2, 4, 6, 8, 16],
        "betavae_b": [5, 10, 25, 50, 75, 100],
        "factorvae": [10, 20, 30, 40, 50, 100],
        "dipvae_i": [1, 2, 5, 10, 20, 50],
        "dipvae_ii": [1, 2, 5, 10, 20, 50],
        "btcvae": [1, 2, 4, 6, 8, 10],
    }


def test_a_slice_by_options() -> None:
    request = load_study("unsupervised-v1").over(
        models=("annealedvae", "btcvae"),
        datasets=("dsprites",),
        seeds=tuple(range(5)),
        betas=(3.0,),
        setting={"steps": 3000},
    )
    jobs = plan(request, None, "fp32")
    assert len(jobs) == 5 * (6 + 1)
    assert {job.steps for job in jobs} == {3000}
    assert {job.strength for job in jobs if job.model == "btcvae"} == {3.0}
    assert {job.parameters["c_steps"] for job in jobs if job.model == "betavae_b"} == {100_000}


@pytest.mark.parametrize("name", study_names())
def test_every_study_is_whole(name: str) -> None:
    study = load_study(name)
    assert study.title
    assert study.paper
    assert all(find_model(entry.model) in MODELS for entry in study.entries)


def test_a_study_of_the_users_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'datasets = ["dsprites"]\nseeds = "0,4"\nfolds = 2\n'
        "[setting]\nepochs = 0.5\nbatch_size = 100\n"
        '[[models]]\nname = "betavae_h"\nbeta = [1, 2]\n[models.setting]\nnetwork = "mlp"\n'
        '[[models]]\nname = "vae"\n'
    )
    jobs = plan(load_study(str(file)), None, "fp32")
    assert len(jobs) == 2 * 2 * (2 + 1)
    assert {job.steps for job in jobs} == {1844}  # half of 737,280 / 2 images, 100 at a time
    assert {(job.model, job.network) for job in jobs} == {
        ("betavae_h", "mlp"),
        ("vae", "locatello"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seedz = 3\n[[models]]\nname='vae'", "Unknown key 'seedz'.*Did you mean 'seeds'"),
        ("[setting]\nstep = 3\n[[models]]\nname='vae'", "Unknown key of the setting 'step'"),
        ("[[models]]\nname='vae'\nbeta=3", "Unknown key of model 'vae' 'beta'"),
        ("[[models]]\nname='betavae_h'\nbeta='x'", "betavae_h.beta is 'x'"),
        ("[[models]]\nname='betavae'", "Did you mean 'betavae_h'"),
        ("[[models]]\nbeta=3", "needs a name"),
        ("seeds = '3'", "has no"),
        ("a = = 3", "is not TOML"),
        ("[setting]\nnetwork=5\n[[models]]\nname='vae'", r"bad.toml: Unknown network 5"),
        ("[setting]\nscores=true\n[[models]]\nname='vae'", "bad.toml: Unknown choice.*True"),
        ("[setting]\nlearning_rate=true\n[[models]]\nname='vae'", "--lr is True"),
        ("[setting]\nepochs=true\n[[models]]\nname='vae'", "epochs is True"),
        ("[setting]\nepochs='1'\n[[models]]\nname='vae'", "epochs is '1'"),
        ("[setting]\nsteps=1\nepochs=1\n[[models]]\nname='vae'", "both steps and epochs"),
        ("[[models]]\nname='vae'\n[models.setting]\nwarmup_steps=-3", "--warmup is -3"),
        ("datasets=5\n[[models]]\nname='vae'", "datasets is 5, it must be a list"),
        ("datasets=[]\n[[models]]\nname='vae'", r"datasets is \[\], it must be a list"),
        ("datasets='dsprites'\n[[models]]\nname='vae'", "datasets is 'dsprites', it must"),
        ("seeds=[0, 1]\n[[models]]\nname='vae'", r"seeds is \[0, 1\], it must be a text"),
        ("folds='5'\n[[models]]\nname='vae'", "--folds is '5'"),
        ("[[models]]\nname='betavae_h'\nbeta=1" + "0" * 400, "must be a number or a list"),
    ],
)
def test_a_wrong_file_is_one_clear_line(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        load_study(str(file))
    assert "\n" not in str(caught.value)
    for name in ("fashion", "", "../studies/mnist-2d"):
        with pytest.raises(UsageError, match="Unknown study"):
            load_study(name)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(UsageError, match="is a folder, no file"):
        load_study(str(tmp_path / "folder.toml"))


def test_a_models_own_length_wins_over_the_studys(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = "[setting]\n{}\n[[models]]\nname='vae'\n[models.setting]\n{}\n"
    for study, own in (("epochs=1", "steps=7"), ("steps=9", "epochs=0.0001")):
        file.write_text(text.format(study, own))
        (job,) = plan(load_study(str(file)).over(seeds=(0,)), None, "fp32")
        assert job.steps == (7 if own == "steps=7" else 2)  # ⌈0.0001 · 737,280 / 64⌉
        (job,) = plan(
            load_study(str(file)).over(seeds=(0,), setting={"epochs": 0.001}), None, "fp32"
        )
        assert job.steps == 12


def test_a_model_named_twice_has_both_grids(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "[[models]]\nname='betavae_h'\nbeta=[1]\n[[models]]\nname='vae'\n"
        "[[models]]\nname='betavae_h'\nbeta=[4, 8]\n"
    )
    for models in (None, ("betavae_h",)):
        jobs = plan(load_study(str(file)).over(models=models, seeds=(0,)), None, "fp32")
        assert {j.parameters["beta"] for j in jobs if j.model == "betavae_h"} == {1, 4, 8}


def test_a_file_of_ones_own_is_printed_too(say: Say, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "mine.toml"
    file.write_text("title = 'mine'\n[[models]]\nname = 'vae'\n")
    assert say("studies", file).out == file.read_text()
    assert "mnist-2d  (1 training)\n" in say("studies").out


def test_dry_run_of_the_whole_study_counts_and_estimates(say: Say, tmp_path: Path) -> None:  # noqa: F811
    said = say("sweep", "--study", "unsupervised-v1", "--dry-run", "--out", tmp_path / "x")
    assert said.code == 0
    assert said.out.splitlines()[-1] == "12,600 jobs: 12,600 new."
    assert len(said.out.splitlines()) == 2 + 7 * 36
    measured = [line for line in said.err.splitlines() if "as just measured: " in line]
    assert measured or "not within 20 s" in said.err  # on a machine that has much else to do
    for line in measured:
        assert " d " in line.rpartition(":")[2]  # 300,000 steps a job take days on any machine
    listed = say("studies")
    assert "unsupervised-v1  (12,600 trainings)" in listed.out
    assert say("studies", "mnist-2d").out.startswith("title =")


def test_a_dry_run_counts_the_steps_of_data_that_are_not_here(say: Say, tmp_path: Path) -> None:  # noqa: F811
    for name, images in (("mnist", 60_000), ("celeba", 162_770)):
        (job,) = plan(
            load_study("mnist-2d").over(datasets=(name,), setting={"network": "mlp"}),
            tmp_path,
            "fp32",
        )
        assert job.steps == -(-10 * images // 128)
    said = say("sweep", "--study", "mnist-2d", "--dry-run", "--data-dir", tmp_path)
    assert said.code == 0
    assert "1 jobs: 1 new." in said.out or "1 job: 1 new." in said.out


@pytest.mark.parametrize(
    ("words", "trained"),
    [
        ("--dataset mnist", 60_000),
        ("--dataset mnist --folds 7", 60_000 - 8_572),
        ("--dataset dsprites,mnist", 60_000),
    ],
)
def test_a_batch_larger_than_what_is_trained_on_is_refused(
    words: str,
    trained: int,
    say: Say,  # noqa: F811
    tmp_path: Path,
) -> None:
    line = ["sweep", "--dry-run", "--db", tmp_path / "none.db", "--models", "vae", *words.split()]
    said = say(*line, "--batch-size", trained + 1)
    assert said.code == 2
    assert said.err.startswith(f"vaebench: --batch-size is {trained + 1:,}: mnist has {trained:,}")
    assert said.err.count("\n") == 1
    assert f"--batch-size {trained} or less" in said.err
