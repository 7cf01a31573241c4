"""A user's own npz file: layouts, factors, labels, margins, and one line for what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.conftest import known
from tests.data.published_formats import cut
from vaebench.data import Dataset, load_dataset
from vaebench.data.own import npz as own_npz
from vaebench.download import check
from vaebench.errors import DataError, UsageError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 9, 7)).astype(np.uint8)
COLOUR = RNG.integers(0, 256, (12, 9, 7, 3)).astype(np.uint8)


def write(folder: Path, compressed: bool = False, **arrays: Any) -> Path:
    path = folder / "own.npz"
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


def opened(folder: Path, size: int | None = None, **arrays: Any) -> Dataset:
    return load_dataset(f"npz:{write(folder, **arrays)}", folder, size)


@pytest.mark.parametrize("compressed", [False, True])
def test_layouts(tmp_path: Path, compressed: bool) -> None:
    for images, shape in (
        (GREY, (1, 9, 7)),
        (GREY[..., None], (1, 9, 7)),
        (GREY[:, None], (1, 9, 7)),
        (COLOUR, (3, 9, 7)),
        (np.ascontiguousarray(COLOUR.transpose(0, 3, 1, 2)), (3, 9, 7)),
    ):
        data = opened(tmp_path, images=images, compressed=compressed)
        assert data.observation_shape == shape
        expected = COLOUR.transpose(0, 3, 1, 2) if shape[0] == 3 else GREY[:, None]
        assert (data.observations(np.arange(12)) == expected).all()
        assert data.observations([]).shape == (0, *shape)
    assert len(data) == 12
    assert data.factors([0]) is None
    assert data.labels([0]) is None
    assert not data.has_grid
    assert (data.train_indices == np.arange(12)).all()


def test_channels_that_can_be_on_two_axes_need_a_layout(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (5, 3, 8, 3)).astype(np.uint8)
    with pytest.raises(DataError, match=r"\[5, 3, 8, 3\]; both .* NHWC or NCHW as `layout`"):
        opened(tmp_path, images=images)
    first = opened(tmp_path, images=images, layout="NCHW")
    assert first.observation_shape == (3, 8, 3)
    assert (first.observations([2]) == images[2:3]).all()
    last = opened(tmp_path, images=images, layout="NHWC")
    assert last.observation_shape == (3, 3, 8)
    assert (last.observations([2]) == images[2:3].transpose(0, 3, 1, 2)).all()
    with pytest.raises(DataError, match=r"cannot have the layout CHWN\. Possible: NHWC or NCHW"):
        opened(tmp_path, images=images, layout="CHWN")
    with pytest.raises(DataError, match=r"cannot have the layout NCHW\. Possible: NHWC"):
        opened(tmp_path, images=COLOUR, layout="NCHW")
    with pytest.raises(DataError, match="neither the second nor the last axis is 1 or 3"):
        opened(tmp_path, images=np.zeros((5, 8, 8, 4), np.uint8))


def test_uncompressed_images_are_mapped_and_compressed_ones_read(tmp_path: Path) -> None:
    mapped = own_npz.load_npz(write(tmp_path, images=COLOUR), tmp_path)
    assert isinstance(mapped._images.base, np.memmap | np.ndarray)
    assert not mapped._images.flags.writeable
    copy = mapped.observations([3])
    copy[:] = 0
    assert mapped.observations([3]).any()
    assert not (tmp_path / "unpacked").exists()


def test_large_compressed_images_are_unpacked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_npz, "IN_MEMORY_BYTES", COLOUR.nbytes - 1)
    monkeypatch.setattr(own_npz, "_BLOCK", 5)
    data = opened(tmp_path, images=COLOUR, compressed=True)
    assert (data.observations(np.arange(12)) == COLOUR.transpose(0, 3, 1, 2)).all()
    assert len(list((tmp_path / "unpacked").glob("npz-own-*.npy"))) == 1


def test_factors_that_form_a_grid(tmp_path: Path) -> None:
    values = RNG.permutation(np.stack(np.unravel_index(np.arange(12), (2, 3, 2)), axis=1))
    data = opened(tmp_path, images=GREY, factors=values + 5, factor_names=["a", "b", "c"])
    assert data.factor_names == ("a", "b", "c")
    assert data.factor_sizes == (2, 3, 2)
    assert data.has_grid
    assert (known(data.factors(np.arange(12))) == values).all()
    assert (data.index(values) == np.arange(12)).all()


def test_factors_that_form_no_grid(tmp_path: Path) -> None:
    data = opened(tmp_path, images=GREY, factors=RNG.integers(0, 9, (12, 2)))
    assert data.factor_names == ("factor 0", "factor 1")
    assert not data.has_grid
    assert known(data.factors([3, 3])).shape == (2, 2)
    with pytest.raises(DataError, match=r"own\.npz has 12 images for \d+ combinations of factors"):
        data.index([[0, 0]])


def test_labels(tmp_path: Path) -> None:
    data = opened(tmp_path, images=GREY, labels=["dog", "cat", "dog"] * 4)
    assert data.label_names == ("cat", "dog")
    assert known(data.labels([0, 1, 2])).tolist() == [1, 0, 1]
    data = opened(tmp_path, images=GREY, labels=np.array([7, 3, 7] * 4, np.uint8))
    assert data.label_names == ("3", "7")
    assert known(data.labels([0, 1])).tolist() == [1, 0]
    names = np.array([b"zero", b"one", b"two"])
    data = opened(tmp_path, images=GREY, labels=[0, 2, 0] * 4, label_names=names)
    assert data.label_names == ("zero", "one", "two")
    assert known(data.labels([1])).tolist() == [2]


def test_a_margin_up_to_the_size_asked_for(tmp_path: Path) -> None:
    data = opened(tmp_path, 16, images=COLOUR)
    assert data.observation_shape == (3, 16, 16)
    padded = data.observations(np.arange(12))
    assert padded.shape == (12, 3, 16, 16)
    assert (padded[:, :, 3:12, 4:11] == COLOUR.transpose(0, 3, 1, 2)).all()
    assert padded.sum() == COLOUR.sum()
    with pytest.raises(UsageError, match=r"9×7 pixels.* Allowed: 9 \(their own\) or more"):
        opened(tmp_path, 8, images=COLOUR)


def test_the_source_tells_the_content(tmp_path: Path) -> None:
    one = opened(tmp_path, images=GREY).source
    assert opened(tmp_path, images=GREY, labels=np.arange(12)).source == one
    assert opened(tmp_path, images=255 - GREY).source != one
    assert "12 images of CRC-32" in one
    assert "1 image of CRC-32" in opened(tmp_path, images=GREY[:1]).source


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": GREY}, r"own\.npz has no `images`, but pictures"),
        ({"images": GREY / 255}, r"images are float64 \[12, 9, 7\], not uint8"),
        ({"images": GREY[0]}, r"images are uint8 \[9, 7\], not uint8 \[N, H, W\]"),
        ({"images": GREY[:0]}, r"has no images: `images` have the shape \[0, 9, 7\]"),
        (
            {"images": np.asfortranarray(GREY)},
            r"images are in Fortran order.* images=np\.ascontiguousarray\(images\)",
        ),
        (
            {"images": GREY, "factor": np.zeros((12, 1), int)},
            "Unknown array 'factor'. Known: images, layout, .* Did you mean 'factors'.* leave it",
        ),
        ({"images": GREY, "lables": np.arange(12)}, "'lables'.* Did you mean 'labels'"),
        ({"images": GREY, "factor_names": ["a"]}, "has factor_names but no factors"),
        (
            {"images": GREY, "labels": [b"caf\xe9"] * 12},
            r"labels has the bytes b'caf\\xe9'.* UTF-8",
        ),
        (
            {"images": GREY, "factors": np.zeros((12, 1), int), "factor_names": [b"\xff"]},
            r"factor_names has the bytes b'\\xff', which are not UTF-8",
        ),
        ({"images": np.array([GREY[0], None], object)}, "images holds Python objects"),
        ({"images": GREY, "factors": np.zeros((11, 2), int)}, r"\[11, 2\], not \[12, F\]"),
        ({"images": GREY, "factors": np.zeros((12, 2))}, "factors are float64, not integers"),
        (
            {"images": GREY, "factors": np.zeros((12, 2), int), "factor_names": ["a"]},
            "factor_names are a, not 2 different names",
        ),
        (
            {"images": GREY, "factors": np.zeros((12, 1), int), "factor_names": [3]},
            "factor_names is int64 .* not text",
        ),
        ({"images": GREY, "labels": np.zeros(11, int)}, r"labels are int64 \[11\], not"),
        ({"images": GREY, "labels": np.zeros(12)}, "labels are float64"),
        ({"images": GREY, "label_names": ["a"]}, "has label_names but no labels"),
        (
            {"images": GREY, "labels": np.arange(12), "label_names": ["a", "b"]},
            "labels go from 0 to 11; with 2 label_names they are integers from 0 to 1",
        ),
        (
            {"images": GREY, "labels": ["a"] * 12, "label_names": ["a", "b"]},
            "labels are texts; with 2 label_names they are integers",
        ),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as e:
        opened(tmp_path, **arrays)
    assert str(tmp_path / "own.npz") in str(e.value)
    assert "\n" not in str(e.value)
    (found,) = check(f"npz:{tmp_path / 'own.npz'}")
    assert found.problem == str(e.value)


@pytest.mark.parametrize("compressed", [False, True])
def test_fortran_order_is_read_where_nothing_is_mapped(tmp_path: Path, compressed: bool) -> None:
    first, second = np.arange(12) // 4, np.arange(12) % 4
    images = np.asfortranarray(GREY) if compressed else GREY
    factors = np.array([first, second]).T
    assert factors.flags.f_contiguous
    data = opened(tmp_path, images=images, factors=factors, compressed=compressed)
    assert (known(data.factors(np.arange(12))) == factors).all()
    assert (data.observations(np.arange(12))[:, 0] == GREY).all()
    assert check(data.name)[0].problem is None


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [(6, 1, "images.npy.* is encrypted"), (8, 9, "compression method is not supported")],
)
def test_archives_that_python_cannot_read_are_named(
    tmp_path: Path, place: int, value: int, message: str
) -> None:
    path = write(tmp_path, images=GREY)
    content = bytearray(path.read_bytes())
    content[place] = value  # of the file's own header, and below of the list at the end
    content[content.rindex(b"PK\x01\x02") + place + 2] = value
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{path} cannot be read .*{message}"):
        load_dataset(f"npz:{path}", tmp_path)


def test_a_flipped_byte_of_mapped_images_is_found_by_the_check(tmp_path: Path) -> None:
    images = np.tile(GREY, (20, 1, 1))
    path = write(tmp_path, images=images)
    content = bytearray(path.read_bytes())
    content[content.index(GREY.tobytes()) + 5] ^= 1
    path.write_bytes(content)
    assert (load_dataset(f"npz:{path}", tmp_path).observations([0])[0, 0] != images[0]).sum() == 1
    assert "Bad CRC-32" in str(check(f"npz:{path}")[0].problem)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_truncated_files_are_named(tmp_path: Path, share: float, compressed: bool) -> None:
    path = cut(write(tmp_path, compressed, images=COLOUR), share)
    with pytest.raises(DataError, match=rf"{path} cannot be read \([\d,]+ bytes\)"):
        load_dataset(f"npz:{path}", tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="npz: names no path"):
        load_dataset("npz:", tmp_path)
    with pytest.raises(DataError, match=rf"{tmp_path} is a folder, not an npz file"):
        load_dataset(f"npz:{tmp_path}", tmp_path)
    with pytest.raises(DataError, match=rf"{tmp_path / 'none.npz'} is missing"):
        load_dataset(f"npz:{tmp_path / 'none.npz'}", tmp_path)
