"""CelebA with any of its attributes as the label: names, labels, jobs, a model, errors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import vaebench
from tests.cli.conftest import Say, say  # noqa: F401 - a fixture
from tests.data.conftest import known
from tests.data.published_formats import CELEBA_ATTRIBUTES, altered, write_celeba
from vaebench.context import WorkerContext
from vaebench.data import DATASETS, dataset_names, find_dataset, load_dataset
from vaebench.data.cards import card
from vaebench.data.celeba import load_celeba
from vaebench.data.info import Contents
from vaebench.data.wellformed import check_opened
from vaebench.errors import UsageError
from vaebench.report.contents import dataset_title, evaluated_on
from vaebench.spec import JobSpec, Setting
from vaebench.study import PLAIN, Study
from vaebench.study_files import load_study
from vaebench.sweeping.library import as_command
from vaebench.sweeping.planning import named, plan
from vaebench.worker import run_pack

FACES = 12
ALL = np.arange(FACES)
EYEGLASSES = CELEBA_ATTRIBUTES.split().index("Eyeglasses")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with a CelebA of 12 faces, which is taken for the published one."""
    place = tmp_path_factory.mktemp("data")
    contents = Contents(FACES, (3, 64, 64), label_names=("not smiling", "smiling"), train_images=8)
    with pytest.MonkeyPatch.context() as patch:
        write_celeba(place / "celeba", FACES, patch)
        load = partial(load_celeba, _images=FACES)
        altered(patch, "celeba", load=load, prepare=load, contents=contents)
        yield place


def jobs(study: Study, folder: Path | None = None) -> list[JobSpec]:
    return plan(named(study), folder, "fp32")


def test_every_published_attribute_can_be_the_label(folder: Path) -> None:
    plain = load_dataset("celeba", folder)
    unpacked = sorted((folder / "unpacked").iterdir())
    for place, attribute in enumerate(CELEBA_ATTRIBUTES.split()):
        name = f"celeba_{attribute.lower()}"
        about, data = find_dataset(name), load_dataset(name, folder)
        check_opened(data, about, None)
        assert (known(data.labels(ALL)) == plain.attributes(ALL)[:, place]).all()
        assert data.name == (name if attribute != "Smiling" else "celeba")
        assert len(set(data.label_names)) == 2
        assert data.label_names[1] == attribute.lower().replace("_", " ")
        assert (data.observations(ALL) == plain.observations(ALL)).all()
        assert (data.train_indices == plain.train_indices).all()
        assert (data.test_indices == plain.test_indices).all()
    assert sorted((folder / "unpacked").iterdir()) == unpacked, "all have the same images"
    assert find_dataset("celeba_eyeglasses").contents.label_names == (
        "no eyeglasses",
        "eyeglasses",
    )
    assert find_dataset("celeba_no_beard").contents.label_names == ("beard", "no beard")
    assert find_dataset("celeba_wearing_hat").contents.label_names[0] == "not wearing hat"


def test_lists_have_celeba_once_and_all_else_goes_by_its_name(folder: Path) -> None:
    assert [name for name in dataset_names() if "celeba" in name] == ["celeba"]
    names = [name for info in DATASETS for name in info.names]
    assert len(set(names)) == len(names) == len(DATASETS) + 40
    found = card("celeba_eyeglasses", folder)
    assert found.about is not None
    assert found.contents.label_names == ("no eyeglasses", "eyeglasses")
    assert dataset_title("celeba_eyeglasses") == "CelebA (Eyeglasses)"
    assert dataset_title("celeba_wearing_hat") == "CelebA (Wearing Hat)"
    (job,) = jobs(PLAIN.over(models=["cvae"], seeds=[0], datasets=["celeba"], label="Male"))
    assert evaluated_on(job) == "held-out test images of CelebA (Male)"


