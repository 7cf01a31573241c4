"""Damaged checkpoints: none is used, each is set aside with a line, and the job starts anew."""

from __future__ import annotations

import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.conftest import make_spec, make_trainer
from tests.training.test_loop import same
from vaebench.errors import DamagedError, OutputError
from vaebench.spec import JobSpec
from vaebench.training import Trainer, prepare, read_tensors, set_aside, write_tensors
from vaebench.training.resuming import snapshot

DAMAGES = 200
REGION = 4


def small(model: str = "vae", **changes: object) -> JobSpec:
    return make_spec(model, latent_dim=2, batch_size=2, **changes)


@pytest.fixture(scope="module")
def begun() -> dict[str, Any]:
    """All that a checkpoint after three steps holds."""
    prepare("cpu", 1)
    trainer = make_trainer(small())
    for _ in range(3):
        trainer.advance()
    trainer.seconds = 1.5
    return snapshot(trainer)


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        kinds = isinstance(other, torch.Tensor) and one.dtype == other.dtype
        return (
            kinds
            and one.shape == other.shape
            and torch.equal(one.nan_to_num(-7), other.nan_to_num(-7))
        )
    if isinstance(one, dict):
        return set(one) == set(other) and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def flipped(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def scattered(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.randrange(2, 40)):
        damaged[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(damaged)


def blanked(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    length = min(rng.choice([16, 512, 4096]), len(content) - start)
    return content[:start] + bytes(length) + content[start + length :]


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.choice([0, 1, len(content) - 1, rng.randrange(len(content))])]


def lengthened(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.randbytes(rng.randrange(1, 100)) + content[place:]


KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flipped, scattered, blanked, cut, lengthened,
)  # fmt: skip


@pytest.mark.parametrize("sealed", [True, False])
def test_of_many_random_damages_none_is_loaded_with_other_content(
    sealed: bool, begun: dict[str, Any], tmp_path: Path
) -> None:
    """With a digest none is loaded at all; a file of before there was one may have been hit where
    it holds nothing, and then gives what it held."""
    path, rng = tmp_path / "job.pt", random.Random(8)
    if sealed:
        write_tensors(path, begun)
    else:
        torch.save(begun, path)
    content = path.read_bytes()
    found = read_tensors(path)
    assert found is not None
    assert alike(found, begun)
    loaded, lines = 0, []
    for number in range(DAMAGES):
        damaged = KINDS[number % len(KINDS)](content, rng)
        if damaged == content:
            continue
        path.write_bytes(damaged)
        try:
            found = read_tensors(path)
        except DamagedError as error:
            lines.append(str(error))
        else:
            loaded += 1
            assert found is not None
            assert alike(found, begun)
    assert not (sealed and loaded)
    assert all(str(path) in line and "\n" not in line for line in lines)


def test_a_bit_of_every_region_counts(begun: dict[str, Any], tmp_path: Path) -> None:
    """One flipped bit in the archive's head, a tensor, the table of contents, mark or digest."""
    path = tmp_path / "job.pt"
    write_tensors(path, begun)
    content = path.read_bytes()
    ends = [place for back in (1, 31, 33, 47, 49, 51, 70, 200) if (place := len(content) - back)]
    for place in (0, 40, 300, len(content) // 2, *ends):
        damaged = bytearray(content)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(DamagedError):
            read_tensors(path)


def expect_anew(trainer: Trainer, path: Path, said: str) -> None:
    """The checkpoint is not taken, is named and set aside as it was, and the job can begin."""
    content, notes = path.read_bytes(), []
    assert not trainer.load(path, notes.append)
    (note,) = notes
    assert said in note
    assert str(path) in note
    assert "starts anew" in note
    assert not path.exists()
    (aside,) = path.parent.glob(f"{path.name}.aside")
    assert aside.read_bytes() == content
    aside.unlink()
    fresh = make_trainer(trainer.spec)
    for one in (trainer, fresh):
        one.advance()
    assert same(trainer, fresh)


@pytest.mark.parametrize("model", ["vae", "factorvae"])
def test_whatever_part_is_missing_or_of_another_kind_the_job_starts_anew(
    model: str, tmp_path: Path
) -> None:
    path, trainer = tmp_path / "job.pt", make_trainer(small(model))
    for _ in range(2):
        trainer.advance()
    good = snapshot(trainer)
    state = good["optimiser"]["state"]
    less = {place: state[place] for place in list(state)[1:]}
    wrong: list[dict[str, Any]] = [{**good, "optimiser": {"state": less}}]
    wrong += [{**good, name: 7} for name in set(good) - {"job", "code", "step"}]
    needless = {"code"} if model == "factorvae" else {"code", "adversary"}
    wrong += [{k: v for k, v in good.items() if k != name} for name in set(good) - needless]
    wrong += [{**good, "step": step} for step in (-1, 2.0, 10**6, "2", True)]
    short = {**state[0], "exp_avg": state[0]["exp_avg"][:1]}
    wrong.append({**good, "optimiser": {"state": {**state, 0: short}}})
    if model == "factorvae":
        wrong.append({**good, "adversary": {**good["adversary"], "optimiser": {"state": {}}}})
    write_tensors(path, good)
    assert make_trainer(trainer.spec).load(path)
    for values in wrong:
        write_tensors(path, values)
        said = "another job" if "job" not in values else "is damaged"
        expect_anew(make_trainer(trainer.spec), path, said)


def test_another_jobs_and_other_codes_checkpoint_is_not_taken(
    begun: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "job.pt"
    write_tensors(path, begun)
    expect_anew(make_trainer(small(seed=1)), path, "checkpoint of another job")
    write_tensors(path, {**begun, "code": "0123456789abcdef"})
    expect_anew(make_trainer(small()), path, "written by other code of vaebench")


def test_a_checkpoint_that_names_no_code_is_not_gone_on_with(
    begun: dict[str, Any], tmp_path: Path
) -> None:
    """It is of before there was a digest, so of other code, whose steps are not today's."""
    path = tmp_path / "job.pt"
    torch.save({name: value for name, value in begun.items() if name != "code"}, path)
    expect_anew(make_trainer(small()), path, "written by other code of vaebench")


OUT_OF_MEMORY = (
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't "
                 "allocate memory: you tried to allocate 99 bytes. Error code 12"),
)  # fmt: skip


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["Python", "PyTorch"])
@pytest.mark.parametrize("place", ["torch.load", "zipfile.ZipFile.testzip"])
def test_a_checkpoint_that_memory_runs_out_for_stays_where_it_is(
    place: str,
    error: Exception,
    begun: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    path, notes = tmp_path / "job.pt", []
    torch.save(begun, path)
    content = path.read_bytes()
    trainer = make_trainer(small())
    with monkeypatch.context() as patch:
        patch.setattr(place, fail)
        with pytest.raises(type(error)):
            trainer.load(path, notes.append)
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert not notes
    assert trainer.load(path)


def test_a_checkpoint_that_cannot_be_read_now_stays_where_it_is(
    begun: dict[str, Any], tmp_path: Path
) -> None:
    """No file can be opened by a process that has as many open as it may: a real EMFILE."""
    path, trainer = tmp_path / "job.pt", make_trainer(small())
    write_tensors(path, begun)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot be read \(Too many open files\)"):
            trainer.load(path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert trainer.load(path)


def test_nothing_is_replaced_when_files_are_set_aside(tmp_path: Path) -> None:
    for content in ("first", "second", "third"):
        (tmp_path / "job.pt").write_text(content)
        set_aside(tmp_path / "job.pt")
    found = {file.name: file.read_text() for file in tmp_path.iterdir()}
    names = ("job.pt.aside", "job.pt.aside-2", "job.pt.aside-3")
    assert found == dict(zip(names, ("first", "second", "third"), strict=True))
