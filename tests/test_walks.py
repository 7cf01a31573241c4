"""Pictures of ways through the latents: tiles are what the model makes of codes worked out here."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.training.conftest import make_spec, make_trainer
from vaebench.data.celeba import CelebA
from vaebench.evaluation import Encoder, held_out, pictures
from vaebench.evaluation.known import Target, attributes, information, targets
from vaebench.evaluation.walks import LEVELS, MARGINAL, PLANE, Shown, marginal
from vaebench.outcome import Artifact
from vaebench.training import prepare

STEP = 255 / LEVELS / 2 + 1
"""How far a stored pixel is from the model's own, at most: half a level, and rounding."""


def tiles(artifact: Artifact) -> NDArray[np.float64]:
    """A stored picture's tiles [R, K, H, W], 0 to 255, cut by its own shape."""
    with Image.open(io.BytesIO(artifact.png)) as image:
        pixels = np.asarray(image, dtype=np.float64)
    rows, columns = artifact.rows, artifact.columns
    high, wide = pixels.shape[0] // rows, pixels.shape[1] // columns
    return pixels.reshape(rows, high, columns, wide).swapaxes(1, 2)


@pytest.fixture(scope="module")
def made() -> tuple[Encoder, NDArray[np.int64], dict[str, Artifact]]:
    """A model of two latents on dSprites, fresh from its initialisation, and its pictures."""
    prepare("cpu", 1)
    spec = make_spec(eval_size=20, latent_dim=2)
    trainer = make_trainer(spec)
    encoder = Encoder(trainer.model.eval(), trainer.feed, "fp32")
    with torch.no_grad():  # so that its pictures differ
        encoder.model.network.head[-1].weight[:2] *= 60
        for layer in encoder.model.network.decoder.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.weight *= 4
    indices = held_out(spec, encoder.data)
    encoder.codes(indices)
    drawn = pictures(spec, encoder, indices, np.array([0.5, 2.0]), np.eye(5)[:2])
    return encoder, indices, {artifact.name: artifact for artifact in drawn}


def decoded(encoder: Encoder, z: NDArray[np.float32]) -> NDArray[np.float64]:
    """The model's own pictures of codes [..., 2], 0 to 255."""
    flat = torch.tensor(z.reshape(-1, 2), dtype=torch.float32)
    with torch.inference_mode():
        found = torch.sigmoid(encoder.model.decode(flat))[:, 0].double().numpy() * 255
    return np.asarray(found.reshape(*z.shape[:-1], *found.shape[1:]))


def chosen_of(encoder: Encoder) -> NDArray[np.int64]:
    """The examples that every job shows."""
    from vaebench.evaluation.pictures import COLUMNS, PICTURE_SEED
    from vaebench.training import numpy_generator

    rng = numpy_generator(PICTURE_SEED, "pictures")
    return rng.choice(np.asarray(encoder.data.test_indices), COLUMNS)


Made = tuple[Encoder, NDArray[np.int64], dict[str, Artifact]]


def test_the_marginal_is_walked_by_standard_deviations_of_the_codes(made: Made) -> None:
    encoder, indices, drawn = made
    codes = encoder.codes(indices).astype(np.float64)
    sd = codes.std(axis=0)
    order = sorted((0, 1), key=lambda latent: -sd[latent])
    z = np.tile(encoder.codes(chosen_of(encoder))[0], (2, len(MARGINAL), 1))
    for row, latent in enumerate(order):
        z[row, :, latent] = codes[:, latent].mean() + sd[latent] * np.array(MARGINAL)
    found = tiles(drawn["marginal"])
    assert np.abs(found - decoded(encoder, z)).max() <= STEP
    assert np.ptp(found[0], axis=0).max() > 2 * STEP  # it shows something
    detail = drawn["marginal"].detail
    assert detail["latents"] == order
    assert detail["kl"] == [[0.5, 2.0][latent] for latent in order]
    kl = f"KL {[0.5, 2.0][order[0]]:.2f}"
    assert detail["row_labels"][0] == f"z{order[0]} · sd {sd[order[0]]:.2f} · {kl}"
    assert detail["factors"] == list(encoder.data.factor_names[-5:])
    assert np.array(detail["importances"]).T.tolist() == np.eye(5)[:2][order].tolist()


def test_the_way_between_two_images_is_straight(made: Made) -> None:
    encoder, _, drawn = made
    mu = encoder.codes(chosen_of(encoder))
    found = tiles(drawn["interpolation"])
    for (one, other), row in zip(drawn["interpolation"].detail["pairs"], found, strict=True):
        share = np.linspace(0, 1, len(row))[:, None]
        wanted = decoded(encoder, ((1 - share) * mu[one] + share * mu[other]).astype(np.float32))
        assert np.abs(row - wanted).max() <= STEP
    ends = tiles(drawn["reconstructions"])[1]
    assert np.abs(found[0, 0] - ends[0]).max() <= 2 * STEP
    assert np.abs(found[0, -1] - ends[1]).max() <= 2 * STEP


