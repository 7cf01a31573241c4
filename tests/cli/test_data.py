"""What `vaebench data` says of data sets that are here, missing or damaged."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from tests.cli.conftest import Say
from vaebench.data import DATASETS
from vaebench.data import download as downloads
from vaebench.data.download import DownloadEvent, FileCheck
from vaebench.data.mnist import COLLECTIONS
from vaebench.errors import DataError


def put_files(folder: Path, name: str) -> Path:
    """Writes files of the right names, sizes and headers, sparse and black; returns their place."""
    raw = COLLECTIONS[name].folder(folder)
    raw.mkdir(parents=True)
    for file in COLLECTIONS[name].files:
        with (raw / file.name).open("wb") as stream:
            stream.write(struct.pack(f">{len(file.header)}i", *file.header))
            os.truncate(stream.fileno(), file.bytes)
    return raw


class TestList:
    def test_every_data_set_with_what_to_do(self, say: Say, tmp_path: Path) -> None:
        raw = put_files(tmp_path, "mnist")
        said = say("data", "list", "--data-dir", tmp_path)
        assert (said.code, said.err) == (0, "")
        lines = {line.split()[0]: line for line in said.out.splitlines()[1:]}
        assert set(lines) == set(DATASETS)
        assert "yes" in lines["dsprites"]
        assert "no file needed" in lines["dsprites"]
        assert lines["mnist"].endswith(str(raw))
        assert "70,000" in lines["mnist"]
        command = f"vaebench data download fashion-mnist --data-dir {tmp_path}"
        assert "31 MB" in lines["fashion-mnist"]
        assert lines["fashion-mnist"].endswith(command)
        assert lines["fashion-mnist"].split()[1] == "no"

    def test_a_damaged_file_is_not_here(self, say: Say, tmp_path: Path) -> None:
        raw = put_files(tmp_path, "mnist")
        os.truncate(raw / "train-images-idx3-ubyte", 1000)
        out = say("data", "list", "--data-dir", tmp_path).out
        line = next(line for line in out.splitlines() if line.startswith("mnist"))
        assert line.split()[1] == "no"
        assert "vaebench data check mnist" in line

    def test_the_folder_can_be_named_by_the_environment(
        self, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        raw = put_files(tmp_path, "mnist")
        monkeypatch.setenv("VAEBENCH_DATA", str(tmp_path))
        assert str(raw) in say("data", "list").out

    def test_the_official_file_of_dsprites_is_named(self, say: Say, tmp_path: Path) -> None:
        path = tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
        path.write_bytes(b"x")
        line = say("data", "list", "--data-dir", tmp_path).out.splitlines()[1]
        assert line.split() == ["dsprites", "yes", "737,280", "-", str(path)]


class TestCheck:
    def test_files_of_the_right_size_that_are_others(self, say: Say, tmp_path: Path) -> None:
        put_files(tmp_path, "mnist")
        said = say("data", "check", "mnist", "--data-dir", tmp_path)
        assert said.code == 1
        assert said.out.count("its MD5 is") == 4
        assert said.err.startswith("vaebench: 4 files are missing or not whole.")
        assert said.err.count("\n") == 1

    def test_without_a_name_what_is_not_here_is_no_fault(self, say: Say, tmp_path: Path) -> None:
        said = say("data", "check", "--data-dir", tmp_path)
        assert (said.code, said.err) == (0, "")
        assert "drawn from formulas" in said.out
        assert "mnist            not here" in said.out

    def test_with_a_name_it_is(self, say: Say, tmp_path: Path) -> None:
        said = say("data", "check", "fashion-mnist", "--data-dir", tmp_path)
        assert said.code == 1
        assert said.out.count("is missing") == 4

    def test_whole_files(self, say: Say) -> None:
        folder = Path(__file__).resolve().parents[3] / "shared" / "data"
        if not COLLECTIONS["fashion-mnist"].folder(folder).is_dir():
            pytest.skip(f"Fashion-MNIST is not in {folder}")
        said = say("data", "check", "fashion-mnist", "--data-dir", folder)
        assert (said.code, said.err) == (0, "")
        assert said.out.count("is whole") == 4

    def test_an_unknown_name(self, say: Say, tmp_path: Path) -> None:
        said = say("data", "check", "fashion_mnist", "--data-dir", tmp_path)
        assert said.code == 2
        assert "Did you mean 'fashion-mnist'?" in said.err


class TestDownload:
    def test_it_says_where_the_files_are(
        self, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def download(name: str, data_dir: str, on_event: object) -> list[FileCheck]:
            assert callable(on_event)
            on_event(DownloadEvent(name, "removed", tmp_path / "old"))
            on_event(DownloadEvent(name, "started", tmp_path / "raw"))
            for done in (0, 5_000_000, 9_000_000):
                on_event(DownloadEvent(name, "progress", tmp_path / "a.gz", done, 9_000_000))
            on_event(DownloadEvent(name, "unpacking", tmp_path / "a.gz", 7))
            on_event(DownloadEvent(name, "preparing", tmp_path, 10, 20))
            on_event(DownloadEvent(name, "done", tmp_path / "raw"))
            assert data_dir == str(tmp_path)
            return [FileCheck(tmp_path / "raw" / "images", None)]

        monkeypatch.setattr(downloads, "download", download)
        said = say("data", "download", "mnist", "--data-dir", tmp_path)
        assert said.code == 0
        assert said.out == f"mnist is here and whole: {tmp_path / 'raw'}\n"
        assert said.err.splitlines() == [
            f"Removed a damaged file: {tmp_path / 'old'}",
            "Downloading a.gz",
            "Unpacking a.gz",
            "Preparing mnist",
        ]

    def test_without_a_network_it_is_one_line(
        self, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*arguments: object) -> None:
            raise DataError("No route to host.")

        monkeypatch.setattr(downloads, "fetch", fail)
        said = say("data", "download", "mnist", "--data-dir", tmp_path)
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("vaebench: mnist could not be downloaded. No route to host.")
        assert said.err.count("\n") == 1

    @pytest.mark.parametrize(
        ("name", "message"),
        [("npz:mine.npz", "nothing to download"), ("mnits", "Did you mean 'mnist'?")],
    )
    def test_what_cannot_be_downloaded(
        self, say: Say, tmp_path: Path, name: str, message: str
    ) -> None:
        said = say("data", "download", name, "--data-dir", tmp_path)
        assert said.code == 2
        assert message in said.err
