"""npz, IDX, smallNORB, MAT and HDF5 files: damaged or made up, they are read or refused."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.properties.inputs import answers, damaged
from vaebench.data import cars3d, load_dataset, shapes3d
from vaebench.data.dsprites import read_official
from vaebench.data.formats import idx, norb
from vaebench.data.formats.npz import read_through
from vaebench.data.grid import Grid
from vaebench.data.mpi3d import header_shape
from vaebench.data.own.identity import content_digest
from vaebench.download import check


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield tmp_path_factory.mktemp("arrays")


def saved(write: object, *arguments: object, **values: object) -> bytes:
    """What a function writes to a file."""
    buffer = io.BytesIO()
    write(buffer, *arguments, **values)  # type: ignore[operator]
    return buffer.getvalue()


IMAGES = (np.arange(12 * 8 * 8) % 251).astype(np.uint8).reshape(12, 8, 8)
PARTS = {
    "images": IMAGES,
    "factors": np.stack([np.arange(12) // 4, np.arange(12) % 4], axis=1),
    "factor_names": np.array(["a", "b"]),
    "labels": np.arange(12) % 3,
    "label_names": np.array([b"x", b"y", b"z"]),
}
PLAIN = saved(np.savez, **PARTS)
PACKED = saved(np.savez_compressed, **PARTS)


def own(folder: Path, content: bytes) -> None:
    """Opens, reads and checks an npz file of a user's own, and as if it were a published one."""
    path = folder / "own.npz"
    path.write_bytes(content)

    def read() -> None:
        data = load_dataset(f"npz:{path}", folder)
        assert len(content_digest(data)) == 16
        assert data.observations([0, len(data) - 1]).dtype == np.uint8

    answers(read)
    answers(lambda: [found.problem for found in check(f"npz:{path}", folder)])
    answers(lambda: read_through(path))
    answers(lambda: read_official(path, images=12))
    header_shape(path)


@given(st.one_of(damaged(PLAIN), damaged(PACKED), st.binary(max_size=300)))
def test_damaged_npz(folder: Path, content: bytes) -> None:
    own(folder, content)


@given(damaged(zlib.compress(PLAIN)), st.sampled_from([0, 8, 9, 12, 14, 93]), st.integers(0, 9))
def test_npz_of_other_compressions(folder: Path, content: bytes, method: int, flags: int) -> None:
    """Headers that promise another compression, or an encryption, than the bytes have."""
    whole = bytearray(PLAIN)
    for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = whole.find(mark)
        whole[place + at : place + at + 2] = struct.pack("<H", method)
        whole[place + at - 2 : place + at] = struct.pack("<H", flags)
    own(folder, bytes(whole))
    own(folder, content)


TYPES = st.one_of(
    arrays.integer_dtypes(),
    arrays.unsigned_integer_dtypes(),
    arrays.floating_dtypes(),
    arrays.boolean_dtypes(),
    arrays.unicode_string_dtypes(),
    arrays.byte_string_dtypes(),
    arrays.complex_number_dtypes(),
    arrays.datetime64_dtypes(),
    arrays.array_dtypes(max_size=2),
)
ANY = TYPES.flatmap(
    lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0))
)
SHAPED = arrays.array_shapes(min_dims=3, max_dims=4, max_side=5).flatmap(
    lambda shape: arrays.arrays(np.uint8, shape)
)
MEMBERS = st.fixed_dictionaries(
    {"images": st.one_of(st.just(IMAGES), SHAPED, ANY)},
    optional={
        "factors": st.one_of(ANY, arrays.arrays(np.int64, (12, 2))),
        "factor_names": st.one_of(ANY, st.just(PARTS["factor_names"])),
        "labels": st.one_of(ANY, arrays.arrays(np.int64, 12), arrays.arrays("<U3", 12)),
        "label_names": st.one_of(ANY, st.just(PARTS["label_names"])),
        "layout": st.one_of(ANY, st.sampled_from(["NHWC", "NCHW", "x"]).map(np.array)),
        "other": ANY,
    },
)


@given(MEMBERS, st.booleans(), st.booleans())
def test_npz_of_any_arrays(
    folder: Path, members: dict[str, np.ndarray], packed: bool, fortran: bool
) -> None:
    if fortran:
        members = {name: np.asfortranarray(values) for name, values in members.items()}
    own(folder, saved(np.savez_compressed if packed else np.savez, **members))