def test_the_usual_label_changes_no_job() -> None:
    study = PLAIN.over(models=["cvae"], seeds=[0], datasets=["celeba"], setting={"network": "mlp"})
    (job,) = jobs(study)
    assert job == JobSpec(
        **{**vars(Setting(network="mlp", precision="fp32")), "dataset": "celeba"},
        model="cvae",
        parameters={"beta": 1.0},
        seed=0,
    )
    for same in (study.over(label="smiling"), study.over(datasets=["celeba", "celeba_smiling"])):
        assert [other.key for other in jobs(same)] == [job.key]
    (other,) = jobs(study.over(label="eyeGLASSES"))
    assert other.dataset == "celeba_eyeglasses"
    assert other.key != job.key
    assert other.cell != job.cell
    assert jobs(study.over(datasets=["celeba_eyeglasses"])) == [other]


def test_a_study_file_has_a_label(tmp_path: Path) -> None:
    path = tmp_path / "faces.toml"
    text = 'datasets = ["celeba"]\nlabel = {}\nseeds = "1"\n[[models]]\nname = "cvae"\n'
    path.write_text(text.format('"Eyeglasses"'))
    study = load_study(str(path))
    assert [job.dataset for job in jobs(study)] == ["celeba_eyeglasses"]
    assert [job.dataset for job in jobs(study.over(label="male"))] == ["celeba_male"]
    path.write_text(text.format("3"))
    with pytest.raises(UsageError, match="label is 3, it must be an attribute's name"):
        load_study(str(path))


def test_a_cvae_learns_with_and_without_eyeglasses(folder: Path, tmp_path: Path) -> None:
    asked = PLAIN.over(
        models=["cvae"],
        seeds=[0],
        datasets=["celeba"],
        label="Eyeglasses",
        setting={"network": "mlp", "steps": 3, "batch_size": 4, "eval_size": 10},
    )
    (job,) = jobs(asked, folder)
    context = WorkerContext(out=tmp_path, data_dir=folder)
    (outcome,) = run_pack([job], context, lambda progress: None, lambda: False)
    assert (outcome.status, outcome.error) == ("complete", None)
    samples = next(each for each in outcome.artifacts if each.name == "samples")
    assert samples.rows == 2
    assert samples.detail["row_labels"] == ["no eyeglasses", "eyeglasses"]
    model = vaebench.load_model(tmp_path, job.key)
    without, with_them = (model.sample(3, labels=[label] * 3) for label in (0, 1))
    assert without.shape == with_them.shape == (3, 3, 64, 64)
    assert (without != with_them).any()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("celeba --label Eyeglases", "Unknown attribute of celeba 'Eyeglases'. Known: 5_o_Clock"),
        ("celeba --label Eyeglases", "Young. Did you mean 'Eyeglasses'?"),
        ("celeba_eyeglases", "Young. Did you mean 'Eyeglasses'?"),
        ("mnist --label Male", "mnist has no attributes to choose a label from: only celeba has."),
        ("celeba,mnist --label Male", "but mnist has no attributes"),
        ("celeba_male --label Young", "Give --dataset celeba, or leave --label out."),
        ("npz:own.npz --label Male", "but npz:own.npz has no attributes"),
    ],
)
def test_errors_are_one_line(words: str, message: str, say: Say, tmp_path: Path) -> None:  # noqa: F811
    line = ["sweep", "--dry-run", "--db", tmp_path / "none.db", "--dataset", *words.split()]
    said = say(*line)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert said.err.count("\n") == 1


def test_the_command_lists_the_jobs_of_a_label(say: Say, tmp_path: Path) -> None:  # noqa: F811
    line = ["--models", "cvae", "--seeds", "1", "--precision", "fp32", "--db", tmp_path / "x.db"]
    said = say("sweep", "--dry-run", "--dataset", "celeba", "--label", "eyeglasses", *line)
    assert said.code == 0
    (job,) = jobs(PLAIN.over(models=["cvae"], seeds=[0], datasets=["celeba_eyeglasses"]))
    assert job.key[:8] in said.out


def test_python_takes_a_label(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'Male', but mnist has no attributes"):
        vaebench.sweep("vae", dataset="mnist", label="Male", out=tmp_path, progress=False)
    assert as_command({"dataset": "celeba", "label": "Male"}).endswith("celeba --label Male")
