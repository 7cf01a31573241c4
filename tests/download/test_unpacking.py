"""Archives: only wanted files come out, into their folder alone, and whole."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.data.published_formats import cut
from vaebench.download.unpacking import extract_tar, extract_zip, gunzip
from vaebench.errors import DataError

CARS = {f"data/cars/car_{n:03}_mesh.mat": bytes([n]) * 50_000 for n in (1, 2, 3)}
Counts = list[tuple[int, int]]


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("data/cars/car_004_mesh.mat")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


def test_gunzip(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"content" * 9999))
    gunzip(path, tmp_path / "new" / "a")
    assert (tmp_path / "new" / "a").read_bytes() == b"content" * 9999
    cut(path, 0.5)
    with pytest.raises(DataError, match=f"{path} cannot be unpacked"):
        gunzip(path, tmp_path / "b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gz", "new"]


def test_tar_gives_the_wanted_files_without_their_folders(tmp_path: Path) -> None:
    evil = {"../../car_666_mesh.mat": b"evil", "/car_667_mesh.mat": b"evil", "data/sprites": b"no"}
    path = write_tar(tmp_path / "a.tar.gz", CARS | evil)
    seen: Counts = []
    count = extract_tar(
        path, tmp_path / "in" / "cars3d", "car_*_mesh.mat", lambda *c: seen.append(c)
    )
    assert count == 5
    names = sorted(p.name for p in (tmp_path / "in" / "cars3d").iterdir())
    assert names == [f"car_{n:03}_mesh.mat" for n in (1, 2, 3, 666, 667)]
    assert (tmp_path / "in" / "cars3d" / "car_002_mesh.mat").read_bytes() == bytes([2]) * 50_000
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar.gz", "in"]
    assert seen[-1][0] <= seen[-1][1] == path.stat().st_size


@pytest.mark.parametrize("share", [0, 0.1, 0.6])
def test_truncated_tar_is_named(tmp_path: Path, share: float) -> None:
    path = cut(write_tar(tmp_path / "a.tar.gz", CARS), share)
    with pytest.raises(DataError, match=f"{path} cannot be unpacked"):
        extract_tar(path, tmp_path / "cars3d", "car_*_mesh.mat", lambda *c: None)
    assert not list(tmp_path.rglob(".*.part"))


def test_zip_replaces_a_folder_by_the_wanted_files(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("faces/1.jpg", "faces/2.jpg", "../../3.jpg", "faces/readme.txt"):
            archive.writestr(name, name)
        archive.mkdir("faces/empty.jpg")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "old.jpg").touch()
    seen: Counts = []
    assert extract_zip(path, tmp_path / "in", "*.jpg", lambda *c: seen.append(c)) == 3
    assert sorted(p.name for p in (tmp_path / "in").iterdir()) == ["1.jpg", "2.jpg", "3.jpg"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "in"]
    assert seen[-1] == (3, 3)
    cut(path, 0.7)
    with pytest.raises(DataError, match=f"{path} cannot be unpacked"):
        extract_zip(path, tmp_path / "in", "*.jpg", lambda *c: None)
    assert (tmp_path / "in" / "1.jpg").exists()
