"""3D Shapes: the h5 file, unpacked in blocks, and bad files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.published_formats import ROOMS, cut, write_shapes3d
from vaebench.data import load_dataset, shapes3d
from vaebench.data.shapes3d import load_shapes3d
from vaebench.errors import DataError, UsageError

h5py = pytest.importorskip("h5py")
INDICES = np.arange(288)


def test_images_and_factors_stand_in_the_published_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = write_shapes3d(tmp_path / "shapes3d" / "3dshapes.h5")
    monkeypatch.setattr(shapes3d, "_BLOCK_BYTES", 20 * 64 * 64 * 3)
    seen: list[tuple[int, int]] = []
    data = load_shapes3d(tmp_path, on_progress=lambda *count: seen.append(count), _grid=ROOMS)
    assert len(data) == 288
    assert data.observation_shape == (3, 64, 64)
    assert (data.observations(INDICES) == images.transpose(0, 3, 1, 2)).all()
    assert data.factor_names == (
        "floor_hue",
        "wall_hue",
        "object_hue",
        "scale",
        "shape",
        "orientation",
    )
    factors = data.factors(INDICES)
    assert factors is not None
    assert (data.index(factors) == INDICES).all()
    assert factors[:4].tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 2],
        [0, 0, 0, 0, 1, 0],
    ]
    labels = data.labels(INDICES)
    assert labels is not None
    assert (labels == factors[:, 4]).all()
    assert data.label_names == ("cube", "cylinder", "sphere", "capsule")
    # Blocks are whole rows of the file's chunks of 7 images.
    assert seen[:3] == [(0, 288), (14, 288), (28, 288)]
    assert seen[-1] == (288, 288)


def test_published_size() -> None:
    assert np.prod(shapes3d.GRID.sizes) == 480_000


def test_the_public_loader_insists_on_the_published_size(tmp_path: Path) -> None:
    path = tmp_path / "3dshapes" / "3dshapes.h5"
    write_shapes3d(path)
    with pytest.raises(
        DataError, match=r"images are uint8 \[288, 64, 64, 3\], not uint8 \[480000, 64, 64, 3\]"
    ) as e:
        load_dataset("shapes3d", tmp_path)
    assert str(path) in str(e.value)
    with pytest.raises(UsageError, match="Allowed: 64"):
        load_dataset("shapes3d", tmp_path, size=32)


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_truncated_files_are_named(tmp_path: Path, share: float) -> None:
    path = tmp_path / "shapes3d" / "3dshapes.h5"
    write_shapes3d(path)
    cut(path, share)
    with pytest.raises(DataError, match=rf"{path} cannot be read \([\d,]+ bytes\)") as e:
        load_shapes3d(tmp_path, _grid=ROOMS)
    assert "\n" not in str(e.value)


def test_damaged_contents_are_named(tmp_path: Path) -> None:
    path = tmp_path / "shapes3d" / "3dshapes.h5"
    write_shapes3d(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = bytes(4000)
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=f"{path} cannot be read"):
        load_shapes3d(tmp_path, _grid=ROOMS)
    assert not list((tmp_path / "unpacked").glob("*.npy"))
    assert not list((tmp_path / "unpacked").glob(".*.part"))


def test_files_with_other_contents_are_named(tmp_path: Path) -> None:
    path = tmp_path / "shapes3d" / "3dshapes.h5"
    write_shapes3d(path)
    with h5py.File(path, "r+") as file:
        labels = file["labels"][()]
        labels[[0, 1]] = labels[[1, 0]]
        file["labels"][...] = labels
    with pytest.raises(DataError, match="labels of orientation do not run through 3 values"):
        load_shapes3d(tmp_path, _grid=ROOMS)
    with h5py.File(path, "r+") as file:
        del file["labels"]
    with pytest.raises(DataError, match=r"its labels are missing, not float64 \[288, 6\]"):
        load_shapes3d(tmp_path, _grid=ROOMS)
    with pytest.raises(DataError, match=r"3dshapes\.h5 is missing.*data download shapes3d"):
        load_dataset("shapes3d", tmp_path / "elsewhere")
