"""Checks of downloaded files, and downloads with torchvision's own part replaced."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaebench.data.download import DownloadEvent, check, download
from vaebench.data.dsprites import OFFICIAL_FILE
from vaebench.errors import DataError, UsageError


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
    problems = [found.problem or "" for found in check("fashion-mnist", tmp_path)]
    assert problems[0] == ""
    assert "truncated: 5 bytes instead of 60,008" in problems[1]
    assert "missing" in problems[2]
    assert "MD5" in problems[3]


def test_official_dsprites_file_is_checked_only_where_it_lies(tmp_path: Path) -> None:
    assert check("dsprites", tmp_path) == []
    np.savez(tmp_path / OFFICIAL_FILE, imgs=np.zeros(3))
    (found,) = check("dsprites", tmp_path)
    assert "not the dSprites file" in (found.problem or "")


def test_whole_data_set_is_not_downloaded_again(fashion_folder: Path) -> None:
    events: list[DownloadEvent] = []
    assert len(download("fashion-mnist", fashion_folder, events.append)) == 4
    assert [event.stage for event in events] == ["present"]


def test_download_replaces_damaged_files(
    fashion_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    damaged = raw / "t10k-labels-idx1-ubyte"
    damaged.write_bytes(b"damaged")

    def arrive(self: Any) -> None:
        sys.stderr.write("torchvision talks")
        for path in (fashion_folder / "FashionMNIST" / "raw").iterdir():
            (Path(self.raw_folder) / path.name).symlink_to(path)

    monkeypatch.setattr("torchvision.datasets.FashionMNIST.download", arrive)
    events: list[DownloadEvent] = []
    checks = download("fashion-mnist", tmp_path, events.append)
    assert all(found.problem is None for found in checks)
    assert [event.stage for event in events] == ["removed", "started", "done"]
    assert events[0].path == damaged


def test_failed_download_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Any) -> None:
        sys.stderr.write("torchvision talks")
        raise RuntimeError("Error downloading x:\nTried y, got:\nno route")

    monkeypatch.setattr("torchvision.datasets.MNIST.download", fail)
    with pytest.raises(DataError, match="Error downloading x: Tried y, got: no route") as e:
        download("mnist", tmp_path)
    assert "\n" not in str(e.value)
    assert capsys.readouterr() == ("", "")


def test_nothing_to_download(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="drawn from formulas"):
        download("dsprites", tmp_path)
    with pytest.raises(UsageError, match="Unknown data set 'cifar'"):
        download("cifar", tmp_path)
    with pytest.raises(UsageError, match="Known: dsprites, fashion-mnist, mnist"):
        check("cifar", tmp_path)