def test_an_attribute_is_added_to_an_image_without_it(made: Made) -> None:
    encoder, indices, drawn = made
    codes, chosen = encoder.codes(indices), chosen_of(encoder)
    factors, shown = encoder.data.factors(indices), encoder.data.factors(chosen)
    assert factors is not None
    assert shown is not None
    detail = drawn["attributes"].detail
    place = encoder.data.factor_names.index("x")
    row = detail["row_labels"].index("more x")
    half = encoder.data.factor_sizes[place] / 2
    right = factors[:, place] >= half
    vector = codes[right].mean(0) - codes[~right].mean(0)
    base = detail["images"][row]
    assert shown[base, place] < half
    assert (shown[:base, place] >= half).all()  # the first that lacks it
    amounts = np.array([0, 0.5, 1, 1.5, 2], dtype=np.float32)[:, None]
    wanted = decoded(encoder, encoder.codes(chosen)[base] + amounts * vector)
    assert np.abs(tiles(drawn["attributes"])[row] - wanted).max() <= STEP
    assert detail["left_out"] == 0


def test_the_plane_goes_right_and_up(made: Made) -> None:
    encoder, _, drawn = made
    found, detail = tiles(drawn["plane"]), drawn["plane"].detail
    assert found.shape[:2] == (PLANE, PLANE)
    corners = np.array([[[-3, 3], [3, 3]], [[-3, -3], [3, -3]]], dtype=np.float32)
    assert np.abs(found[:: PLANE - 1, :: PLANE - 1] - decoded(encoder, corners)).max() <= STEP
    assert (detail["low"], detail["high"]) == ([-3, -3], [3, 3])
    from vaebench.evaluation import shared_examples

    labels = encoder.data.labels(shared_examples(encoder.data))
    assert labels is not None
    assert detail["classes"] == labels.tolist()
    assert detail["class_names"] == list(encoder.data.label_names)


def test_the_matrix_says_which_latent_is_which_factor() -> None:
    """z2 is the first factor, z0 the second, z1 is noise that varies little."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 4, 8_000), rng.integers(0, 10, 8_000)
    codes = np.stack([second / 10, 0.01 * rng.normal(size=8_000), 3.0 * first], axis=1)
    about = [Target("first", first, 4), Target("second", second, 10)]
    codes = codes.astype(np.float32)
    table = information(codes, about)
    assert table is not None
    nats = np.array([[0, np.log(10)], [0, 0], [np.log(4), 0]])
    assert table[0] == pytest.approx(nats, abs=0.02)
    assert table[1] == pytest.approx([np.log(4), np.log(10)], abs=0.001)

    class NoFactors:
        factor_names = ("first", "second")
        factor_sizes = (4, 10)

    shown = Shown(lambda z, _: z[:, :1, None, None], NoFactors(), np.arange(1), codes[:1], None,
                  np.arange(8_000), codes, None)  # fmt: skip
    detail = marginal(shown, about, None).detail
    assert detail["latents"] == [2, 0, 1]  # as the rows: by the spread of the codes
    assert detail["targets"] == ["first", "second"]
    assert np.array(detail["information"]) == pytest.approx(nats[[2, 0, 1]].T, abs=0.02)
    assert detail["row_labels"][0].startswith("z2 · sd 3.3")
    vectors = {each.name: each.vector for each in attributes(codes, about)}
    assert vectors["more second"] == pytest.approx([0.5, 0, 0], abs=0.1)
    assert information(codes[:10], about) is None  # fewer examples than bins
    assert information(codes, []) is None


def test_attributes_of_faces_have_their_names() -> None:
    """Half of the faces wear eyeglasses, which latent 1 says; every second one smiles."""
    names = ("Eyeglasses", "Smiling", "Wearing_Hat")
    has = np.zeros((40, 3), np.uint8)
    has[:20, 0], has[::2, 1] = 1, 1
    faces = CelebA("made up", np.zeros((40, 4, 4, 3), np.uint8), names, has, np.zeros(40, np.int64))
    about = targets(faces, np.arange(40))
    assert [target.name for target in about] == ["label", "Eyeglasses", "Smiling"]  # hats: nobody
    codes = np.stack([np.linspace(-1, 1, 40), 3.0 * has[:, 0]], axis=1).astype(np.float32)
    found = {each.name: each for each in attributes(codes, about)}
    assert list(found) == ["not smiling", "smiling", "Eyeglasses", "Smiling"]
    assert found["Eyeglasses"].vector == pytest.approx([-40 / 39, 3], abs=1e-5)
    assert found["Eyeglasses"].has.tolist() == has[:, 0].astype(bool).tolist()