SIZES = st.one_of(st.integers(-3, 13), st.integers(), st.sampled_from([2**31, 2**63, 2**64]))
SHAPES = st.lists(SIZES, max_size=5).map(tuple)
DESCRIPTIONS = st.sampled_from(
    ["|u1", "<i8", "|O", "|V0", "<U0", "|S0", "<f2", "|u1,<i4", "[('a', '<i4')]", "x", ""]
)
HEADERS = st.one_of(
    st.builds(
        lambda kind, order, shape: repr({"descr": kind, "fortran_order": order, "shape": shape}),
        DESCRIPTIONS,
        st.booleans(),
        SHAPES,
    ),
    st.text(max_size=60),
    st.integers(1, 3000).map(lambda depth: "(" * depth + ")" * depth),
    st.integers(1, 3000).map(lambda depth: "-" * depth + "1"),
)


@given(HEADERS, st.sampled_from([(1, 0), (2, 0), (3, 0), (0, 0)]), st.booleans())
def test_npz_headers(folder: Path, header: str, version: tuple[int, int], packed: bool) -> None:
    text = (header + "\n").encode("utf-8", "replace")
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    content = b"\x93NUMPY" + bytes(version) + size + text + IMAGES.tobytes()
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("images.npy", content)
    own(folder, buffer.getvalue())


SMALL_IDX = idx.IdxFile("small", (2051, 3, 4, 4), 16 + 48, "")
WHOLE_IDX = struct.pack(">4i", *SMALL_IDX.header) + bytes(48)


@given(st.one_of(damaged(WHOLE_IDX), st.binary(max_size=70), st.binary(min_size=64, max_size=64)))
def test_idx(folder: Path, content: bytes) -> None:
    path = folder / "small"
    path.write_bytes(content)
    problem = idx.file_problem(path, SMALL_IDX)
    assert problem is None or len(problem.splitlines()) == 1
    whole = len(content) == 64 and content[:16] == WHOLE_IDX[:16]
    assert (problem is None) == whole


NORB = struct.pack("<5i", 0x1E3D4C55, 3, 6, 4, 5) + bytes(range(120))
SIGNED = st.integers(-(2**31), 2**31 - 1)


@given(
    st.one_of(
        damaged(NORB),
        st.binary(max_size=200),
        st.builds(
            lambda kind, sizes: struct.pack("<2i", kind, len(sizes)) + bytes(sizes),
            st.sampled_from([0x1E3D4C55, 0x1E3D4C54, 0]),
            st.binary(max_size=40),
        ),
        st.builds(lambda a, b: struct.pack("<2i", a, b) + NORB, SIGNED, SIGNED),
    ),
    st.booleans(),
)
def test_smallnorb(folder: Path, content: bytes, packed: bool) -> None:
    path = folder / ("part.mat.gz" if packed else "part.mat")
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    answers(lambda: list(norb.read_matrix(path, np.uint8, (6, 4, 5))))


@given(damaged(gzip.compress(NORB)))
def test_smallnorb_packed(folder: Path, content: bytes) -> None:
    path = folder / "part.mat.gz"
    path.write_bytes(content)
    answers(lambda: list(norb.read_matrix(path, np.uint8, (6, 4, 5))))


CAR = saved(scipy.io.savemat, {"im": np.zeros((128, 128, 3, 24, 4), np.uint8)}, do_compression=True)
ODD_CAR = saved(scipy.io.savemat, {"im": [[1, 2], ["x", {"a": 1}]], "y": np.eye(3)})


@given(st.one_of(damaged(ODD_CAR), damaged(CAR), st.binary(max_size=300)))
def test_cars3d(folder: Path, content: bytes) -> None:
    path = folder / "car.mat"
    path.write_bytes(content)
    answers(lambda: cars3d.read_car(path))


SMALL = Grid(("a", "b"), (2, 3))


def shapes() -> bytes:
    """A small file in the format of 3D Shapes."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        images = np.zeros((6, 64, 64, 3), np.uint8)
        file.create_dataset("images", data=images, chunks=(2, 64, 64, 3), compression="gzip")
        file["labels"] = np.array([[a, b] for a in (0.0, 1.0) for b in (0.0, 0.5, 1.0)])
    return buffer.getvalue()


SHAPES3D = shapes()


@given(st.one_of(damaged(SHAPES3D), st.binary(max_size=300)))
def test_hdf5(folder: Path, content: bytes) -> None:
    path = folder / "small.h5"
    path.write_bytes(content)
    answers(lambda: list(shapes3d.blocks(path, SMALL)))
