"""Facts about pictures of runs as figures: matrices, moving traversals, strips, failures, data."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.report.databases import Images, outcome, report, sprites, sweep, tiled
from vaebench.data import load_dataset
from vaebench.outcome import Artifact, Representation
from vaebench.report import ReportSummary
from vaebench.report.looks import images, matrix, plane, strips, walks
from vaebench.report.looks.animation import gif, there_and_back
from vaebench.report.looks.portrait import is_own, portrait
from vaebench.report.pictures import Block, cut, mosaic
from vaebench.report.rendering import render
from vaebench.report.showcase import Shown
from vaebench.report.style import styled
from vaebench.store import Store

DETAIL = {
    "latents": [2, 0, 1],
    "targets": ["x", "y"],
    "information": [[0.0, 1.0, 0.0], [1.5, 0.0, 0.3]],
    "entropies": [2.0, 3.0],
    "factors": ["x", "y"],
    "importances": [[0.0, 5.0, 0.0], [3.0, 0.0, 1.0]],
}
"""Latent 0 has half of what there is to know of x, latent 2 half of y; rows are z2, z0, z1."""


LONG = "a value in many words, for which there is no room"


def run(seed: int = 0, detail: dict[str, object] | None = None, shade: int = 0) -> Shown:
    """A run of three latents, whose pictures are darkened sprites."""
    frames = np.maximum(sprites(28)[:27], shade)[:, :28, :28]
    rows = ["z2 · KL 3.00", "z0 · KL 2.00", "z1 · KL 0.10"]
    walk = tiled("marginal", frames, 9, row_labels=rows, column_labels=[""] * 9, **(detail or {}))
    originals = np.concatenate([sprites(28)[30:40, :28, :28], frames[:10]])
    found = [
        tiled("reconstructions", originals, 10),
        tiled("samples", frames[:20], 10),
        tiled("traversals", frames, 9, row_labels=rows, column_labels=[""] * 9),
        walk,
        tiled("interpolation", frames[:16], 8, pairs=[[0, 1], [4, 2]]),
        tiled("attributes", frames[:10], 5, row_labels=["a", "b"], images=[3, 1], left_out=2),
    ]
    return Shown("VAE", "vae", "VAE", "β = 1", seed, "", {a.name: a for a in found}, {}, {})


def pixels_of(content: bytes) -> Images:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


def holds(whole: Images, part: Images) -> bool:
    """Whether a picture holds another one, pixel for pixel."""
    high, wide = part.shape[:2]
    rows, columns = whole.shape[0] - high + 1, whole.shape[1] - wide + 1
    starts = np.argwhere((whole[:rows, :columns] == part[0, 0]).all(axis=-1))
    return any((whole[y : y + high, x : x + wide] == part).all() for y, x in starts)


def test_the_matrix_has_shares_in_the_order_of_the_rows() -> None:
    information, importances = matrix.known(DETAIL)
    assert information.latents == importances.latents == (2, 0, 1)
    assert information.factors == ("x", "y")
    assert information.values.tolist() == [[0, 0.5, 0], [0.5, 0, pytest.approx(0.1)]]
    assert importances.values.tolist() == [[0, 1, 0], [0.75, 0, 0.25]]
    assert matrix.known({}) == []
    for broken in ({"information": [[1.0]]}, {"entropies": [0, 1]}, {"entropies": None},
                   {"information": "x"}, {"latents": [1]}):  # fmt: skip
        assert len(matrix.known({**DETAIL, **broken})) < 2


def test_many_factors_are_clustered_by_the_latents_that_know_them() -> None:
    values = np.eye(3)[np.arange(12) % 3] + np.random.default_rng(0).uniform(0, 0.03, (12, 3))
    order, tree = matrix.clustered(values)
    groups = [place % 3 for place in order]
    assert sum(a != b for a, b in pairwise(groups)) == 2
    assert tree.shape == (11, 4)
    names = [f"f{n}" for n in range(12)]
    detail = DETAIL | {"targets": names, "information": (1.2 * values).tolist(),
                       "entropies": [1.2] * 12}  # fmt: skip
    with styled():
        drawn = walks.draw(run(detail=detail), "marginal")
    assert drawn is not None
    matrix_axes = [
        a for a in drawn[0].axes if len(a.get_yticklabels()) == 12 and a.get_xticks().size
    ]
    shown = [label.get_text() for label in matrix_axes[0].get_yticklabels()]
    assert shown == [names[place] for place in order]
    assert any(len(axes.lines) == 11 for axes in drawn[0].axes), "the dendrogram"


def test_the_frames_of_a_moving_traversal_are_its_columns_there_and_back() -> None:
    levels = (np.arange(6 * 4 * 8 * 8) % 32 * 8).astype(np.uint8).reshape(6, 4, 8, 8, 1)
    rng = np.random.default_rng(0)
    block = Block("VAE", rng.permutation(levels.ravel()).reshape(levels.shape).repeat(3, axis=4),
                  [f"z{n} · KL 1" for n in range(6)], ["-1", "mean", LONG, "2"])  # fmt: skip
    with styled():
        content = gif(block)
    with Image.open(io.BytesIO(content)) as image:
        assert image.info["loop"] == 0
        frames = []
        for place in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(place)
            frames.append(np.asarray(image.convert("RGB"), dtype=np.uint8))
    order = [0, 1, 2, 3, 2, 1]
    assert there_and_back(4) == order
    assert len(frames) == len(order)
    assert (np.array(frames)[:, :, -6:] == 255).all(), "the longest title is not cut off"
    for frame, column in zip(frames, order, strict=True):
        assert holds(frame, mosaic(Block("", block.tiles[:5, column][None])))
        assert holds(frame, mosaic(Block("", block.tiles[5:, column][None])))
        other = (column + 1) % 4
        assert not holds(frame, mosaic(Block("", block.tiles[:5, other][None])))


def test_ways_have_their_images_at_the_ends() -> None:
    one = run()
    originals = cut(one.artifacts["reconstructions"])
    ways, added = cut(one.artifacts["interpolation"]), cut(one.artifacts["attributes"])
    assert originals is not None
    assert ways is not None
    assert added is not None
    for kind, wanted in (
        ("interpolation", [originals[0, 4], *ways[1], originals[0, 2]]),
        ("attributes", [originals[0, 1], *added[1]]),
    ):
        with styled():
            drawn = walks.draw(one, kind)
            assert drawn is not None
            content = render(drawn[0], "x", patches=drawn[1]).png
        assert holds(pixels_of(content), mosaic(Block("", np.stack(wanted)[None])))
    assert walks.draw(Shown("", "", "", "", 0, "", {}, {}, {}), "interpolation") is None


def test_a_strip_is_of_the_latent_that_knows_most() -> None:
    rows = [strips.Row("β = 1", run(detail=DETAIL)), strips.Row("β = 4", run(1, DETAIL, 40))]
    (block,) = strips.latents(rows)
    # Of x, which single latents know as well as y, latent 0 knows most: the second row.
    assert block.title == "The latent that knows most about x"
    assert block.row_labels == ["β = 1 · z0 · KL 2.00", "β = 4 · z0 · KL 2.00"]
    tiles = cut(rows[1].run.artifacts["traversals"])
    assert tiles is not None
    assert (block.tiles[1] == tiles[1]).all()
    (old,) = strips.latents([strips.Row("β = 1", run()), rows[1]])
    assert old.title == "The latent that varies most"
    assert old.row_labels[0] == "β = 1 · z2 · KL 3.00"
    (both,) = strips.reconstructions(rows)
    assert both.row_labels == ["original", "β = 1", "β = 4"]
    assert both.tiles[2].min() == 40
    assert strips.samples(rows)[0].tiles.shape[:2] == (2, 10)


def test_failures_are_the_worst_of_the_widest_cell_and_the_weakest_collapse() -> None:
    cells = {"a": (1.0, [-50, -52, -51]), "b": (4.0, [-60, -99, -61]), "c": (9.0, [-200, -201])}
    runs = pd.DataFrame(
        [
            {"job_key": f"{cell}{seed}", "cell": cell, "strength": strength, "seed": seed,
             "elbo": float(elbo), "reconstruction": 1.0, "active_units": 0 if cell == "c" else 3}
            for cell, (strength, elbos) in cells.items()
            for seed, elbo in enumerate(elbos)
        ]
    )  # fmt: skip
    assert strips.failed(runs) == [("median", "b2"), ("worst", "b1"), ("collapsed", "c0")]
    alive = runs.assign(active_units=2)
    assert strips.failed(alive) == [("median", "b2"), ("worst", "b1")]
    dead = runs.assign(active_units=[3, 3, 3, 3, 0, 3, 3, 3])
    assert strips.failed(dead) == [("median", "b2"), ("worst, collapsed", "b1")]
    single = alive[alive["seed"] == 0]
    assert strips.failed(single) == []
    plain = alive.assign(elbo=np.nan, reconstruction=[1.0, 9, 2, 3, 3, 3, 4, 4])
    assert strips.failed(plain) == [("median", "a2"), ("worst", "a1")]


def test_an_autoencoder_is_set_beside_the_strength_nearest_to_one() -> None:
    runs = pd.DataFrame(
        [("p", "ae", np.nan), ("q", "betavae_h", 10.0), ("r", "betavae_h", 0.5)],
        columns=["job_key", "model", "strength"],
    )
    assert strips.pair(runs) == ("p", "r")
    assert strips.pair(runs[1:]) is None
    assert strips.pair(runs[:1]) is None


def test_the_sheet_of_the_data_varies_one_factor_at_a_time(tmp_path: Path) -> None:
    grid = np.indices((3, 1, 12)).reshape(3, -1).T
    pixels = np.zeros((len(grid), 8, 8), np.uint8)
    pixels[:, 0, :3] = grid
    np.savez(tmp_path / "grid.npz", images=pixels, factors=grid,
             factor_names=np.array(["shape", "always", "angle"]))  # fmt: skip
    block = images.sheet(load_dataset(f"npz:{tmp_path / 'grid.npz'}"))
    assert block.row_labels == ["shape (3)", "angle (12)"]
    factors = block.tiles[:, :, 0, :3, 0]
    assert factors[0, :, 0].tolist() == sorted(factors[0, :, 0].tolist())
    assert set(factors[0, :, 0].tolist()) == {0, 1, 2}
    assert (factors[0, :, 1:] == [0, 6]).all()
    assert factors[1, [0, -1], 2].tolist() == [0, 11]
    assert (np.diff(factors[1, :, 2].astype(int)) > 0).all()
    assert (factors[1, :, :2] == [1, 0]).all()
    assert images.at_hand("npz:missing.npz") is None


def test_the_plane_is_drawn_beside_the_codes_by_class() -> None:
    frames = sprites(28)[:9, :28, :28]
    detail = {"low": [-3, -3], "high": [3, 3], "classes": [0, 1, 1], "class_names": ["cat", "dog"]}
    codes = np.array([[0, 0], [5, 1], [-1, 2]], dtype=np.float32)
    found = Shown("", "", "VAE", "", 0, "", {"plane": tiled("plane", frames, 3, **detail)}, {}, {})
    with styled():
        drawn = plane.draw(found, codes)
        assert drawn is not None
        scatter = next(axes for axes in drawn[0].axes if axes.collections)
        by_class = {
            c.get_label(): np.asarray(c.get_offsets()).tolist() for c in scatter.collections
        }
        assert by_class == {"cat": [[0, 0]], "dog": [[5, 1], [-1, 2]]}
        assert scatter.get_xlim()[1] > 5 > 3
        alone = plane.draw(found, None)
        assert alone is not None
        assert not any(axes.collections for axes in alone[0].axes)
    broken = Artifact("plane", b"no picture", 3, 3, detail)
    assert plane.draw(Shown("", "", "", "", 0, "", {"plane": broken}, {}, {}), codes) is None


def test_a_portrait_says_who_made_it_and_what_cannot_be_read() -> None:
    one = run(detail=DETAIL)
    broken = {**one.artifacts, "samples": Artifact("samples", b"\x89PNG\r\n", 4, 10)}
    files, unreadable = portrait(Shown("", "vae", "VAE", "", 0, "", broken, {}, {}), None)
    assert unreadable == ["The picture samples of VAE · seed 0 cannot be read."]
    assert {name for name in files if name.endswith(".gif")} == {"traversals.gif", "marginal.gif"}
    assert {name for name in files if name.startswith("attributes")} == {
        "attributes.png",
        "attributes.svg",
    }
    for name, content in files.items():
        assert is_own(content[: 1 << 14]), name
        if name.endswith("png"):
            with Image.open(io.BytesIO(content)) as image:
                image.load()
                assert image.info["Software"] == "vaebench show"
    assert not is_own(b"\x89PNG\r\n\x1a\n of somebody else")


def test_runs_without_the_new_pictures_are_said_in_a_report(
    full_report: tuple[Path, ReportSummary],
) -> None:
    out, summary = full_report
    stems = set(summary.figures)
    assert {"dsprites_strips_betavae_h", "dsprites_failures_betavae_h", "dsprites_images",
            "dsprites_autoencoder_samples"} <= stems  # fmt: skip
    assert not any("marginal" in stem or "ways" in stem for stem in stems)
    text = "".join(page.read_text() for page in out.rglob("*.html"))
    assert "an older vaebench evaluated these runs" in text


def test_a_report_shows_every_picture_of_runs_that_have_them(tmp_path: Path) -> None:
    specs = sweep(["ae", "vae"], seeds=1, dataset="fashion-mnist", network="mlp", latent_dim=2)
    plane_of = {"low": [-3, -3], "high": [3, 3], "classes": [0] * 4, "class_names": ["a", "b"]}
    drawn = dict(run(detail=DETAIL).artifacts)
    drawn["plane"] = tiled("plane", sprites(28)[:9, :28, :28], 3, **plane_of)
    codes = Representation(4, 2, np.arange(8, dtype="<f4").tobytes())
    with Store(tmp_path / "results.db") as store:
        sweep_id = store.add_sweep(specs, "vaebench sweep").sweep_id
        while claim := store.claim(sweep_id):
            end = replace(outcome(claim.spec), artifacts=tuple(drawn.values()))
            assert store.complete(claim, replace(end, representation=codes))
    summary = report(tmp_path / "results.db", tmp_path / "out")
    kinds = ("marginal", "ways_interpolation", "ways_attributes", "plane")
    beside = [f"{kind}_{model}" for model in ("ae", "vae") for kind in kinds]
    beside += ["autoencoder_samples", "autoencoder_interpolation"]
    assert {f"fashion-mnist_{name}" for name in beside} <= set(summary.figures)
    assert "an older vaebench evaluated" not in summary.index.read_text()
