"""Checks of files, and downloads of whole data sets from a server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import tarfile
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.data.published_formats import (
    ROOMS,
    TOYS,
    altered,
    cut,
    write_cars3d,
    write_celeba,
    write_mpi3d,
    write_shapes3d,
    write_smallnorb,
)
from tests.download.loopback import Site, serving
from vaebench.data import DATASETS, cars3d, celeba, find_dataset, load_dataset, shapes3d, smallnorb
from vaebench.data.cars3d import load_cars3d
from vaebench.data.celeba import load_celeba
from vaebench.data.dsprites import OFFICIAL_FILE, read_official
from vaebench.data.shapes3d import load_shapes3d
from vaebench.data.smallnorb import load_smallnorb
from vaebench.download import DownloadEvent, check, download, prepare
from vaebench.errors import DataError, UsageError


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


class Publisher:
    """Puts small files in the place of the published ones, on a server on this machine."""

    def __init__(self, patch: pytest.MonkeyPatch, site: Site) -> None:
        self.site = site
        self.events: list[DownloadEvent] = []
        self._patch = patch

    def publish(self, name: str, files: dict[str, bytes], *, checked: bool = True) -> None:
        """Serves these files, known by their names, as those of a data set."""
        remotes = []
        for remote in find_dataset(name).files:
            if remote.name not in files:
                continue
            content = files[remote.name]
            self.site.files[f"/{remote.name}"] = content
            kind, digest = "sha256", hashlib.sha256(content).hexdigest()
            remotes.append(
                replace(
                    remote,
                    urls=(
                        f"{self.site.address}/gone/{remote.name}",
                        f"{self.site.address}/{remote.name}",
                    ),
                    checksum=f"{kind}:{digest}" if checked else None,
                    bytes=len(content),
                )
            )
        altered(self._patch, name, files=tuple(remotes))

    def download(self, name: str, folder: Path) -> list[Path]:
        self.events.clear()
        checks = download(name, folder, self.events.append)
        assert all(found.problem is None for found in checks)
        return [found.path for found in checks]

    @property
    def stages(self) -> list[str]:
        """The stages in order, without repetitions."""
        stages = [event.stage for event in self.events]
        return [s for place, s in enumerate(stages) if place == 0 or stages[place - 1] != s]


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> object:
    site = Site({})
    with serving(site):
        yield Publisher(monkeypatch, site)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def problems(name: str, folder: Path) -> list[str]:
    return [found.problem or "" for found in check(name, folder)]


def test_whole_files(fashion_folder: Path) -> None:
    checks = check("fashion-mnist", fashion_folder)
    assert [found.path.name for found in checks] == [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ]
    assert all(found.problem is None for found in checks)


def test_missing_truncated_and_changed_files(fashion_folder: Path, tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    genuine = fashion_folder / "FashionMNIST" / "raw"
    (raw / "train-images-idx3-ubyte").symlink_to(genuine / "train-images-idx3-ubyte")
    (raw / "train-labels-idx1-ubyte").write_bytes(bytes(5))
    changed = bytearray((genuine / "t10k-labels-idx1-ubyte").read_bytes())
    changed[-1] ^= 1
    (raw / "t10k-labels-idx1-ubyte").write_bytes(bytes(changed))
    found = problems("fashion-mnist", tmp_path)
    assert found[0] == ""
    assert "truncated: 5 bytes instead of 60,008" in found[1]
    assert "missing" in found[2]
    assert "MD5" in found[3]


def test_fashion_mnist_from_its_packed_files(
    publisher: Publisher, fashion_folder: Path, tmp_path: Path
) -> None:
    genuine = contents(fashion_folder / "FashionMNIST" / "raw")
    packed = {f"{name}.gz": gzip.compress(content, 1) for name, content in genuine.items()}
    publisher.publish("fashion-mnist", packed)
    publisher.site.cuts += [10_000_000, 10_000_000, 5_000_000]
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    damaged = raw / "t10k-labels-idx1-ubyte"
    damaged.write_bytes(b"damaged")
    paths = publisher.download("fashion-mnist", tmp_path)
    assert contents(raw) == genuine
    assert {path.name for path in paths} == genuine.keys()
    assert publisher.stages == ["removed", "started", "progress", "done"]
    assert publisher.events[0].path == damaged
    largest = [e for e in publisher.events if e.path.name == "train-images-idx3-ubyte.gz"]
    assert largest[-1].done == largest[-1].total == len(packed["train-images-idx3-ubyte.gz"])
    assert len(load_dataset("fashion-mnist", tmp_path)) == 70_000
    asked = len(publisher.site.asked)
    publisher.download("fashion-mnist", tmp_path)
    assert publisher.stages == ["present"]
    assert len(publisher.site.asked) == asked


def test_smallnorb_stays_packed(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish("smallnorb", contents(write_smallnorb(tmp_path / "made")))
    altered(monkeypatch, "smallnorb", prepare=partial(load_smallnorb, _toys=TOYS))
    paths = publisher.download("smallnorb", tmp_path / "data")
    assert len(paths) == 6
    assert publisher.stages == ["started", "progress", "preparing", "done"]
    assert publisher.events[-2].done == publisher.events[-2].total == 144
    assert contents(tmp_path / "data" / "smallnorb") == contents(tmp_path / "made")
    cut(paths[3], 0.5)
    assert re.search(r"truncated: [\d,]+ bytes", problems("smallnorb", tmp_path / "data")[3])
    publisher.download("smallnorb", tmp_path / "data")
    assert publisher.stages[:2] == ["removed", "started"]
    assert contents(tmp_path / "data" / "smallnorb") == contents(tmp_path / "made")


def test_unpacked_smallnorb_is_read_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smallnorb, "TOYS", TOYS)
    write_smallnorb(tmp_path / "small_norb", packed=False)
    assert problems("smallnorb", tmp_path) == [""] * 6
    cut(tmp_path / "small_norb" / f"{smallnorb.PARTS[1]}-cat.mat", 0.9)
    assert "truncated: it ends within row" in problems("smallnorb", tmp_path)[4]
    assert "data download smallnorb" not in str(problems("smallnorb", tmp_path))


def test_cars3d_keeps_its_cars_of_the_archive(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_cars3d(tmp_path / "data" / "cars", (3, 7))
    (made / "list.txt").write_text("car_003_mesh\ncar_007_mesh\n")
    archive = tmp_path / "nips2015-analogy-data.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(made, "data/cars")
    shutil.rmtree(tmp_path / "data")
    publisher.publish("cars3d", {archive.name: archive.read_bytes()})
    monkeypatch.setattr(cars3d, "OBJECTS", 2)
    altered(monkeypatch, "cars3d", prepare=partial(load_cars3d, _objects=2))
    assert "are missing" in problems("cars3d", tmp_path / "data")[0]
    paths = publisher.download("cars3d", tmp_path / "data")
    assert [path.name for path in paths] == ["car_003_mesh.mat", "car_007_mesh.mat"]
    assert publisher.stages == ["started", "progress", "unpacking", "preparing", "done"]
    assert {p.name for p in (tmp_path / "data" / "cars3d").iterdir()} == {p.name for p in paths}
    cut(paths[0], 0.3)
    assert "cannot be read as a .mat file" in problems("cars3d", tmp_path / "data")[0]
    paths[1].unlink()
    assert "has 1 files car_*_mesh.mat, not 2" in problems("cars3d", tmp_path / "data")[0]
    publisher.download("cars3d", tmp_path / "data")
    assert problems("cars3d", tmp_path / "data") == ["", ""]


def test_shapes3d_is_unpacked_at_the_end(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "3dshapes.h5"
    images = write_shapes3d(made)
    publisher.publish("shapes3d", {"3dshapes.h5": made.read_bytes()})
    altered(monkeypatch, "shapes3d", prepare=partial(load_shapes3d, _grid=ROOMS))
    (path,) = publisher.download("shapes3d", tmp_path / "data")
    assert path == tmp_path / "data" / "shapes3d" / shapes3d.FILE
    assert publisher.stages == ["started", "progress", "preparing", "done"]
    (unpacked,) = (tmp_path / "data" / "unpacked").glob("shapes3d-*.npy")
    assert (np.load(unpacked) == images).all()
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(bytes(content))
    assert "its SHA-256 is" in problems("shapes3d", tmp_path / "data")[0]


def test_celeba_from_its_archive_and_lists(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_celeba(tmp_path / "made", 12, monkeypatch)
    files = contents(made)
    with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "w") as archive:
        for path in sorted((made / "img_align_celeba").iterdir()):
            archive.write(path, f"img_align_celeba/{path.name}")
    files["img_align_celeba.zip"] = (tmp_path / "img_align_celeba.zip").read_bytes()
    publisher.publish("celeba", files)
    monkeypatch.setattr(celeba, "IMAGES", 12)
    altered(monkeypatch, "celeba", prepare=partial(load_celeba, _images=12))
    paths = publisher.download("celeba", tmp_path / "data")
    assert len(paths) == 6
    assert publisher.stages[-3:] == ["unpacking", "preparing", "done"]
    folder = tmp_path / "data" / "celeba"
    assert len(list((folder / "img_align_celeba").iterdir())) == 12
    assert not (folder / "img_align_celeba.zip").exists()
    (folder / "img_align_celeba" / "000003.jpg").unlink()
    assert "has 11 images, not 12" in problems("celeba", tmp_path / "data")[-1]


def test_mpi3d_is_not_written_a_second_time(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "mpi3d_toy.npz"
    write_mpi3d(made)
    publisher.publish("mpi3d_toy", {"mpi3d_toy.npz": made.read_bytes()})
    altered(monkeypatch, "mpi3d_toy", prepare=None)
    (path,) = publisher.download("mpi3d_toy", tmp_path / "data")
    assert path == tmp_path / "data" / "mpi3d_toy" / "mpi3d_toy.npz"
    assert publisher.stages == ["started", "progress", "done"]


def test_official_dsprites_file_is_checked_only_where_it_lies(tmp_path: Path) -> None:
    for name in ("dsprites", "color_dsprites", "noisy_dsprites"):
        assert check(name, tmp_path) == []
    np.savez(tmp_path / OFFICIAL_FILE, imgs=np.zeros(3))
    (found,) = check("color_dsprites", tmp_path)
    assert "not the dSprites file" in (found.problem or "")


def test_the_official_dsprites_file_is_downloaded_where_it_is_asked_for(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / OFFICIAL_FILE
    np.savez_compressed(made, imgs=np.ones((5, 64, 64), np.uint8))
    small = partial(read_official, images=5)
    monkeypatch.setattr("vaebench.data.dsprites.read_official", small)
    publisher.publish("dsprites", {OFFICIAL_FILE: made.read_bytes()})
    (path,) = publisher.download("dsprites", tmp_path / "data")
    assert load_dataset("dsprites", tmp_path / "data").source == f"official file {path}"
    assert "official file" in load_dataset("noisy_dsprites", tmp_path / "data").source


def test_scream_needs_its_picture_alone(
    publisher: Publisher, scream_folder: Path, tmp_path: Path
) -> None:
    picture = scream_folder / "scream" / "scream.jpg"
    assert problems("scream_dsprites", scream_folder) == [""]
    publisher.publish("scream_dsprites", contents(picture.parent), checked=False)
    (path,) = publisher.download("scream_dsprites", tmp_path)
    assert path == tmp_path / "scream" / "scream.jpg"
    assert publisher.stages == ["started", "progress", "done"]
    path.write_bytes(picture.read_bytes()[:-5000])
    assert "truncated" in problems("scream_dsprites", tmp_path)[0]


def test_failed_downloads_are_one_line(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("shapes3d", {"3dshapes.h5": b"content"})
    publisher.site.files.clear()
    with pytest.raises(DataError, match=r"^shapes3d: http.*404.*404") as e:
        download("shapes3d", tmp_path)
    assert "\n" not in str(e.value)
    assert "online?" in str(e.value)
    publisher.publish("shapes3d", {"3dshapes.h5": b"content"})
    publisher.site.files["/3dshapes.h5"] = b"another"
    with pytest.raises(DataError, match="is not the expected file") as e:
        download("shapes3d", tmp_path)
    assert "\n" not in str(e.value)
    assert not (tmp_path / "shapes3d" / "3dshapes.h5").exists()


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_writable_is_named(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("shapes3d", {"3dshapes.h5": b"content"})
    (tmp_path / "data").mkdir(mode=0o500)
    with pytest.raises(DataError, match=f"{tmp_path / 'data'}.*Permission denied"):
        download("shapes3d", tmp_path / "data")


def test_a_file_that_cannot_be_written_is_named_once(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish("shapes3d", {"3dshapes.h5": b"content"})
    (tmp_path / "shapes3d" / "3dshapes.h5.part").mkdir(parents=True)
    with pytest.raises(DataError, match=r"3dshapes\.h5 cannot be written: Is a directory\.") as e:
        download("shapes3d", tmp_path)
    assert str(e.value).count("cannot be written") == 1
    assert "online?" not in str(e.value)


def test_own_images_are_checked_but_not_downloaded(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, images=np.zeros((9, 8, 8), np.uint8), labels=np.arange(9), layout="NHWC")
    name = f"npz:{path}"
    assert problems(name, tmp_path) == [""]
    content = bytearray(path.read_bytes())
    content[content.index(b"NUMPY") + 200] ^= 1
    path.write_bytes(bytes(content))
    assert "Bad CRC-32" in problems(name, tmp_path)[0]
    assert "is missing" in problems(f"folder:{tmp_path / 'none'}", tmp_path)[0]
    with pytest.raises(UsageError, match="is your own: there is nothing to download"):
        download(name, tmp_path)


def test_unknown_names(tmp_path: Path) -> None:
    for function in (download, check):
        with pytest.raises(UsageError, match=r"Unknown data set 'cifar'\. Known: dsprites, color_"):
            function("cifar", tmp_path)
    prepare("dsprites", tmp_path)
    with pytest.raises(DataError, match="is missing"):
        prepare("shapes3d", tmp_path)


def test_every_published_file_has_an_address_and_a_checksum() -> None:
    for name, remotes in ((info.name, info.files) for info in DATASETS):
        for remote in remotes:
            assert remote.urls, name
            assert all(re.match(r"https?://\S+$", url) for url in remote.urls)
            if remote.name == "scream.jpg":
                assert remote.checksum is None
                continue
            kind, _, digits = (remote.checksum or "").partition(":")
            assert len(digits) == {"md5": 32, "sha256": 64}[kind], name
            assert set(digits) <= set("0123456789abcdef")
