"""Checkpoint files: whole or not at all, and never a way to run code."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from vaebench.errors import DamagedError, OutputError
from vaebench.training import read_tensors, write_tensors
from vaebench.training.checkpoints import MARK


def test_round_trip_keeps_types_and_memory_layout(tmp_path: Path) -> None:
    tensor = torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    values = {"a": tensor, "step": 3, "text": "x", "nested": {"b": [1, 2.5]}}
    path = tmp_path / "new" / "file.pt"
    write_tensors(path, values)
    found = read_tensors(path)
    assert found is not None
    assert torch.equal(found["a"], tensor)
    assert found["a"].stride() == tensor.stride()
    assert {k: v for k, v in found.items() if k != "a"} == {
        k: v for k, v in values.items() if k != "a"
    }
    assert [entry.name for entry in path.parent.iterdir()] == ["file.pt"]


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("owned",)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_file_that_holds_code_is_not_run(
    writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pt"
    if writer == "torch":
        torch.save({"job": Evil()}, path)
    else:
        path.write_bytes(pickle.dumps({"job": Evil()}))
    with pytest.raises(DamagedError, match="none of vaebench's files"):
        read_tensors(path)
    assert not (tmp_path / "owned").exists()


def test_the_file_is_still_one_of_torch_and_of_zip(tmp_path: Path) -> None:
    """The seal is the archive's comment: other programs read the file as they did."""
    path = tmp_path / "job.pt"
    write_tensors(path, {"a": torch.ones(3)})
    assert torch.equal(torch.load(path, weights_only=True)["a"], torch.ones(3))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        mark, digest = archive.comment[:-32], archive.comment[-32:]
    assert mark == MARK
    assert digest == hashlib.sha256(path.read_bytes()[:-32]).digest()


def test_a_missing_file_is_no_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert read_tensors(tmp_path / "missing.pt") is None
    assert read_tensors(tmp_path / "file" / "missing.pt") is None
    with pytest.raises(DamagedError, match="is a folder, not one of"):
        read_tensors(tmp_path)


def test_a_folder_that_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot be written: .*Free space or make the folder"):
        write_tensors(tmp_path / "file" / "job.pt", {"a": 1})


def test_killed_while_writing_leaves_a_whole_file(tmp_path: Path) -> None:
    """A process that rewrites a checkpoint without end is killed: what is there can be read."""
    path = tmp_path / "job.pt"
    code = (
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from vaebench.training import write_tensors\n"
        "step = 0\n"
        "while True:\n"
        "    step += 1\n"
        "    values = {'step': step, 'a': torch.full((200_000,), float(step))}\n"
        "    write_tensors(Path(sys.argv[1]), values)\n"
        "    print(step, flush=True)\n"
    )
    for written in (1, 3, 7, 12):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        while int(process.stdout.readline()) < written:
            pass
        process.kill()
        process.wait()
        found = read_tensors(path)
        assert found is not None
        assert found["step"] >= written
        assert torch.equal(found["a"], torch.full((200_000,), float(found["step"])))
