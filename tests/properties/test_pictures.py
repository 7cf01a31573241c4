"""Image files, CelebA's lists and archives: damaged or made up, they are read or refused."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.properties.inputs import answers, damaged
from vaebench.data import celeba, load_dataset
from vaebench.data.dsprites_variants import read_picture
from vaebench.download import check
from vaebench.download.unpacking import extract_tar, extract_zip, gunzip

FORMATS = {"png": "PNG", "jpg": "JPEG", "tif": "TIFF", "webp": "WEBP", "bmp": "BMP", "ppm": "PPM"}


def picture(form: str) -> bytes:
    """A small colour picture in a format."""
    pixels = (np.arange(24 * 20 * 3) % 251).astype(np.uint8).reshape(24, 20, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, FORMATS[form])
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        place = tmp_path_factory.mktemp("pictures")
        (place / "images").mkdir()
        (place / "images" / "whole.png").write_bytes(picture("png"))
        yield place


@pytest.mark.filterwarnings("ignore")
@given(st.sampled_from(list(FORMATS)).flatmap(lambda f: st.tuples(st.just(f), damaged(picture(f)))))
def test_images(folder: Path, file: tuple[str, bytes]) -> None:
    path = folder / "images" / f"other.{file[0]}"
    path.write_bytes(file[1])
    name = f"folder:{folder / 'images'}"
    try:
        whole = answers(lambda: load_dataset(name, folder))
        assert len(load_dataset(name, folder, skip_broken=True)) == 1 + whole
        problems = [found.problem for found in check(name, folder)]
        assert (problems == [None]) == whole
        answers(lambda: read_picture(path))
    finally:
        path.unlink()
        for kept in (folder / "unpacked").glob("*.npy"):
            kept.unlink()


LISTED = "2\nMale Young\n000001.jpg -1  1\n000002.jpg  1 -1\n"
PARTED = "000001.jpg 0\n000002.jpg 2\n"


@given(st.one_of(damaged(LISTED.encode()), st.binary(max_size=80)))
def test_celeba_attributes(folder: Path, content: bytes) -> None:
    path = folder / "list.txt"
    path.write_bytes(content)
    answers(lambda: celeba._read_attributes(path, 2))


@given(st.one_of(damaged(PARTED.encode()), st.binary(max_size=80)))
def test_celeba_parts(folder: Path, content: bytes) -> None:
    path = folder / "parts.txt"
    path.write_bytes(content)
    answers(lambda: celeba._read_partition(path, 2))


def tar() -> bytes:
    """A small archive of two files, one of them to be unpacked."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in ("a/car_1_mesh.mat", "a/other.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = 3000
            archive.addfile(entry, io.BytesIO(bytes(3000)))
    return buffer.getvalue()


def packed() -> bytes:
    """The same as a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/1.jpg", "a/other.txt"):
            archive.writestr(name, bytes(3000))
    return buffer.getvalue()


TAR, PLAIN_TAR, ZIP, GZ = tar(), gzip.decompress(tar()), packed(), gzip.compress(bytes(3000))


@given(
    st.one_of(*map(damaged, (TAR, PLAIN_TAR, ZIP, GZ)), st.binary(max_size=200)),
    st.sampled_from(["tar", "zip", "gz"]),
)
def test_archives(folder: Path, content: bytes, kind: str) -> None:
    path = folder / "archive"
    path.write_bytes(content)
    out = folder / "out"
    before = {file.name for file in folder.iterdir()} | {"out", "out.part"}

    def unpack() -> None:
        if kind == "tar":
            extract_tar(path, out, "car_*_mesh.mat", lambda *_: None)
        elif kind == "zip":
            extract_zip(path, out, "*.jpg", lambda *_: None)
        else:
            out.mkdir(exist_ok=True)
            gunzip(path, out / "plain")

    answers(unpack)
    assert {file.name for file in folder.iterdir()} <= before
