"""Cards: they agree with the data sets, are quick to make, and show pictures."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.published_formats import write_shapes3d
from vaebench.data import DATASETS, Dataset, dataset_names, find_dataset, load_dataset
from vaebench.data.cards import card, sample_picture
from vaebench.errors import UsageError

DOCS = (Path(__file__).parents[2] / "docs" / "data.md").read_text().split("## Licences")[0]


def test_every_data_set_has_a_card(tmp_path: Path) -> None:
    for name in dataset_names():
        found = card(name, tmp_path)
        assert found.name == name
        assert found.about == find_dataset(name)
        assert found.about.title
        assert "20" in found.about.citation or "19" in found.about.citation
        assert found.about.licence
        assert found.about.url.startswith("http")
        assert found.contents.images > 10_000
        assert len(found.contents.factor_names) == len(found.contents.factor_sizes)
        drawn = name in ("dsprites", "color_dsprites", "noisy_dsprites")
        assert found.available == drawn
        assert (found.download_bytes == 0) == drawn
        if not drawn:
            assert found.where == f"vaebench data download {name} --data-dir {tmp_path}"


@pytest.mark.parametrize(
    "name", ["dsprites", "color_dsprites", "noisy_dsprites", "scream_dsprites"]
)
def test_cards_of_drawn_data_sets_agree_with_them(name: str, scream_folder: Path) -> None:
    found = card(name, scream_folder)
    assert found.available
    _agree(name, load_dataset(name, scream_folder))


def test_card_of_fashion_mnist_agrees_with_it(fashion_folder: Path) -> None:
    found = card("fashion-mnist", fashion_folder)
    assert found.available
    assert found.where == str(fashion_folder / "FashionMNIST" / "raw")
    assert found.download_bytes == 30_878_645
    _agree("fashion-mnist", load_dataset("fashion-mnist", fashion_folder))


def _agree(name: str, data: Dataset) -> None:
    contents = find_dataset(name).contents
    assert contents.images == len(data)
    assert contents.observation_shape == data.observation_shape
    assert contents.factor_names == data.factor_names
    assert contents.factor_sizes == data.factor_sizes
    assert contents.label_names == data.label_names
    assert contents.train_images == (len(data.train_indices) if data.has_split else 0)
    assert contents.stochastic == data.stochastic


def test_the_manual_has_what_the_records_say() -> None:
    rows = {line.split("`")[1]: line for line in DOCS.splitlines() if line.startswith("| `")}
    for about in DATASETS:
        row, contents = rows[about.name], about.contents
        assert f"| {contents.images:,} |" in row
        assert f"| {'×'.join(map(str, contents.observation_shape))} |" in row
        sizes = zip(contents.factor_names, contents.factor_sizes, strict=True)
        factors = ", ".join(f"{name} {size}" for name, size in sizes) or "–"
        assert factors in row or "| the same |" in row
        assert (f"| {contents.train_images:,} + " in row) == bool(contents.train_images)


def test_published_numbers() -> None:
    images = {about.name: about.contents.images for about in DATASETS}
    assert images["smallnorb"] == 48_600
    assert images["cars3d"] == 17_568
    assert images["shapes3d"] == 480_000
    assert images["mpi3d_real"] == 1_036_800
    assert images["celeba"] == 202_599


def test_files_that_are_not_whole_are_said(tmp_path: Path) -> None:
    write_shapes3d(tmp_path / "shapes3d" / "3dshapes.h5")
    found = card("shapes3d", tmp_path)
    assert not found.available
    hint = f"vaebench data check shapes3d --data-dir {tmp_path}"
    assert found.where.endswith(f"are not whole: {hint}")
    assert found.download_bytes == 267_573_662
    assert found.unpacked_bytes == 480_000 * 64 * 64 * 3


def test_cards_of_own_images(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, images=np.zeros((9, 8, 6, 3), np.uint8), factors=np.arange(9)[:, None])
    found = card(f"npz:{path}", tmp_path)
    assert found.available
    assert found.contents.images == 9
    assert found.contents.observation_shape == (3, 8, 6)
    assert found.contents.factor_sizes == (9,)
    with pytest.raises(UsageError, match=r"Known: dsprites.*folder:PATH"):
        card("cifar", tmp_path)


def test_sample_pictures(tmp_path: Path) -> None:
    picture = Image.open(io.BytesIO(sample_picture(load_dataset("color_dsprites", tmp_path))))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (512, 192))
    dsprites = load_dataset("dsprites", tmp_path)
    one = sample_picture(dsprites, rows=2, columns=5)
    picture = Image.open(io.BytesIO(one))
    assert (picture.mode, picture.size) == ("L", (320, 128))
    assert sample_picture(dsprites, rows=2, columns=5) == one
    chosen = np.random.default_rng(0).integers(0, len(dsprites), 10)
    last = np.asarray(picture)[64:, 256:]
    assert (last == dsprites.observations(chosen[9])[0, 0]).all()


def test_cards_need_no_heavy_import(tmp_path: Path) -> None:
    code = (
        "import sys; from vaebench.data import dataset_names; "
        "from vaebench.data.cards import card; "
        f"[card(name, {str(tmp_path)!r}) for name in dataset_names()]; "
        "print([m for m in ('torch', 'torchvision', 'scipy', 'h5py', 'pooch', 'requests', 'PIL') "
        "if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
